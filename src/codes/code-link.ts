// One end of a code at a server: opens the code there, or requests the channel to its sender, and
// repeats this after every lost connection. Relays frames without inspecting them.

import { backoffMs } from "../client/backoff.ts";
import { ParleyError } from "../errors.ts";
import { ControlClient } from "../files/control-client.ts";
import type { FramePort } from "../handover/channel.ts";
import { hostPortText, type ServerAddress } from "../io/host-port.ts";
import type { DatagramSettings } from "../handover/exchange.ts";
import { withoutPeriod } from "../text.ts";
import { codes as limits, fetching } from "../limits.ts";
import type {
  ChannelEnds,
  CodeOfferRequest,
  OfferEnd,
  OfferMessage,
} from "../protocol/messages.ts";

export interface CodeLinkEvents {
  /** The server has opened the code under this number, or admitted this end to it. */
  ready(answer: Extract<OfferMessage, { type: "code-opened" | "code-joined" }>): void;
  /** Both ends are connected, and an earlier channel is over. */
  channel(number: number, relay: ChannelEnds["relay"]): void;
  frame(data: string): void;
  /** The channel is over; another may follow. `reason`: a phrase for the middle of a sentence. */
  lost(reason: string): void;
  ended(reason: OfferEnd): void;
  /** The server no longer admits this end. */
  failed(error: ParleyError): void;
  /** The connection accepts more data. */
  drained(): void;
}

export class CodeLink {
  readonly #server: ServerAddress;
  readonly #request: () => CodeOfferRequest;
  readonly #events: CodeLinkEvents;
  #control: ControlClient | undefined;
  #channel: number | undefined;
  #attempts = 0;
  /** When this end was last known to the server. */
  #readyMs = performance.now();
  #timer: Timer | undefined;
  #isLast = false;
  #isClosed = false;

  /** `request`: the first message on each new connection. */
  constructor(server: ServerAddress, request: () => CodeOfferRequest, events: CodeLinkEvents) {
    this.#server = server;
    this.#request = request;
    this.#events = events;
  }

  /**
   * Connects for the first time. `control`: an existing connection.
   * @throws ParleyError `cannot-connect`, `not-found`, `rate`, `full`, …
   */
  async open(control?: ControlClient): Promise<void> {
    await this.#enter(control);
  }

  /**
   * Everything is done except that the other end must receive it: if that end has left, there is
   * nothing to wait for.
   */
  expectEnd(): void {
    this.#isLast = true;
  }

  port(channel: number): FramePort {
    const offer = this.#request().offer;
    const control = this.#control;
    return {
      pass: (data) => {
        if (this.#channel === channel) control?.send({ type: "pass", offer, channel, data });
      },
      waitingBytes: () => control?.waitingBytes ?? 0,
    };
  }

  /** How datagrams may be sent between the two ends. */
  datagrams(isDirectAllowed: boolean): DatagramSettings {
    return {
      server: () => this.#control?.remoteAddress ?? "",
      isDirectAllowed,
      checkAlive: () => this.checkAlive(),
    };
  }

  /** Looks whether the connection to the server still works. */
  checkAlive(): void {
    this.#control?.checkAlive(fetching.aliveTimeoutMs);
  }

  /** Reports whether the other end knows the code. */
  answer(accept: boolean): void {
    this.#control?.send({ type: "answer-files", offer: this.#request().offer, accept });
  }

  /** Ends the code for both, and closes the connection. */
  end(reason: "done" | "cancelled"): void {
    if (this.#isClosed) return;
    this.#control?.send({ type: "end-files", offer: this.#request().offer, reason });
    this.close();
  }

  /** Closes the connection; nothing more is reported. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#control?.send({ type: "bye" });
    this.#control?.close();
  }

  async #enter(open?: ControlClient): Promise<void> {
    const control = open ?? (await ControlClient.connect(this.#server));
    if (this.#isClosed) return control.close();
    try {
      await control.admitted();
      if (this.#isClosed) return control.close();
      if (!control.passesCodes) throw noCodes(this.#server);
      control.onDrained = () => this.#events.drained();
      control.onOfferMessage = (message) => this.#handle(message);
      this.#control = control;
      const answer = await control.request(this.#request());
      if (answer.type !== "code-opened" && answer.type !== "code-joined") {
        throw new ParleyError("protocol", `${control.where} sent an unexpected answer.`);
      }
      this.#attempts = 0;
      this.#readyMs = performance.now();
      this.#events.ready(answer);
    } catch (error) {
      control.close();
      throw error;
    }
    void control.lost.then(({ message }) => this.#handleLost(message));
  }

  #handle(message: OfferMessage): void {
    if (this.#isClosed || !("offer" in message)) return;
    if (message.offer !== this.#request().offer) return;
    switch (message.type) {
      case "channel":
        this.#channel = message.channel;
        return this.#events.channel(message.channel, message.relay);
      case "passed":
        if (message.channel === this.#channel) this.#events.frame(message.data);
        return;
      case "channel-lost":
        if (message.channel !== this.#channel) return;
        this.#channel = undefined;
        return this.#events.lost("the other end is offline");
      case "offer-ended":
        this.#channel = undefined;
        return this.#events.ended(message.reason);
      default:
    }
  }

  #handleLost(reason: string): void {
    if (this.#isClosed) return;
    this.#channel = undefined;
    this.#control = undefined;
    this.#events.lost(withoutPeriod(reason));
    this.#later();
  }

  #later(): void {
    const waitMs = backoffMs(++this.#attempts, Math.random);
    this.#timer = setTimeout(() => void this.#again(), waitMs);
  }

  async #again(): Promise<void> {
    try {
      await this.#enter();
    } catch (error) {
      if (this.#isClosed) return;
      const known = error instanceof ParleyError ? error : undefined;
      if (known === undefined || !this.#mayPass(known)) {
        return this.#events.failed(known ?? new ParleyError("failed", String(error)));
      }
      this.#later();
    }
  }

  /** Whether a retry may succeed: a restarted server knows no codes until the sender is back. */
  #mayPass({ code }: ParleyError): boolean {
    if (unreachable.has(code)) return true;
    if (this.#isLast && code === "not-found") return false;
    return busy.has(code) && performance.now() - this.#readyMs < limits.awayMs;
  }
}

const unreachable: ReadonlySet<string> = new Set(["cannot-connect", "stalled"]);
const busy: ReadonlySet<string> = new Set(["not-found", "rate", "full", "storage"]);

function noCodes(server: ServerAddress): ParleyError {
  const where = hostPortText(server);
  const sentence = `The server at ${where} is too old to relay files for a code: leave it out to send from this machine`;
  return new ParleyError("failed", sentence);
}
