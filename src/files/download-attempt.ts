// One try at fetching one file: the receiver's loop and a control connection put together, and the assembly driven in slices
// between them. Decides nothing about segments, keeps nothing beyond the try; fetcher.ts tries again.

import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import type { Assembly } from "../transfer/assembler.ts";
import { Receiver } from "../transfer/receiver.ts";
import type { PathMemory, ReceiverStats } from "../transfer/receiver-machine.ts";
import { nowUs } from "../io/clock.ts";
import { type ControlClient, errorOf, type Line } from "./control-client.ts";
import { EarlyArrivals } from "./pre-offer-buffer.ts";
import { isLoopback } from "../addresses.ts";
import { type Offer, readOffer } from "./offer.ts";
import { ReceiverLoop } from "./receiver-loop.ts";
import type { UdpOffload } from "../io/udp/udp.ts";

export interface PullOptions {
  /** The server's numeric address, and the UDP port: the TCP port's number, until an offer says otherwise. */
  readonly host: string;
  readonly udpPort: number;
  readonly name: string;
  /** Byte ranges that are missing; absent for all. */
  readonly wanted?: readonly (readonly [start: number, end: number])[];
  /** Bytes up to here are there already, at least in parts. */
  readonly heldBytes: number;
  readonly limitBytesPerSecond?: number;
  readonly path?: PathMemory;
  /** False: no kernel offload (tests). */
  readonly offload?: boolean;
  /** Where the bytes go; undefined if `wanted` is of no use for what is offered: the pull then ends with `stale`. May throw. */
  onOffer(offer: Offer): Assembly | undefined;
  /** After each turn, with new bytes or without. May throw, which ends the pull. */
  onTurn(): void;
}

/** How a try ended: `again` can be tried again, `elsewhere` at another UDP port. Everything that can't is thrown. */
export type PullOutcome =
  | { how: "whole" }
  | { how: "stale" }
  | { how: "elsewhere"; udpPort: number }
  | { how: "again"; reason: ParleyError };

export class Pull {
  readonly receiver: Receiver;
  readonly #options: PullOptions;
  readonly #token: Uint8Array;
  readonly #loop: ReceiverLoop;
  readonly #outcome = Promise.withResolvers<PullOutcome>();
  #assembly: Assembly | undefined;
  #offer: Offer | undefined;
  #control: ControlClient | undefined;
  readonly #early = new EarlyArrivals();
  #onCookie: (() => void) | undefined;
  #flushedAtMs = 0;
  #ended = false;

  private constructor(options: PullOptions, token: Uint8Array, loop: ReceiverLoop) {
    this.#options = options;
    this.#token = token;
    this.#loop = loop;
    const { wanted, limitBytesPerSecond, path, host } = options;
    this.receiver = new Receiver({
      token,
      sink: (offset, source, at, length) => this.#take(offset, source, at, length),
      // where a limit holds the rate down there is no need for loopback's great and unpaced steps
      loopback: isLoopback(host) && limitBytesPerSecond === undefined,
      receiveBufferBytes: loop.offload.receiveBufferBytes,
      maxSegmentBytes: wire.maxSegmentBytes,
      ...(wanted === undefined ? {} : { wanted }),
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      ...(path === undefined ? {} : { path }),
    });
    // it may fail before anybody waits for it
    this.#outcome.promise.catch(() => {});
  }

  /** Opens the socket and sends the first datagram. */
  static async open(options: PullOptions): Promise<Pull> {
    const token = crypto.getRandomValues(new Uint8Array(wire.tokenBytes));
    let pull: Pull | undefined;
    const { host, udpPort, offload } = options;
    const loop = await ReceiverLoop.open({
      host,
      udpPort,
      ...(offload === undefined ? {} : { offload }),
      onTurn: () => pull?.turn() ?? false,
      dueInUs: () => pull?.dueInUs() ?? Number.POSITIVE_INFINITY,
      onFailure: (error) => pull?.fail(error),
    });
    pull = new Pull(options, token, loop);
    loop.start(pull.receiver);
    return pull;
  }

  get offload(): UdpOffload {
    return this.#loop.offload;
  }

  stats(): ReceiverStats {
    return this.receiver.stats();
  }

  /** Asks for the file on this connection, and takes it. @throws ParleyError */
  async run(control: ControlClient): Promise<PullOutcome> {
    this.#control = control;
    control.onLine = (line) => this.#guard(() => this.#handleLine(line));
    void control.lost.then((reason) => this.#end({ how: "again", reason }));
    try {
      await this.#cookie();
      await this.#fetch(control);
      return await this.#outcome.promise;
    } finally {
      this.close();
    }
  }

  /** Nothing at or beyond this offset is asked for until it is raised. */
  setHorizon(offset: number): void {
    this.receiver.setHorizon(nowUs(), offset);
    this.#loop.wake();
  }

  /** There is something to do again: the reader of `-o -` has made room. */
  wake(): void {
    this.#loop.wake();
  }

  /** Ends it from outside: Ctrl-C, a reader that has gone. */
  fail(error: unknown): void {
    this.#loop.end();
    this.#ended = true;
    this.#outcome.reject(error);
  }

  close(): void {
    this.#ended = true;
    this.#loop.close();
    if (this.#offer !== undefined) {
      this.#control?.send({ type: "fetched", transfer: this.#offer.transfer });
    }
  }

  /** The loop's turn; true if there is more to do at once. */
  turn(): boolean {
    if (this.receiver.cookie !== undefined) this.#onCookie?.();
    const more = this.#assembly !== undefined && this.#work(this.#assembly);
    this.#options.onTurn();
    this.#look();
    return more;
  }

  /** Small segments are not kept from the disk for long. */
  dueInUs(): number {
    return this.#assembly?.hasGathered === true ? limits.gatherMs * 1000 : Number.POSITIVE_INFINITY;
  }

  /** The cookie and the TCP handshake take one round trip each, at the same time; a lost cookie is not waited for. */
  #cookie(): Promise<void> {
    if (this.receiver.cookie !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limits.cookieWaitMs);
      this.#onCookie = () => {
        clearTimeout(timer);
        this.#onCookie = undefined;
        resolve();
      };
    });
  }

  async #fetch(control: ControlClient): Promise<void> {
    const { name, heldBytes } = this.#options;
    const { cookie } = this.receiver;
    const request = new Uint8Array(wire.maxRequestBytes);
    const length = this.receiver.firstRequest(nowUs(), request);
    const first = Buffer.from(request.subarray(0, length)).toString("base64");
    const proof = cookie === undefined ? {} : { address: cookie.address, port: cookie.port };
    this.#loop.askFirst();
    const answer = await control.request({
      type: "fetch",
      name,
      token: Buffer.from(this.#token).toString("base64url"),
      ...(heldBytes > 0 ? { held: heldBytes } : {}),
      ...(length > 0 ? { request: first, ...proof } : {}),
    });
    this.#guard(() => this.#offered(readOffer(answer)));
  }

  #offered(offer: Offer): void {
    this.#offer = offer;
    const { udpPort } = this.#options;
    // a port that answers is right, whatever the server calls it behind a forwarding router
    if (offer.udpPort !== udpPort && this.receiver.cookie === undefined) {
      return this.#end({ how: "elsewhere", udpPort: offer.udpPort });
    }
    const assembly = this.#options.onOffer(offer);
    if (assembly === undefined) return this.#end({ how: "stale" });
    this.#assembly = assembly;
    this.receiver.handleOffer(nowUs(), offer.size, offer.maxSegmentBytes);
    this.#early.release(offer.size, {
      data: (offset, bytes) => assembly.put(offset, bytes, 0, bytes.length),
      line: (line) => this.#handleLine(line),
      again: (offset, length) => this.receiver.reject(nowUs(), offset, length),
    });
    this.#loop.wake();
  }

  /** The receiver's sink. */
  #take(offset: number, source: Uint8Array, at: number, length: number): void {
    if (this.#assembly === undefined) this.#early.addData(offset, source, at, length);
    else this.#assembly.put(offset, source, at, length);
  }

  #handleLine(line: Line): void {
    const { type, transfer } = line;
    // read together with the offer, whose answer is on its way to us
    if (this.#offer === undefined) return this.#early.addLine(line);
    if (transfer !== this.#offer.transfer) return;
    const check = this.#assembly?.check;
    let right = true;
    if (type === "error") throw errorOf(line);
    else if (type === "digests") {
      const { from, data } = line;
      const packed = typeof data === "string" ? Buffer.from(data, "base64") : undefined;
      right =
        typeof from === "number" && packed !== undefined && check?.accept(from, packed) !== false;
    } else if (type === "digest") {
      const { sha256 } = line;
      const whole = typeof sha256 === "string" ? Buffer.from(sha256, "hex") : undefined;
      right = whole !== undefined && check?.acceptWhole(whole) !== false;
    }
    if (!right) throw new ParleyError("protocol", "The server sent digests that make no sense.");
    this.#loop.wake();
  }

  /** True if there is more to do at once. */
  #work(assembly: Assembly): boolean {
    const nowMs = performance.now();
    // small segments gather until they are worth a write, but not for long, and not once all is there
    const isOld = nowMs - this.#flushedAtMs >= limits.gatherMs;
    if (isOld || this.receiver.state !== "running") {
      assembly.flush();
      this.#flushedAtMs = nowMs;
    }
    const until = nowMs + limits.workSliceMs;
    let more = true;
    while (more && performance.now() < until) more = assembly.work(wire.readBackBytes);
    for (let bad = assembly.takeBad(); bad !== undefined; bad = assembly.takeBad()) {
      if (bad.times >= wire.maxBadCopies) {
        throw new ParleyError(
          "integrity",
          `Chunk ${bad.index} of '${this.#options.name}' (${bad.length} bytes at ${bad.offset}) came wrong ${bad.times} times.`,
        );
      }
      this.receiver.reject(nowUs(), bad.offset, bad.length);
      // it is to be asked for at once, which the next turn does
      more = true;
    }
    return more;
  }

  #look(): void {
    const check = this.#assembly?.check;
    const { name } = this.#options;
    if (check?.whole !== undefined) return this.#end({ how: "whole" });
    if (check?.contradicted === true) {
      throw new ParleyError(
        "integrity",
        `The server's digests of '${name}' contradict each other.`,
      );
    }
    const { state } = this.receiver;
    if (state === "changed") {
      throw new ParleyError(
        "changed",
        `'${name}' changed on the server while it was sent: fetch it again.`,
      );
    }
    const where = this.#control?.where ?? "the server";
    if (state === "gone") {
      const reason = new ParleyError("stalled", `${where} has forgotten the transfer.`);
      this.#end({ how: "again", reason });
    } else if (state === "stalled") {
      const reason = new ParleyError("stalled", `No data came from ${where} (UDP) for too long.`);
      this.#end({ how: "again", reason });
    }
  }

  #end(outcome: PullOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#loop.end();
    this.#outcome.resolve(outcome);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}
