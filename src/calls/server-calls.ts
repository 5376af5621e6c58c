// A peer's connection to the server of its registry, over which calls are taken and made when the
// two peers may not reach each other, and over which the registry of a server that is not open to
// everybody is asked. The server relays frames, which it can't read. A call that is cut off because
// a connection was lost goes on: the caller calls again under the same number.

import { BoundedMap } from "../bounded-map.ts";
import { backoffMs } from "../client/backoff.ts";
import { ElsewhereError, ParleyError } from "../errors.ts";
import { ControlClient } from "../files/control-client.ts";
import { steadyMs } from "../io/clock.ts";
import { hostPortText, parseHostPort, type ServerAddress, siblingOf } from "../io/host-port.ts";
import type { RegistrySession } from "../io/registry-client.ts";
import type { RelayedCall, RelayedCalls } from "../io/relayed-link.ts";
import { calls as limits, fetching } from "../limits.ts";
import type { CallRequest, ChannelEnds, OfferEnd, OfferMessage } from "../protocol/messages.ts";
import { secretBytes } from "../secrets.ts";

type Channel = Extract<OfferMessage, { type: "channel" }>;

export class ServerCalls implements RelayedCalls, RegistrySession {
  onCall: (call: RelayedCall) => void = () => {};
  readonly #server: ServerAddress;
  readonly #say: (text: string) => void;
  #control: Promise<ControlClient> | undefined;
  readonly #calls = new Map<string, ServerCall>();
  /** Calls that this end has requested: the server's answer opens them. */
  readonly #requested = new Map<string, (channel: Channel) => void>();
  /** Calls of this end that failed: the server may open them yet. */
  readonly #failed = new BoundedMap<string, true>(limits.maxFailed);
  /** The ID whose calls are taken. */
  #id: string | undefined;
  #attempts = 0;
  /** The code of the refusal to take calls of which the user was told last. */
  #told: string | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  /** `server` has the device's key, if there is one: it proves whose calls are taken. */
  constructor(server: ServerAddress, say: (text: string) => void) {
    this.#server = server;
    this.#say = say;
  }

  take(id: string): void {
    if (this.#id !== undefined || this.#isClosed) return;
    this.#id = id;
    void this.#take(id);
  }

  async call(to: string, key: string): Promise<RelayedCall> {
    const offer = Buffer.from(secretBytes(16)).toString("base64url");
    const request = { type: "call", offer, to, key } as const;
    const call = this.#add(offer, true);
    try {
      await this.#request(call, { ...request, channel: 1 });
    } catch (error) {
      call.end();
      this.#failed.set(offer, true);
      throw error;
    }
    call.onLost = () => void this.#callAgain(call, request);
    // It may have been lost since the answer.
    if (call.isCut) call.onLost();
    return call;
  }

  async askRegistry(request: string): Promise<{ answer: string; from: string }> {
    const control = await this.#connected();
    const heard = await control.request({ type: "registry", request });
    if (heard.type !== "registry") {
      const sentence = `${control.where} sent an unexpected answer: ${heard.type}.`;
      throw new ParleyError("protocol", sentence);
    }
    return { answer: heard.answer, from: control.remoteAddress };
  }

  /** Calls again under the same number, until the call goes on or is over. */
  async #callAgain(call: ServerCall, request: Omit<Request, "channel">): Promise<void> {
    let { channel } = call;
    for (let attempt = 1; call.isCut; attempt++) {
      try {
        return await this.#request(call, { ...request, channel: ++channel });
      } catch (error) {
        const code = error instanceof ParleyError ? error.code : undefined;
        // The other end may not have come back yet.
        const mayPass = code !== undefined && (passing.has(code) || code === "not-found");
        if (!mayPass) return call.handleEnded();
        await Bun.sleep(Math.min(backoffMs(attempt, Math.random), limits.againMs));
      }
    }
  }

  /** The server's answer opens the call's channel. */
  async #request(call: ServerCall, request: Request): Promise<void> {
    try {
      return await this.#requestAt(await this.#connected(), call, request);
    } catch (error) {
      // Several servers may act as one.
      const at = error instanceof ElsewhereError ? parseHostPort(error.at) : undefined;
      const other = at && siblingOf(this.#server, at);
      if (other === undefined) throw error;
      return await this.#requestElsewhere(other, call, request);
    }
  }

  /** Over a connection of its own, which ends with the call. */
  async #requestElsewhere(
    server: ServerAddress,
    call: ServerCall,
    request: Request,
  ): Promise<void> {
    const control = await this.#connect(server);
    try {
      await this.#requestAt(control, call, request, () => leave(control));
    } catch (error) {
      leave(control);
      throw error;
    }
  }

  async #requestAt(
    control: ControlClient,
    call: ServerCall,
    request: Request,
    leaveThere?: () => void,
  ): Promise<void> {
    const opened = Promise.withResolvers<void>();
    const open = (channel: Channel): void => {
      // Its first frames may have arrived together with it.
      call.attach({ control, leave: leaveThere, ...channel });
      opened.resolve();
    };
    this.#requested.set(call.offer, open);
    try {
      await control.request(request);
      const lost = control.lost.then((error) => Promise.reject(error));
      await Promise.race([opened.promise, lost]);
    } finally {
      // The call may have been cut off since, and requested again.
      if (this.#requested.get(call.offer) === open) this.#requested.delete(call.offer);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    void this.#control?.then(leave, ignore);
  }

  async #take(id: string): Promise<void> {
    try {
      const control = await this.#connected();
      const cut = [...this.#calls.values()].filter((call) => call.isCut && !call.isOurs);
      const again = cut.map(({ offer }) => offer);
      await control.request({ type: "take-calls", id, again, time: steadyMs() });
      this.#attempts = 0;
      this.#told = undefined;
    } catch (error) {
      this.#handleUntaken(id, error);
    }
  }

  #handleUntaken(id: string, error: unknown): void {
    if (this.#isClosed) return;
    const known = error instanceof ParleyError ? error : undefined;
    // An older server, or one that does not want it, remains so.
    const mayPass = known !== undefined && passing.has(known.code);
    if (mayPass) return this.#takeLater(id);
    if (known?.code === "protocol") return;
    const why = known?.message ?? String(error);
    if (known === undefined || known.code !== this.#told) {
      this.#say(`Nobody can call you through the server at ${hostPortText(this.#server)}: ${why}`);
    }
    this.#told = known?.code;
    // A mute ends. So does the connection of an earlier run, which the server takes for a later one
    // if the clock was set back in between.
    if (known !== undefined && mayEnd.has(known.code)) this.#takeLater(id);
  }

  #takeLater(id: string): void {
    const mostMs = this.#calls.size > 0 ? limits.againMs : limits.returnMs;
    const waitMs = Math.min(backoffMs(++this.#attempts, Math.random), mostMs);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#take(id), waitMs);
  }

  #connected(): Promise<ControlClient> {
    const control = (this.#control ??= this.#connectHere());
    control.catch(() => {
      if (this.#control === control) this.#control = undefined;
    });
    return control;
  }

  async #connectHere(): Promise<ControlClient> {
    const control = await this.#connect(this.#server);
    void control.lost.then(() => this.#handleLost());
    return control;
  }

  async #connect(server: ServerAddress): Promise<ControlClient> {
    const control = await ControlClient.connect(server);
    control.onOfferMessage = (message) => this.#handle(control, message);
    control.onDrained = () => {
      for (const call of this.#calls.values()) call.onDrained();
    };
    void control.lost.then(() => {
      for (const call of this.#calls.values()) if (call.isUsing(control)) call.handleLost();
    });
    await control.admitted();
    if (this.#isClosed) control.close();
    return control;
  }

  #handleLost(): void {
    this.#control = undefined;
    if (!this.#isClosed && this.#id !== undefined) this.#takeLater(this.#id);
  }

  #handle(control: ControlClient, message: OfferMessage): void {
    if (!("offer" in message)) return;
    const call = this.#calls.get(message.offer);
    switch (message.type) {
      case "channel":
        return this.#handleChannel(control, message, call);
      case "passed":
        if (call?.isUsing(control, message.channel)) call.onFrame(message.data);
        return;
      case "offer-ended":
        if (!call?.isUsing(control)) return;
        return message.reason === "lost" ? call.handleLost() : call.handleEnded();
      default:
    }
  }

  #handleChannel(control: ControlClient, message: Channel, call: ServerCall | undefined): void {
    const { offer, channel } = message;
    const requested = this.#requested.get(offer);
    if (requested !== undefined) return requested(message);
    if (call !== undefined) {
      // Only the caller calls again.
      if (!call.isOurs && channel > call.channel) call.attach({ control, ...message });
      return;
    }
    // This end has given the call up.
    if (channel > 1 || this.#failed.get(offer) === true)
      return control.send(endOf(offer, "cancelled"));
    const made = this.#add(offer, false);
    made.attach({ control, ...message });
    this.onCall(made);
  }

  #add(offer: string, isOurs: boolean): ServerCall {
    const call = new ServerCall(offer, isOurs, () => this.#calls.delete(offer));
    this.#calls.set(offer, call);
    return call;
  }
}

type Request = Extract<CallRequest, { type: "call" }>;

/** The connection over which a call goes, and its channel there. */
type Attached = Pick<Channel, "channel" | "relay"> & {
  readonly control: ControlClient;
  /** Ends a connection that is for this call only. */
  readonly leave?: (() => void) | undefined;
};

class ServerCall implements RelayedCall {
  onFrame: (data: string) => void = () => {};
  onEnded: () => void = () => {};
  onDrained: () => void = () => {};
  onCut: () => void = () => {};
  onAgain: () => void = () => {};
  /** After `onCut`. */
  onLost: () => void = () => {};
  readonly offer: string;
  /** This end has called. */
  readonly isOurs: boolean;
  readonly #forget: () => void;
  /** The last one, unless there is none yet. */
  #attached: Attached | undefined;
  /** While the call is cut off: when it is given up. */
  #wait: Timer | undefined;
  #isOver = false;

  constructor(offer: string, isOurs: boolean, forget: () => void) {
    this.offer = offer;
    this.isOurs = isOurs;
    this.#forget = forget;
  }

  /** It waits to go on. */
  get isCut(): boolean {
    return this.#wait !== undefined;
  }

  /** The number of its last channel. */
  get channel(): number {
    return this.#attached?.channel ?? 0;
  }

  get waitingBytes(): number {
    return this.isCut ? 0 : (this.#attached?.control.waitingBytes ?? 0);
  }

  get server(): string {
    return this.#attached?.control.remoteAddress ?? "";
  }

  get relay(): ChannelEnds["relay"] {
    return this.#attached?.relay;
  }

  pass(data: string): void {
    if (this.#isOver || this.isCut || this.#attached === undefined) return;
    const { control, channel } = this.#attached;
    control.send({ type: "pass", offer: this.offer, channel, data });
  }

  checkAlive(): void {
    this.#attached?.control.checkAlive(fetching.aliveTimeoutMs);
  }

  end(): void {
    if (this.#isOver) return;
    if (!this.isCut) this.#attached?.control.send(endOf(this.offer));
    this.#leave();
  }

  /** Whether it uses that connection, and that channel. */
  isUsing(control: ControlClient, channel = this.channel): boolean {
    return this.#attached?.control === control && this.channel === channel && !this.isCut;
  }

  /** A channel is open, the first or another one. */
  attach(attached: Attached): void {
    if (this.#isOver) {
      attached.control.send(endOf(this.offer));
      return attached.leave?.();
    }
    const isFirst = this.#attached === undefined;
    if (!this.isCut) this.#attached?.leave?.();
    clearTimeout(this.#wait);
    this.#wait = undefined;
    this.#attached = attached;
    if (!isFirst) this.onAgain();
  }

  /** A connection to the server was lost, at either end. */
  handleLost(): void {
    if (this.#isOver || this.isCut) return;
    this.#attached?.leave?.();
    this.#wait = setTimeout(() => this.handleEnded(), limits.waitMs);
    this.onCut();
    this.onLost();
  }

  handleEnded(): void {
    if (this.#isOver) return;
    this.#leave();
    this.onEnded();
  }

  #leave(): void {
    this.#isOver = true;
    clearTimeout(this.#wait);
    if (!this.isCut) this.#attached?.leave?.();
    this.#wait = undefined;
    this.#forget();
  }
}

function endOf(offer: string, reason: OfferEnd = "done") {
  return { type: "end-files", offer, reason } as const;
}

function ignore(): void {}

function leave(control: ControlClient): void {
  control.send({ type: "bye" });
  control.close();
}

/** Errors that the user is told of, though they may not last either. */
const mayEnd: ReadonlySet<string> = new Set(["not-allowed", "muted"]);

/** Errors that may not last. */
const passing: ReadonlySet<string> = new Set([
  "cannot-connect",
  "stalled",
  "rate",
  "full",
  "storage",
]);
