// One try at fetching one file: the receiver machine, a UDP socket and a control connection put together, and the assembly driven
// in slices between them. Decides nothing about segments, keeps nothing beyond the try; fetcher.ts tries again.

import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire, udp } from "../limits.ts";
import type { Assembly } from "../transfer/assembly.ts";
import { type PathMemory, Receiver, type ReceiverStats } from "../transfer/receiver.ts";
import { type ControlClient, errorOf, type Line } from "./control-client.ts";
import { EarlyArrivals } from "./early-arrivals.ts";
import { isLoopback } from "./host-port.ts";
import { type Offer, readOffer } from "./offer.ts";
import { type UdpOffload, UdpPort } from "./udp.ts";

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
  readonly #socket: UdpPort;
  readonly #outgoing = new Uint8Array(wire.maxRequestBytes);
  readonly #outcome = Promise.withResolvers<PullOutcome>();
  #assembly: Assembly | undefined;
  #offer: Offer | undefined;
  #control: ControlClient | undefined;
  readonly #early = new EarlyArrivals();
  #onCookie: (() => void) | undefined;
  #flushedAtMs = 0;
  #sinceTurn = 0;
  #fetchSent = false;
  #scheduled = false;
  #timer: Timer | undefined;
  #ended = false;

  private constructor(options: PullOptions, token: Uint8Array, socket: UdpPort) {
    this.#options = options;
    this.#token = token;
    this.#socket = socket;
    const { wanted, limitBytesPerSecond, path, host } = options;
    this.receiver = new Receiver({
      token,
      sink: (offset, source, at, length) => this.#take(offset, source, at, length),
      loopback: isLoopback(host),
      receiveBufferBytes: socket.offload.receiveBufferBytes,
      maxSegmentBytes: wire.maxSegmentBytes,
      ...(wanted === undefined ? {} : { wanted }),
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      ...(path === undefined ? {} : { path }),
    });
  }
  readonly #token: Uint8Array;

  /** Opens the socket and sends the first datagram. */
  static async open(options: PullOptions): Promise<Pull> {
    const token = crypto.getRandomValues(new Uint8Array(wire.tokenBytes));
    let pull: Pull | undefined;
    const socket = await UdpPort.open({
      connect: { host: options.host, port: options.udpPort },
      ...(options.offload === undefined ? {} : { offload: options.offload }),
      onDatagrams: (bytes) => pull?.handleDatagrams(bytes),
      onWritable: () => pull?.wake(),
    });
    pull = new Pull(options, token, socket);
    pull.#turn();
    return pull;
  }

  get offload(): UdpOffload {
    return this.#socket.offload;
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
    this.wake();
  }

  /** Ends it from outside: Ctrl-C, a reader that has gone. */
  fail(error: ParleyError): void {
    this.#ended = true;
    this.#outcome.reject(error);
  }

  close(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket.close();
    if (this.#offer !== undefined) {
      this.#control?.send({ type: "fetched", transfer: this.#offer.transfer });
    }
  }

  handleDatagrams(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.#guard(() => this.receiver.handleDatagrams(nowUs(), bytes));
    if (this.receiver.cookie !== null) this.#onCookie?.();
    // hashing this much takes as long as the server needs to send what is asked for next, so that asking should not wait for the
    // turn's end; but a socket that always has more to read would never let the turn end
    const isLarge = bytes.length >= wire.directWriteBytes;
    if (isLarge && !this.#ended && ++this.#sinceTurn <= limits.eagerDatagrams) {
      this.#guard(() => this.#transmit());
    }
    this.wake();
  }

  /** Comes back after what has arrived in this turn of the event loop. */
  wake(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#ended) this.#guard(() => this.#turn());
    });
  }

  /** The cookie and the TCP handshake take one round trip each, at the same time; a lost cookie is not waited for. */
  #cookie(): Promise<void> {
    if (this.receiver.cookie !== null) return Promise.resolve();
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
    const length = this.receiver.firstRequest(nowUs(), this.#outgoing);
    const first = Buffer.from(this.#outgoing.subarray(0, length)).toString("base64");
    const proof = cookie === null ? {} : { address: cookie.address, port: cookie.port };
    this.#fetchSent = true;
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
    if (offer.udpPort !== udpPort && this.receiver.cookie === null) {
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
    this.wake();
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
    this.wake();
  }

  #turn(): void {
    const now = nowUs();
    this.#sinceTurn = 0;
    if (now >= this.receiver.nextTimeoutUs()) this.receiver.handleTimeout(now);
    // asking goes first: the path is busy while we hash
    this.#transmit();
    const more = this.#assembly !== undefined && this.#work(this.#assembly);
    this.#options.onTurn();
    this.#look();
    if (this.#ended) return;
    if (more) this.wake();
    else this.#sleep();
  }

  #transmit(): void {
    const now = nowUs();
    if (this.#fetchSent) {
      // only if the cookie came too late to let it go with `fetch`
      const length = this.receiver.firstRequest(now, this.#outgoing);
      if (length > 0) this.#socket.send(this.#outgoing.subarray(0, length), length);
    }
    // a request names ranges of megabytes, so a turn has few; the bound is for a machine gone wrong
    for (let i = 0; i < udp.maxSendMany; i++) {
      const length = this.receiver.pollTransmit(now, this.#outgoing);
      if (length === 0) return;
      // what the socket does not take is lost, as on any path: the receiver asks again
      this.#socket.send(this.#outgoing.subarray(0, length), length);
    }
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
      if (bad.times > wire.maxBadCopies) {
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

  #sleep(): void {
    clearTimeout(this.#timer);
    const gathered =
      this.#assembly?.hasGathered === true ? limits.gatherMs * 1000 : Number.POSITIVE_INFINITY;
    const waitUs = Math.min(gathered, this.receiver.nextTimeoutUs() - nowUs());
    if (waitUs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(0, Math.ceil(waitUs / 1000)));
  }

  #end(outcome: PullOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#outcome.resolve(outcome);
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#ended = true;
      this.#outcome.reject(error);
    }
  }
}

function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}
