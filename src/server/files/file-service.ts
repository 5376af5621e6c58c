// Serves files, such as those of the shared folder: offers them over control connections, and sends
// them sealed, as datagrams. One event loop serves everyone in slices of a millisecond. Connects
// sender machine, UDP socket and files, and leaves all decisions about segments to the sender
// machine. docs/transfer.md describes the protocol.

import type { FilesClient } from "../../chat/files-port.ts";
import { files as limits, transfer as wire, udp, udpTransfer } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { SealCache } from "../../transfer/seal-cache.ts";
import { Sender } from "../../transfer/sender.ts";
import { nowUs } from "../../io/clock.ts";
import { secretBytes } from "../../secrets.ts";
import type { FileControl } from "./file-control.ts";
import { FileDigests } from "./file-digest.ts";
import type { FileFolder } from "./file-folder.ts";
import { FileSession, type TransferHost } from "./file-session.ts";
import type { FileTransfer } from "./file-transfer.ts";
import { applyJitHints } from "../../io/jit-hints.ts";
import { SharedFolder } from "./shared-folder.ts";
import { TagBudget } from "./tag-budget.ts";
import { TransferSlots } from "./transfer-slots.ts";
import type { DatagramSocket } from "./datagram-socket.ts";
import type { Forward } from "../../io/udp/listening-socket.ts";
import { UdpListener } from "../../io/udp/udp-listener.ts";
import type { UdpPath } from "../../transfer/udp-path.ts";

export interface FileServiceOptions<Folder extends FileFolder = SharedFolder> {
  readonly folder: Folder;
  /** Address and UDP port to bind: the port number is that of the TCP port; 0 picks a free one. */
  readonly host: string;
  readonly port: number;
  /** False disables kernel offload (tests). */
  readonly offload?: boolean;
  /** An idle transfer may be evicted in favour of another after this long (default: limits.ts). */
  readonly idleMs?: number;
  /** Receives all datagrams first. */
  readonly relay?: {
    /** True: they are not about files. */
    handleDatagrams(bytes: Uint8Array, path: UdpPath): boolean;
    isForwarded(path: UdpPath): boolean;
    /** As `UdpListenerOptions.forward`. */
    forward(bytes: Uint8Array, length: number, path: UdpPath): Forward | false | undefined;
  };
}

export class FileService<Folder extends FileFolder = SharedFolder> implements TransferHost {
  readonly folder: Folder;
  readonly digests: FileDigests;
  readonly tags = new TagBudget();
  readonly walks = new ShareCounts(limits.maxWalksPerOwner, limits.maxWalks / 3);
  readonly cache = new SealCache(limits.sealedCacheBytes);
  readonly sender: Sender;
  /** Totals for /metrics: transfers offered, bytes sent. */
  readonly totals = { transfers: 0, sentBytes: 0 };
  readonly #udp: DatagramSocket;
  readonly #transfers: TransferSlots<FileTransfer>;
  /** When each transfer last had its turn in `#sendPulled`. */
  readonly #pulledTurns = new WeakMap<FileTransfer, number>();
  #pulledTurn = 0;
  readonly #burst = new Uint8Array(udp.maxBatchBytes);
  readonly #answer = new Uint8Array(wire.maxRequestBytes);
  #scratch = new Uint8Array(wire.minChunkBytes);
  /** The rest of a burst that the socket has not accepted yet. */
  #unsent: { from: number; to: number; datagramBytes: number; path: UdpPath } | undefined;
  #scheduled = false;
  #timer: Timer | undefined;
  #pacing: Timer | undefined;
  #napEndUs = 0;
  #closed = false;

  private constructor(folder: Folder, socket: DatagramSocket, idleMs?: number) {
    this.folder = folder;
    this.digests = new FileDigests(folder);
    this.#udp = socket;
    this.#transfers = new TransferSlots(idleMs);
    const key = secretBytes(32);
    this.sender = new Sender({
      keyedHash: (message) => new Bun.CryptoHasher("sha256", key).update(message).digest(),
      maxSegmentBytes: this.maxSegmentBytes,
    });
  }

  /** Serves another folder than a server's, over datagrams that the caller transports. */
  static over<Folder extends FileFolder>(
    folder: Folder,
    socket: DatagramSocket,
  ): FileService<Folder> {
    return new FileService(folder, socket);
  }

  /** @throws what binding a UDP port throws: `EADDRINUSE` */
  static async open<Folder extends FileFolder>(
    options: FileServiceOptions<Folder>,
  ): Promise<FileService<Folder>> {
    applyJitHints();
    let service: FileService<Folder> | undefined;
    const { relay } = options;
    const socket = await UdpListener.open({
      host: options.host,
      port: options.port,
      offload: options.offload,
      onDatagrams(bytes, path) {
        if (relay?.handleDatagrams(bytes, path) !== true) service?.handleDatagrams(bytes, path);
      },
      ...(relay && {
        forward: (bytes, length, path) => relay.forward(bytes, length, path),
        isForwarded: (path) => relay.isForwarded(path),
      }),
      onWritable: () => service?.wake(),
    });
    service = new FileService(options.folder, socket, options.idleMs);
    return service;
  }

  get udpPort(): number {
    return this.#udp.port;
  }

  /** This machine's addresses at which datagrams can arrive. */
  get locals(): Iterable<string> {
    return this.#udp.locals;
  }

  get maxSegmentBytes(): number {
    return this.#udp.offload.dontFragment ? wire.maxSegmentBytes : udpTransfer.maxFragmentableBytes;
  }

  /** Number of running transfers. */
  get transferCount(): number {
    return this.#transfers.size;
  }

  /**
   * Opens a session for a control connection. Pass it the lines about file transfers, and close it
   * together with the connection.
   */
  session(client: FilesClient, control: FileControl): FileSession {
    return new FileSession(this, client, control);
  }

  /** Sends datagrams that are not about files, as `UdpListener.send`. */
  send(bytes: Uint8Array, datagramBytes: number, path: UdpPath): number {
    return this.#udp.send(bytes, datagramBytes, path);
  }

  handleDatagrams(bytes: Uint8Array, path: UdpPath): void {
    if (this.#closed) return;
    const length = this.sender.handleDatagrams(bytes, path, this.#answer, nowUs());
    if (length > 0) this.#udp.send(this.#answer.subarray(0, length), length, path);
    this.wake();
  }

  /** A view of memory that all transfers share. */
  scratch(bytes: number): Uint8Array {
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes);
    return bytes === this.#scratch.length ? this.#scratch : this.#scratch.subarray(0, bytes);
  }

  /** @throws ParleyError `full` */
  add(transfer: FileTransfer, owner: ShareOwner): void {
    this.#transfers.add(transfer, owner, performance.now());
    this.totals.transfers++;
    this.wake();
  }

  remove(transfer: FileTransfer): void {
    this.#transfers.remove(transfer);
  }

  /** Schedules a turn after everything that has arrived in this iteration of the event loop. */
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
    this.#udp.close();
  }

  #turn(): void {
    const more = this.#send();
    const sealing = this.#seal(more);
    const nowMs = performance.now();
    let isMore = more || sealing;
    let isWaiting = false;
    for (const transfer of this.#transfers) {
      const flushed = transfer.flush(nowMs);
      isMore ||= flushed === "more";
      isWaiting ||= flushed === "waiting";
    }
    this.#sendPulled(nowMs);
    if (isMore) this.wake();
    else if (isWaiting) this.#wakeLater();
  }

  /** True if there is more to send now and the socket accepts it. */
  #send(): boolean {
    const until = performance.now() + limits.sendSliceMs;
    while (performance.now() < until) {
      if (this.#unsent === undefined) {
        const burst = this.sender.pollTransmit(this.#burst, nowUs());
        if (burst === undefined) {
          this.#pace();
          return false;
        }
        const { bytes: to, datagramBytes, path } = burst;
        this.#unsent = { from: 0, to, datagramBytes, path };
      }
      const { from, to, datagramBytes, path } = this.#unsent;
      const taken = this.#udp.send(this.#burst.subarray(from, to), datagramBytes, path);
      this.totals.sentBytes += taken;
      if (from + taken < to) {
        this.#unsent.from += taken;
        return false;
      }
      this.#unsent = undefined;
    }
    return true;
  }

  /** Sends data pulled over control connections: each transfer in turn, for a short time. */
  #sendPulled(nowMs: number): void {
    const until = performance.now() + limits.sendSliceMs;
    const pulling = [...this.#transfers].filter(({ mayPull }) => mayPull);
    // Longest since the last turn first.
    pulling.sort((a, b) => (this.#pulledTurns.get(a) ?? 0) - (this.#pulledTurns.get(b) ?? 0));
    for (const transfer of pulling) {
      this.#pulledTurns.set(transfer, ++this.#pulledTurn);
      for (let pieces = 0; pieces < limits.pulledPieces && transfer.mayPull; pieces++) {
        transfer.sendPulled(nowMs);
        if (performance.now() >= until) return;
      }
    }
  }

  /** Schedules a turn for data held back by its client's pacing. */
  #pace(): void {
    const now = nowUs();
    const dueUs = this.sender.nextTimeoutUs(now);
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

  /**
   * Sleeps for less than a timer can if the event loop is idle; otherwise takes another turn
   * immediately.
   */
  #napped(us: number): boolean {
    if (us >= 1_000 || !this.#udp.canNap) return false;
    const sinceNapUs = nowUs() - this.#napEndUs;
    if (sinceNapUs < limits.napUs) this.#udp.nap(Math.min(us, limits.napUs));
    this.#napEndUs = nowUs();
    this.wake();
    return true;
  }

  /**
   * Seals chunks that nobody has requested, a slice at a time: a second time to confirm a file, or
   * in advance for their tags unless there is something to send. True if there is more to do now.
   */
  #seal(isBusy: boolean): boolean {
    let isAny = false;
    const until = performance.now() + limits.sealSliceMs;
    for (const transfer of this.#transfers) {
      while (transfer.isConfirming && performance.now() < until) transfer.confirmNext();
      if (!isBusy) while (transfer.isTagDue && performance.now() < until) transfer.tagNext();
      isAny ||= transfer.isConfirming || (!isBusy && transfer.isTagDue);
    }
    return isAny;
  }

  #wakeLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.wake();
    }, limits.controlRetryMs);
  }
}
