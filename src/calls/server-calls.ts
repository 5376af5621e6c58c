// A peer's connection to the server of its registry, over which calls are taken and made when the
// two peers may not reach each other. The server relays frames, which it can't read.

import { backoffMs } from "../client/backoff.ts";
import { ElsewhereError, ParleyError } from "../errors.ts";
import { ControlClient } from "../files/control-client.ts";
import { hostPortText, parseHostPort, type ServerAddress, siblingOf } from "../io/host-port.ts";
import type { RelayedCall, RelayedCalls } from "../io/relayed-link.ts";
import { calls as limits, fetching } from "../limits.ts";
import type { ChannelEnds, OfferMessage } from "../protocol/messages.ts";
import { secretBytes } from "../secrets.ts";

type Channel = Extract<OfferMessage, { type: "channel" }>;

export class ServerCalls implements RelayedCalls {
  onCall: (call: RelayedCall) => void = () => {};
  readonly #server: ServerAddress;
  readonly #say: (text: string) => void;
  #control: Promise<ControlClient> | undefined;
  readonly #calls = new Map<string, ServerCall>();
  /** Calls that this end has requested: the server's answer opens them. */
  readonly #requested = new Map<string, (channel: Channel) => void>();
  /** The ID whose calls are taken. */
  #id: string | undefined;
  #attempts = 0;
  #timer: Timer | undefined;
  #isClosed = false;

  /** `server` has the device's key, which proves whose calls are taken. */
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
    try {
      return await this.#call(await this.#connected(), to, key);
    } catch (error) {
      // Several servers may act as one.
      const at = error instanceof ElsewhereError ? parseHostPort(error.at) : undefined;
      const other = at && siblingOf(this.#server, at);
      if (other === undefined) throw error;
      return await this.#callAt(other, to, key);
    }
  }

  /** Over a connection of its own, which ends with the call. */
  async #callAt(server: ServerAddress, to: string, key: string): Promise<RelayedCall> {
    const control = await this.#connect(server);
    try {
      const call = await this.#call(control, to, key);
      call.onForgotten = () => leave(control);
      return call;
    } catch (error) {
      leave(control);
      throw error;
    }
  }

  async #call(control: ControlClient, to: string, key: string): Promise<ServerCall> {
    const offer = Buffer.from(secretBytes(16)).toString("base64url");
    const opened = Promise.withResolvers<Channel>();
    this.#requested.set(offer, opened.resolve);
    try {
      await control.request({ type: "call", offer, to, key });
      const lost = control.lost.then((error) => Promise.reject(error));
      return this.#open(control, await Promise.race([opened.promise, lost]));
    } finally {
      this.#requested.delete(offer);
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
      await control.request({ type: "take-calls", id });
      this.#attempts = 0;
    } catch (error) {
      this.#handleUntaken(id, error);
    }
  }

  #handleUntaken(id: string, error: unknown): void {
    if (this.#isClosed) return;
    const known = error instanceof ParleyError ? error : undefined;
    // An older server, or one that does not want it, remains so.
    const mayPass = known !== undefined && passing.has(known.code);
    if (this.#attempts === 0 && !mayPass && known?.code !== "protocol") {
      const why = known?.message ?? String(error);
      this.#say(`Nobody can call you through the server at ${hostPortText(this.#server)}: ${why}`);
    }
    if (mayPass) this.#takeLater(id);
  }

  #takeLater(id: string): void {
    const waitMs = Math.min(backoffMs(++this.#attempts, Math.random), limits.returnMs);
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
      for (const call of this.#calls.values()) if (call.isUsing(control)) call.handleEnded();
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
      case "channel": {
        const requested = this.#requested.get(message.offer);
        if (requested !== undefined) return requested(message);
        if (call === undefined) this.onCall(this.#open(control, message));
        return;
      }
      case "passed":
        return call?.onFrame(message.data);
      case "offer-ended":
        return call?.handleEnded();
      default:
    }
  }

  #open(control: ControlClient, { offer, relay }: Channel): ServerCall {
    const call = new ServerCall(control, { offer, relay }, () => this.#calls.delete(offer));
    this.#calls.set(offer, call);
    return call;
  }
}

type Opened = { readonly offer: string; readonly relay: ChannelEnds["relay"] };

class ServerCall implements RelayedCall {
  onFrame: (data: string) => void = () => {};
  onEnded: () => void = () => {};
  onDrained: () => void = () => {};
  /** It is over, and its connection may be. */
  onForgotten: () => void = () => {};
  readonly relay: ChannelEnds["relay"];
  readonly #control: ControlClient;
  readonly #offer: string;
  readonly #forget: () => void;
  #isOver = false;

  constructor(control: ControlClient, { offer, relay }: Opened, forget: () => void) {
    this.#control = control;
    this.#offer = offer;
    this.relay = relay;
    this.#forget = forget;
  }

  get waitingBytes(): number {
    return this.#control.waitingBytes;
  }

  get server(): string {
    return this.#control.remoteAddress;
  }

  pass(data: string): void {
    const offer = this.#offer;
    if (!this.#isOver) this.#control.send({ type: "pass", offer, channel: 1, data });
  }

  checkAlive(): void {
    this.#control.checkAlive(fetching.aliveTimeoutMs);
  }

  end(): void {
    if (this.#isOver) return;
    this.#control.send({ type: "end-files", offer: this.#offer, reason: "done" });
    this.#leave();
  }

  /** Whether it uses that connection. */
  isUsing(control: ControlClient): boolean {
    return this.#control === control;
  }

  handleEnded(): void {
    if (this.#isOver) return;
    this.#leave();
    this.onEnded();
  }

  #leave(): void {
    this.#isOver = true;
    this.#forget();
    this.onForgotten();
  }
}

function ignore(): void {}

function leave(control: ControlClient): void {
  control.send({ type: "bye" });
  control.close();
}

/** Errors that may not last. */
const passing: ReadonlySet<string> = new Set([
  "cannot-connect",
  "stalled",
  "rate",
  "full",
  "storage",
]);
