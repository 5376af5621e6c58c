// Fetches by code through a server: proves to the sender that it knows the code, and is then a
// source of files, one channel after another.

import { ParleyError } from "../errors.ts";
import type { ControlClient } from "../files/control-client.ts";
import { channelInfo } from "../handover/exchange.ts";
import { codeStepIn } from "../handover/frames.ts";
import { offerId } from "../handover/offer-number.ts";
import { PersonSource } from "../handover/person-source.ts";
import { type Receipt, ReceivedChannel } from "../handover/received-channel.ts";
import type { ServerAddress } from "../io/host-port.ts";
import { codes as limits } from "../limits.ts";
import type { ChannelEnds, OfferEnd } from "../protocol/messages.ts";
import { codeSealer } from "../tls/code-sealer.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import type { Code } from "../trust/code.ts";
import { CodeLink, type CodeLinkEvents } from "./code-link.ts";
import { GuestSteps, wrongCode } from "./code-steps.ts";

const senderName = "The sender";

type DatagramOptions = {
  /** False: the sender must not learn our addresses. */
  readonly isDirectAllowed: boolean;
  /** The path of incoming data has changed. */
  onPath(path: Path | undefined): void;
};

export type JoinOptions = DatagramOptions & {
  readonly server: ServerAddress;
  /** A connection to the server. */
  readonly control: ControlClient;
};

/** A channel, and its content once the sender is authenticated. */
type Opened = {
  readonly number: number;
  readonly relay: ChannelEnds["relay"];
  channel: ReceivedChannel | undefined;
};

export class LinkedGuest {
  readonly #code: Code;
  readonly #options: DatagramOptions;
  readonly #link: CodeLink;
  readonly #steps: GuestSteps;
  /** Resolves when the sender has proved to know the code. */
  readonly #entered = Promise.withResolvers<PersonSource>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #done = Promise.withResolvers<void>();
  #source: PersonSource | undefined;
  #channel: Opened | undefined;
  #receipt: Receipt | undefined;
  readonly #hurry: Timer;

  /**
   * Joins the code at the server. @throws ParleyError `not-found`: there is no code with that
   * number; `rate`
   */
  static async join(
    code: Code,
    { server, control, isDirectAllowed, onPath }: JoinOptions,
  ): Promise<LinkedGuest> {
    const guest = new LinkedGuest(code, server, { isDirectAllowed, onPath });
    try {
      await guest.#link.open(control);
    } catch (error) {
      guest.close();
      throw error;
    }
    return guest;
  }

  private constructor(code: Code, server: ServerAddress, options: DatagramOptions) {
    this.#code = code;
    this.#options = options;
    this.#steps = new GuestSteps(code);
    const offer = offerId();
    const request = () => ({ type: "join-code", offer, number: code.number }) as const;
    this.#link = new CodeLink(server, request, this.#events());
    this.#failed.promise.catch(() => {});
    const sentence = "The sender does not answer: is its program still running?";
    this.#hurry = setTimeout(
      () => this.#fail(new ParleyError("stalled", sentence)),
      limits.guestMs,
    );
  }

  /**
   * The files, once the sender is connected and authenticated. @throws ParleyError `integrity`,
   * `stalled`, …
   */
  async entered(): Promise<PersonSource> {
    return await Promise.race([this.#entered.promise, this.failed]);
  }

  /** Rejects when nothing more will arrive. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Bytes that are verified. */
  tellProgress(bytes: number): void {
    this.#channel?.channel?.tellProgress(bytes);
  }

  /** Tells the sender what is in place, until the sender has received it. */
  async tellReceived(receipt: Receipt): Promise<void> {
    this.#receipt = receipt;
    this.#link.expectEnd();
    // Repeated in each channel.
    this.#channel?.channel?.tellReceived(receipt);
    await Promise.race([this.#done.promise, this.failed.catch(() => {})]);
  }

  close(): void {
    clearTimeout(this.#hurry);
    this.#drop();
    this.#link.end("cancelled");
  }

  #events(): CodeLinkEvents {
    return {
      ready() {},
      channel: (number, relay) => {
        this.#drop();
        this.#channel = { number, relay, channel: undefined };
      },
      frame: (data) => this.#receive(data),
      lost: () => this.#drop(),
      ended: (reason) => this.#handleEnd(reason),
      failed: (error) => this.#fail(error),
      drained() {},
    };
  }

  #receive(data: string): void {
    const current = this.#channel;
    if (current === undefined) return;
    const step = codeStepIn(data);
    if (step === undefined || current.channel !== undefined) {
      return current.channel?.receive(data);
    }
    const answer = this.#steps.handle(step);
    if (this.#steps.isWrong) return this.#fail(new ParleyError("integrity", wrongCode));
    if (answer === undefined) return;
    this.#link.port(current.number).pass(answer);
    const { secret } = this.#steps;
    if (secret !== undefined) this.#open(current, secret);
  }

  /** From here on everything is sealed. */
  #open(current: Opened, secret: Uint8Array): void {
    clearTimeout(this.#hurry);
    const source = (this.#source ??= sourceOf(secret, () => this.#link.checkAlive()));
    const peer = {
      sealer: codeSealer(secret, "guest"),
      key: "",
      info: channelInfo(`code ${this.#code.number}`, current.number),
    };
    const { isDirectAllowed, onPath } = this.#options;
    const channel: ReceivedChannel = new ReceivedChannel({
      port: this.#link.port(current.number),
      peer,
      source,
      datagrams: this.#link.datagrams(isDirectAllowed),
      relay: current.relay,
      onPath,
      onBroken: (reason) => {
        if (current.channel === channel) this.#fail(reason);
      },
    });
    current.channel = channel;
    this.#entered.resolve(source);
    if (this.#receipt !== undefined) channel.tellReceived(this.#receipt);
  }

  #drop(): void {
    this.#channel?.channel?.close();
    this.#channel = undefined;
  }

  #handleEnd(reason: OfferEnd): void {
    if (this.#receipt !== undefined && reason === "done") return this.#done.resolve();
    const isWrong = reason === "declined" && this.#steps.secret === undefined;
    this.#fail(isWrong ? new ParleyError("integrity", wrongCode) : endError(reason));
  }

  #fail(error: ParleyError): void {
    this.#failed.reject(error);
    this.close();
  }
}

function sourceOf(secret: Uint8Array, checkAlive: () => void): PersonSource {
  // Partial files are bound to this code: data fetched by another code is from a different sender.
  const key = new Bun.CryptoHasher("sha256").update("parley code\0").update(secret);
  const allowance = { files: Number.POSITIVE_INFINITY, bytes: 0 };
  return new PersonSource({
    name: senderName,
    key: key.digest("base64url"),
    allowance,
    checkAlive,
  });
}

function endError(reason: OfferEnd): ParleyError {
  if (reason === "lost") return new ParleyError("stalled", "The sender has not reconnected.");
  const sentence = "The sender cancelled it; what has arrived is kept";
  return new ParleyError(reason === "overrun" ? "protocol" : "declined", sentence);
}
