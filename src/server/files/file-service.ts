// Hands out the shared folder: offers files over control connections, sends them as datagrams, tells their digests.
// One event loop serves all: sending and hashing take turns in slices of a millisecond. It is the glue between the
// sender machine, the UDP socket and the files; it decides nothing about segments. docs/transfer.md is the protocol.

import { files as limits, transfer as wire, udp } from "../../limits.ts";
import { Sender } from "../../transfer/sender.ts";
import { nowUs } from "../../io/clock.ts";
import { DigestCache } from "./digest-cache.ts";
import { FileSession } from "./file-session.ts";
import type { FileTransfer } from "./file-transfer.ts";
import { skipLastTier } from "../../io/jit-hints.ts";
import { SharedFolder } from "./shared-folder.ts";
import { TransferSlots } from "./transfer-slots.ts";
import { UdpPort } from "../../io/udp/udp.ts";

export interface FileServiceOptions {
  /** The shared folder; it need not exist. */
  readonly folder: string;
  /** Address and UDP port to bind; the port is that of the TCP port, 0 takes a free one. */
  readonly host: string;
  readonly port: number;
  /** False: no kernel offload (tests). */
  readonly offload?: boolean;
  /** Time without use after which a transfer gives way to others; another one in tests. */
  readonly idleMs?: number;
}

/** What a control connection can do for its transfers. */
export interface FileControl {
  /** Sends one line (a JSON object). */
  send(line: Readonly<Record<string, unknown>>): void;
  /** Bytes that wait to leave on this connection: digests are held back above `files.maxControlBytes`. Without it they never are. */
  waitingBytes?(): number;
  /** Where no file is called `name`: the one that is shown so in lists, if there is one. */
  find?(name: string): Promise<string | undefined>;
}

export class FileService {
  readonly folder: SharedFolder;
  readonly digests = new DigestCache();
  readonly sender: Sender;
  /** Since the start, for /metrics: transfers offered, bytes of datagrams sent. */
  readonly totals = { transfers: 0, sentBytes: 0 };
  readonly #udp: UdpPort;
  readonly #transfers: TransferSlots<FileTransfer>;
  readonly #burst = new Uint8Array(udp.maxBatchBytes);
  readonly #answer = new Uint8Array(wire.maxRequestBytes);
  readonly #scratch = new Uint8Array(limits.hashSliceBytes);
  /** Part of the burst that the socket did not take yet. */
  #unsent:
    { from: number; to: number; datagramBytes: number; address: string; port: number } | undefined;
  #scheduled = false;
  #timer: Timer | undefined;
  #pacing: Timer | undefined;
  #napEndUs = 0;
  #closed = false;

  private constructor(options: FileServiceOptions, socket: UdpPort) {
    this.folder = new SharedFolder(options.folder);
    this.#udp = socket;
    this.#transfers = new TransferSlots(options.idleMs);
    const key = crypto.getRandomValues(new Uint8Array(32));
    this.sender = new Sender({
      keyedHash: (message) => new Bun.CryptoHasher("sha256", key).update(message).digest(),
      maxSegmentBytes: this.maxSegmentBytes,
    });
  }

  /** @throws what binding a UDP port throws: `EADDRINUSE`. */
  static async open(options: FileServiceOptions): Promise<FileService> {
    skipLastTier();
    let service: FileService | undefined;
    const socket = await UdpPort.open({
      host: options.host,
      port: options.port,
      ...(options.offload === undefined ? {} : { offload: options.offload }),
      onDatagrams: (bytes, address, port) => service?.handleDatagrams(bytes, address, port),
      onWritable: () => service?.wake(),
    });
    service = new FileService(options, socket);
    return service;
  }

  get udpPort(): number {
    return this.#udp.port;
  }

  get offload(): UdpPort["offload"] {
    return this.#udp.offload;
  }

  get maxSegmentBytes(): number {
    return this.#udp.offload.dontFragment ? wire.maxSegmentBytes : wire.maxFragmentableBytes;
  }

  /** Transfers that run now. */
  get transferCount(): number {
    return this.#transfers.size;
  }

  /** A control connection: hand it the `fetch` and `fetched` lines, and close it with the connection. */
  session(peerAddress: string, control: FileControl): FileSession {
    return new FileSession(this, peerAddress, control);
  }

  handleDatagrams(bytes: Uint8Array, address: string, port: number): void {
    if (this.#closed) return;
    const length = this.sender.handleDatagrams(nowUs(), bytes, address, port, this.#answer);
    if (length > 0) this.#udp.send(this.#answer.subarray(0, length), length, address, port);
    this.wake();
  }

  /** @throws ParleyError `full` */
  add(transfer: FileTransfer, peerAddress: string): void {
    this.#transfers.add(transfer, peerAddress, performance.now());
    this.totals.transfers++;
    this.wake();
  }

  remove(transfer: FileTransfer): void {
    this.#transfers.remove(transfer);
  }

  /** There may be something to do: comes back in this turn of the event loop, after what has arrived with it. */
  wake(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#closed) this.#turn();
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#pacing);
    for (const transfer of this.#transfers) transfer.close();
    this.digests.close();
    this.#udp.close();
  }

  #turn(): void {
    const more = this.#send();
    const hashed = this.#hash(more || this.sender.backlogBytes > 0);
    const nowMs = performance.now();
    let waiting = false;
    for (const transfer of this.#transfers) {
      waiting = transfer.tell(nowMs, !hashed) || waiting;
    }
    if (more || hashed) this.wake();
    else if (waiting) this.#wakeLater();
  }

  /** True if there is more to send now (and the socket takes it). */
  #send(): boolean {
    const until = performance.now() + limits.sendSliceMs;
    while (performance.now() < until) {
      if (this.#unsent === undefined) {
        const burst = this.sender.pollTransmit(nowUs(), this.#burst);
        if (burst === undefined) {
          this.#pace();
          return false;
        }
        const { bytes: to, datagramBytes, address, port } = burst;
        this.#unsent = { from: 0, to, datagramBytes, address, port };
      }
      const { from, to, datagramBytes, address, port } = this.#unsent;
      const taken = this.#udp.send(this.#burst.subarray(from, to), datagramBytes, address, port);
      this.totals.sentBytes += taken;
      if (from + taken < to) {
        this.#unsent.from += taken;
        return false;
      }
      this.#unsent = undefined;
    }
    return true;
  }

  /** What waits leaves at the rate that its client has asked for: comes back when its time has come. */
  #pace(): void {
    const now = nowUs();
    const dueUs = this.sender.nextTransmitUs(now);
    if (dueUs === Number.POSITIVE_INFINITY) return;
    if (this.#napped(dueUs - now)) return;
    this.#pacing ??= setTimeout(
      () => {
        this.#pacing = undefined;
        this.wake();
      },
      Math.max(1, Math.ceil((dueUs - now) / 1000)),
    );
  }

  /** Waits less than a timer could, if the event loop has nothing else to do; comes back at once if it has. */
  #napped(us: number): boolean {
    if (us >= 1_000 || !this.#udp.canNap) return false;
    const sinceNapUs = nowUs() - this.#napEndUs;
    if (sinceNapUs < limits.napUs) this.#udp.nap(Math.min(us, limits.napUs));
    this.#napEndUs = nowUs();
    this.wake();
    return true;
  }

  /**
   * True if there is more to hash now. While there is something to send, hashing only keeps up: what is read to be sent is hashed
   * in passing. In the pauses it gets ahead.
   */
  #hash(busy: boolean): boolean {
    const until = performance.now() + limits.hashSliceMs;
    for (;;) {
      let progress = false;
      for (const file of this.digests.active) {
        if (file.log.hashedBytes >= (busy ? file.front : file.hashTarget)) continue;
        progress = file.hashOn(this.#scratch) > 0 || progress;
        if (performance.now() >= until) return true;
      }
      if (!progress) return false;
    }
  }

  #wakeLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.wake();
    }, limits.digestsAfterMs);
  }
}
