// Connects Receiver and Sender over simulated links, with an event loop's coarse timers, and a
// control connection that only adds a delay.

import { createHmac } from "node:crypto";
import { Receiver } from "../../src/transfer/receiver.ts";
import type { ReceiverConfig } from "../../src/transfer/receiver.ts";
import { Sender } from "../../src/transfer/sender.ts";
import { EventLoop, type Link, Timeline } from "./network.ts";
import type { Random } from "./random.ts";

export interface Side {
  /** From client to server, and back. */
  up: Link;
  down: Link;
}

export function senderFor(key: string, maxSegmentBytes: number): Sender {
  return new Sender({
    keyedHash: (message) => createHmac("sha256", key).update(message).digest(),
    maxSegmentBytes,
  });
}

/** A server on the timeline that sends what its sender has, one burst per step. */
export class SimServer {
  private readonly buffer = new Uint8Array(65_536);
  private readonly answer = new Uint8Array(2_048);
  /** The destination of datagrams to an address; undefined if nobody has it (any more). */
  readonly routes = new Map<string, { link: Link; deliver: (bytes: Uint8Array) => void }>();
  private scheduled = false;
  private timerAtUs = Infinity;

  constructor(
    private readonly timeline: Timeline,
    readonly sender: Sender,
    private readonly loop = new EventLoop(timeline, () => 0),
  ) {}

  receive(bytes: Uint8Array, address: string, port: number): void {
    this.loop.run(() => {
      const { nowUs } = this.timeline;
      const length = this.sender.handleDatagrams(
        bytes,
        { address, port, local: "" },
        this.answer,
        nowUs,
      );
      if (length > 0) this.send(this.answer.subarray(0, length), address, port);
      this.flush();
    });
  }

  flush(): void {
    if (this.scheduled) return;
    const burst = this.sender.pollTransmit(this.buffer, this.timeline.nowUs);
    if (!burst) return this.arm();
    for (let at = 0; at < burst.bytes; at += burst.datagramBytes) {
      const end = Math.min(at + burst.datagramBytes, burst.bytes);
      this.send(this.buffer.subarray(at, end), burst.path.address, burst.path.port);
    }
    this.scheduled = true;
    this.timeline.at(this.timeline.nowUs + 5, () => {
      this.loop.run(() => {
        this.scheduled = false;
        this.flush();
      });
    });
  }

  /** Whole milliseconds, like an event loop's timers. */
  private arm(): void {
    const { nowUs } = this.timeline;
    const dueUs = this.sender.nextTimeoutUs(nowUs);
    const atUs = nowUs + Math.max(1, Math.ceil((dueUs - nowUs) / 1_000)) * 1_000;
    if (dueUs === Infinity || atUs >= this.timerAtUs) return;
    this.timerAtUs = atUs;
    this.timeline.at(atUs, () => {
      if (this.timerAtUs !== atUs) return;
      this.timerAtUs = Infinity;
      this.loop.run(() => this.flush());
    });
  }

  private send(bytes: Uint8Array, address: string, port: number): void {
    const route = this.routes.get(`${address}:${port}`);
    route?.link.send(bytes, route.deliver);
  }
}

export interface ClientOptions {
  token: Uint8Array;
  /** The file's bytes, or only its size if nobody looks at them. */
  file: Uint8Array | number;
  side: Side;
  server: SimServer;
  address: string;
  port: number;
  maxSegmentBytes: number;
  /** How late timers may fire, on top of their granularity of 1 ms. */
  timerSlackUs: number;
  random: Random;
  receiver?: Partial<ReceiverConfig>;
  loop?: EventLoop;
  /**
   * False: no kernel timestamps, so that data that waited for the event loop seems to arrive only
   * then.
   */
  isStamped?: boolean;
}

/** One client: a receiver, its timer, its address, and the file as received. */
export class SimClient {
  readonly receiver: Receiver;
  readonly copy: Uint8Array;
  port: number;
  /** Bytes handed to the sink more than once: must stay 0 unless they were rejected. */
  duplicates = 0;
  doneAtUs = Infinity;
  rejected = 0;
  private readonly file: Uint8Array | undefined;
  private readonly seen: Uint8Array;
  private readonly buffer = new Uint8Array(2_048);
  private fetched = false;
  private timerAtUs = Infinity;
  private readonly loop: EventLoop;

  constructor(
    private readonly timeline: Timeline,
    private readonly options: ClientOptions,
  ) {
    this.loop = options.loop ?? new EventLoop(timeline, () => 0);
    this.port = options.port;
    this.file = typeof options.file === "number" ? undefined : options.file;
    this.copy = new Uint8Array(this.file?.length ?? 0);
    this.seen = new Uint8Array(this.copy.length);
    this.receiver = new Receiver({
      token: options.token,
      sink: (offset, source, at, length) => {
        if (this.file) this.keep(offset, source, at, length);
      },
      ...options.receiver,
    });
    this.listen();
  }

  start(): void {
    this.flush();
  }

  /**
   * Like a NAT rebinding: from now on the server sees another port, and the old one leads nowhere.
   */
  moveTo(port: number): void {
    this.options.server.routes.delete(`${this.options.address}:${this.port}`);
    this.port = port;
    this.listen();
  }

  /** From now on datagrams take another path. */
  changePath(): void {
    this.receiver.handleNewPath(false, this.timeline.nowUs);
    this.flush();
  }

  private listen(): void {
    this.options.server.routes.set(`${this.options.address}:${this.port}`, {
      link: this.options.side.down,
      deliver: (bytes) => {
        const arrivedUs = this.timeline.nowUs;
        const isStamped = this.options.isStamped ?? true;
        this.loop.run(() => {
          const { nowUs } = this.timeline;
          this.receiver.handleDatagrams(
            bytes,
            isStamped ? arrivedUs : nowUs,
            bytes.length,
            isStamped,
          );
          this.flush();
        });
      },
    });
  }

  private keep(offset: number, source: Uint8Array, at: number, length: number): void {
    for (let i = 0; i < length; i++) {
      if (this.seen[offset + i] !== 0) this.duplicates++;
      this.seen[offset + i] = 1;
      this.copy[offset + i] = source[at + i]!;
    }
  }

  private flush(): void {
    const { receiver, timeline } = this;
    const { nowUs } = timeline;
    if (receiver.cookie && !this.fetched) this.fetch();
    for (let i = 0; i < 1_000; i++) {
      const length = receiver.pollTransmit(this.buffer, nowUs);
      if (length === 0) break;
      const { server, address, side } = this.options;
      const { port } = this;
      side.up.send(this.buffer.subarray(0, length), (bytes) =>
        server.receive(bytes, address, port),
      );
    }
    if (receiver.state === "done" && this.file) this.repair(this.file);
    if (receiver.state === "done" && this.doneAtUs === Infinity) this.doneAtUs = nowUs;
    this.arm();
  }

  /** The equivalent of tags for a real file: a chunk that differs is requested again. */
  private repair(file: Uint8Array): void {
    const chunkBytes = 4_096;
    for (let at = 0; at < file.length; at += chunkBytes) {
      const end = Math.min(at + chunkBytes, file.length);
      if (Buffer.compare(this.copy.subarray(at, end), file.subarray(at, end)) === 0) continue;
      this.seen.fill(0, at, end);
      this.rejected += end - at;
      this.receiver.handleBadRange(at, end - at, this.timeline.nowUs);
    }
  }

  /** The control connection: reliable, with a delay in each direction. */
  private fetch(): void {
    this.fetched = true;
    const { receiver, timeline, options } = this;
    const { address, port } = receiver.cookie!;
    const length = receiver.pollFirstRequest(this.buffer, timeline.nowUs);
    const request = this.buffer.slice(0, length);
    const { sender } = options.server;
    timeline.at(timeline.nowUs + options.side.up.config.delayUs, () => {
      const { file } = this;
      const sizeBytes = typeof options.file === "number" ? options.file : options.file.length;
      sender.open(options.token, sizeBytes, {
        read(offset, into, at, bytes) {
          if (file) into.set(file.subarray(offset, offset + bytes), at);
          return bytes;
        },
        takeSealedBytes: () => 0,
      });
      sender.handleFirstRequest(request, [{ address, port, local: "" }], timeline.nowUs);
      options.server.flush();
      timeline.at(timeline.nowUs + options.side.down.config.delayUs, () => {
        receiver.handleOffer(sizeBytes, options.maxSegmentBytes, timeline.nowUs);
        this.flush();
      });
    });
  }

  private arm(): void {
    const { timeline, options } = this;
    const dueUs = this.receiver.nextTimeoutUs();
    if (dueUs === Infinity) return;
    // Like an event loop's timer: whole milliseconds, and a little late.
    const waitUs = Math.max(1, Math.ceil((dueUs - timeline.nowUs) / 1_000)) * 1_000;
    const atUs = timeline.nowUs + waitUs + options.random() * options.timerSlackUs;
    if (atUs >= this.timerAtUs) return;
    this.timerAtUs = atUs;
    timeline.at(atUs, () => {
      if (this.timerAtUs !== atUs) return;
      this.timerAtUs = Infinity;
      this.loop.run(() => {
        this.receiver.handleTimeout(timeline.nowUs);
        this.flush();
      });
    });
  }
}
