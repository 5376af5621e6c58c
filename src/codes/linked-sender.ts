// Sends files by code through a server: opens the code there, admits the guest who proves to know
// the words, and serves the guest through one channel after another.

import { TokenBucket } from "../chat/rates/token-bucket.ts";
import { ParleyError } from "../errors.ts";
import type { ReceiptLine } from "../handover/channel-line.ts";
import { channelInfo } from "../handover/exchange.ts";
import { codeStepIn } from "../handover/frames.ts";
import { offerId } from "../handover/offer-number.ts";
import type { OfferedFolder } from "../handover/offered-folder.ts";
import { LinkSocket, paceOf } from "../handover/paths/link-socket.ts";
import { ServedChannel } from "../handover/served-channel.ts";
import { steadyMs } from "../io/clock.ts";
import type { ServerAddress } from "../io/host-port.ts";
import { codes as limits } from "../limits.ts";
import type { ChannelEnds, OfferEnd, PageAddress } from "../protocol/messages.ts";
import { FileService } from "../server/files/file-service.ts";
import { codeSealer } from "../tls/code-sealer.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import type { Code } from "../trust/code.ts";
import type { CodeDoor } from "./code-door.ts";
import { CodeLink, type CodeLinkEvents } from "./code-link.ts";
import { HostSteps } from "./code-steps.ts";
import { goneError, guestError } from "./guest-error.ts";

export interface LinkedSenderOptions {
  readonly server: ServerAddress;
  readonly folder: OfferedFolder;
  readonly limitBytesPerSecond?: number | undefined;
  /** False: the guest must not learn our addresses. */
  readonly isDirectAllowed: boolean;
  /**
   * How long to wait for a guest who has lost the connection; undefined: as long as the server
   * does.
   */
  readonly patienceMs?: number | undefined;
  /** Bytes that the guest has verified. */
  onProgress(bytes: number): void;
  onInterrupted(reason: string): void;
  /** The path to the guest has changed. */
  onPath(path: Path | undefined): void;
  /** The guest has received and verified everything. */
  onDone(): void;
  /** It has failed. */
  onFailed(error: ParleyError): void;
}

type Opened = { number: number; relay: ChannelEnds["relay"] };

export class LinkedSender {
  readonly #options: LinkedSenderOptions;
  readonly #link: CodeLink;
  readonly #service: FileService<OfferedFolder>;
  readonly #pace: TokenBucket | undefined;
  #number = 0;
  #page: PageAddress | undefined;
  #serving: { code: Code; door: CodeDoor; steps: HostSteps } | undefined;
  /** The current channel. */
  #channel: Opened | undefined;
  #served: ServedChannel | undefined;
  #hurry: Timer | undefined;
  #patience: Timer | undefined;
  readonly #socket: LinkSocket;

  /** Opens a code at the server. @throws ParleyError */
  static async open(options: LinkedSenderOptions): Promise<LinkedSender> {
    const sender = new LinkedSender(options);
    try {
      await sender.#link.open();
    } catch (error) {
      sender.close();
      throw error;
    }
    return sender;
  }

  private constructor(options: LinkedSenderOptions) {
    const { server, folder } = options;
    this.#options = options;
    const offer = offerId();
    const request = () =>
      ({
        type: "open-code",
        offer,
        number: this.#number || undefined,
        time: steadyMs(),
      }) as const;
    this.#link = new CodeLink(server, request, this.#events());
    this.#pace = paceOf(options.limitBytesPerSecond);
    this.#socket = new LinkSocket(this.#pace, () => this.#service.wake());
    this.#service = FileService.over(folder, this.#socket);
  }

  /** The number that the server has assigned to the code. */
  get number(): number {
    return this.#number;
  }

  /**
   * The address of the page where browsers fetch by the code; undefined: the server has no page.
   */
  get page(): PageAddress | undefined {
    return this.#page;
  }

  /** Admits a guest who knows the code; `door` may be shared with other ways in. */
  serve(code: Code, door: CodeDoor): void {
    this.#serving = { code, door, steps: new HostSteps(code, door) };
    if (this.#channel !== undefined) this.#greet(this.#channel);
  }

  /** The door has changed, through this way in or another one. */
  handleDoor(): void {
    const { door, steps } = this.#serving ?? {};
    if (door?.state === "void") this.#refuse();
    if (door?.state !== "taken") return;
    if (steps?.isIn !== true) return this.#link.end("cancelled");
    clearTimeout(this.#hurry);
    this.#link.answer(true);
    if (this.#channel !== undefined) this.#open(this.#channel);
  }

  close(): void {
    clearTimeout(this.#hurry);
    clearTimeout(this.#patience);
    this.#drop();
    this.#link.end("cancelled");
    this.#service.close();
  }

  #events(): CodeLinkEvents {
    return {
      ready: (answer) => {
        if (answer.type !== "code-opened") return;
        this.#page = answer.page;
        this.#handleNumber(answer.number);
      },
      channel: (number, relay) => {
        clearTimeout(this.#patience);
        this.#drop();
        this.#channel = { number, relay };
        this.#greet(this.#channel);
      },
      frame: (data) => this.#receive(data),
      lost: (reason) => {
        const wasServing = this.#served !== undefined;
        this.#drop();
        this.#channel = undefined;
        if (wasServing) this.#handleInterrupted(reason);
      },
      ended: (reason) => this.#handleEnd(reason),
      failed: (error) => this.#options.onFailed(error),
      drained: () => this.#service.wake(),
    };
  }

  #handleNumber(number: number): void {
    if (this.#number === 0 || number === this.#number) {
      this.#number = number;
      return;
    }
    const sentence = `The server has been restarted, and ${this.#number} is the number of another code there now: send again`;
    this.#options.onFailed(new ParleyError("failed", sentence));
  }

  #handleInterrupted(reason: string): void {
    const { patienceMs, onInterrupted, onFailed } = this.#options;
    onInterrupted(reason);
    if (patienceMs === undefined) return;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => onFailed(goneError(patienceMs)), patienceMs);
  }

  /** A guest is at the other end. */
  #greet(channel: Opened): void {
    const serving = this.#serving;
    if (serving === undefined) return;
    this.#link.port(channel.number).pass(serving.steps.hello);
    if (serving.steps.isIn) return this.#open(channel);
    // Nobody else can use the code meanwhile.
    this.#hurry ??= setTimeout(() => serving.door.close(), limits.guestMs);
  }

  #receive(data: string): void {
    const channel = this.#channel;
    const step = codeStepIn(data);
    if (step === undefined || channel === undefined) return this.#served?.receive(data);
    const answer = this.#serving?.steps.handle(step);
    if (answer !== undefined) this.#link.port(channel.number).pass(answer);
  }

  #open({ number, relay }: Opened): void {
    const { code, door } = this.#serving ?? {};
    if (code === undefined || door?.secret === undefined || this.#served !== undefined) return;
    const sealer = codeSealer(door.secret, "host");
    const served: ServedChannel = new ServedChannel({
      port: this.#link.port(number),
      peer: { sealer, key: "", info: channelInfo(`code ${code.number}`, number) },
      service: this.#service,
      pace: this.#pace,
      datagrams: {
        ...this.#link.datagrams(this.#options.isDirectAllowed),
        relay,
        socket: this.#socket,
        onPath: (path) => this.#options.onPath(path),
      },
      to: "Whoever takes it",
      onReceipt: (receipt) => this.#handleReceipt(receipt),
      onBroken: (reason) => {
        if (this.#served === served) this.#options.onFailed(reason);
      },
    });
    this.#served = served;
  }

  #drop(): void {
    this.#served?.close();
    this.#served = undefined;
  }

  #handleReceipt(receipt: ReceiptLine): void {
    if (receipt.type === "progress") return this.#options.onProgress(receipt.bytes);
    this.#link.end("done");
    const { failed, reason } = receipt;
    if (failed === 0) this.#options.onDone();
    else this.#options.onFailed(guestError(failed, reason));
  }

  /** A wrong guess: the server counts it for the guest's network. */
  #refuse(): void {
    clearTimeout(this.#hurry);
    this.#link.answer(false);
    this.#link.end("cancelled");
  }

  #handleEnd(reason: OfferEnd): void {
    const { door, steps } = this.#serving ?? {};
    // A guest that leaves without a proof counts as a guess.
    if (steps?.isIn !== true && reason === "cancelled") return door?.close();
    this.#options.onFailed(endError(reason));
  }
}

function endError(reason: OfferEnd): ParleyError {
  switch (reason) {
    case "lost":
      return new ParleyError("stalled", "Nobody fetched the files, or came back for the rest.");
    case "overrun":
      return new ParleyError(
        "protocol",
        "More was sent than the other end accepts: send the files again.",
      );
    case "elsewhere":
      return new ParleyError("failed", "Another program is sending the same files now.");
    default:
      return guestError(0, "");
  }
}
