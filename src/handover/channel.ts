// One channel between two people, from the moment the server opens it until it closes it: lines and
// pieces of files, in order in both directions. Between two devices with keys everything is sealed;
// the recipient speaks first, so that everything the sender seals is bound to this channel.

import { joinedBytes } from "../bytes.ts";
import { ParleyError } from "../errors.ts";
import type { ChannelSealer, Opening, Sealing } from "../tls/channel-sealer.ts";
import type { Piece } from "../transfer/piece.ts";
import {
  decodeFrame,
  encodeKey,
  encodePart,
  encodePiece,
  type Frame,
  LineParts,
  partsOf,
} from "./frames.ts";

/** The server's side of a channel. */
export interface FramePort {
  pass(data: string): void;
  /** Bytes that the connection to the server has not accepted yet. */
  waitingBytes(): number;
}

/** The other end, identified by a device's key; undefined: nothing is sealed. */
export type ChannelPeer = {
  readonly sealer: ChannelSealer;
  readonly key: string;
  /** Identifies the channel; the same at both ends, and never used again. */
  readonly info: Uint8Array;
};

export interface ChannelEvents {
  line(text: string): void;
  piece(piece: Piece): void;
  /** The other end, or a man in the middle, violates the protocol. */
  broken(reason: ParleyError): void;
}

/** Which end this is; the recipient begins with sealing. */
export type ChannelEnd = "recipient" | "sender";

export class Channel {
  readonly #port: FramePort;
  readonly #peer: ChannelPeer | undefined;
  readonly #end: ChannelEnd;
  readonly #events: ChannelEvents;
  readonly #parts = new LineParts();
  #sealing: Sealing | undefined;
  #opening: Opening | undefined;
  #exported: Uint8Array | undefined;
  #keyed: () => void = () => {};
  /** Resolves when everything sent or received has been processed. */
  #sending: Promise<void> | undefined;
  #unsentBytes = 0;
  #receiving: Promise<void> | undefined;
  #unread = 0;
  #closed = false;

  constructor(
    port: FramePort,
    peer: ChannelPeer | undefined,
    end: ChannelEnd,
    events: ChannelEvents,
  ) {
    this.#port = port;
    this.#peer = peer;
    this.#end = end;
    this.#events = events;
    if (peer !== undefined && end === "recipient") {
      this.#queue(0, () => this.#startSealing(peer, peer.info));
    }
  }

  /** Whether nobody except the other end can read the data. */
  get isSealed(): boolean {
    return this.#peer !== undefined;
  }

  /** A secret that only the two ends know, once something has arrived from the other. */
  get exported(): Uint8Array | undefined {
    return this.#exported;
  }

  /** Calls back once that secret exists. */
  whenKeyed(then: () => void): void {
    this.#keyed = then;
  }

  /** Bytes waiting to leave this machine. */
  get waitingBytes(): number {
    return this.#unsentBytes + this.#port.waitingBytes();
  }

  sendLine(line: string): void {
    const parts = partsOf(line);
    if (this.#peer === undefined && this.#sending === undefined) {
      return parts.forEach((part, i) => this.#pass(encodePart(part, i === parts.length - 1)));
    }
    this.#queue(line.length, async () => {
      for (const [i, part] of parts.entries()) {
        const bytes = this.#peer === undefined ? part : await this.#seal(part);
        this.#pass(encodePart(bytes, i === parts.length - 1));
      }
    });
  }

  sendPiece(piece: Piece): void {
    const frame = encodePiece(piece);
    if (this.#sending === undefined) return this.#pass(frame);
    this.#queue(frame.length, async () => this.#pass(frame));
  }

  /** A frame has arrived. */
  receive(data: string): void {
    const frame = decodeFrame(data);
    if (this.#closed) return;
    if (frame === undefined) return this.#break("it sent an invalid frame");
    if (this.#peer === undefined && this.#receiving === undefined) return this.#handle(frame);
    if (++this.#unread > maxUnread) return this.#break("it sends more than was requested");
    const before = this.#receiving ?? Promise.resolve();
    const after = before.then(async () => {
      this.#unread--;
      if (!this.#closed) await this.#handleSealed(frame);
    });
    this.#receiving = after.catch(() => this.#break("what came was not sealed by the other end"));
  }

  /** Resolves when everything sent and everything received has been processed. */
  async settled(): Promise<void> {
    await this.#receiving;
    await this.#sending;
  }

  /** Nothing more is sent or received. */
  close(): void {
    this.#closed = true;
  }

  #pass(data: string): void {
    if (!this.#closed) this.#port.pass(data);
  }

  #queue(bytes: number, send: () => Promise<void>): void {
    this.#unsentBytes += bytes;
    const before = this.#sending ?? Promise.resolve();
    const after = before
      .then(() => (this.#closed ? undefined : send()))
      .catch(() => this.#break("its key can't be used"))
      .finally(() => {
        this.#unsentBytes -= bytes;
        if (this.#sending === after) this.#sending = undefined;
      });
    this.#sending = after;
  }

  async #startSealing({ sealer, key }: ChannelPeer, info: Uint8Array): Promise<void> {
    this.#sealing = await sealer.sealingTo(key, info);
    this.#pass(encodeKey(this.#sealing.enc));
  }

  /** @throws Error before there is a key: then nothing may be said. */
  async #seal(part: Uint8Array): Promise<Uint8Array> {
    if (this.#sealing === undefined) throw new Error("no key yet");
    return await this.#sealing.seal(part);
  }

  async #handleSealed(frame: Frame): Promise<void> {
    const peer = this.#peer;
    if (peer === undefined) return this.#handle(frame);
    if (frame.kind === "key") return this.#handleKey(peer, frame.enc);
    if (frame.kind === "piece") return this.#handle(frame);
    if (this.#opening === undefined) throw new Error("not sealed");
    this.#handle({ ...frame, bytes: await this.#opening.open(frame.bytes) });
  }

  async #handleKey(peer: ChannelPeer, enc: Uint8Array): Promise<void> {
    if (this.#opening !== undefined) throw new Error("a second key");
    const { sealer, key, info } = peer;
    if (this.#end === "recipient") {
      // The sender's sealed data is bound to the first message of this end.
      const own = this.#sealing?.enc;
      if (own === undefined) throw new Error("a key before ours");
      this.#opening = await sealer.openingFrom(key, enc, joinedBytes([info, own]));
    } else {
      this.#opening = await sealer.openingFrom(key, enc, info);
      await this.#startSealing(peer, joinedBytes([info, enc]));
    }
    const secrets = [await this.#sealing!.export(), await this.#opening.export()];
    // The recipient's direction comes first, at both ends.
    if (this.#end === "sender") secrets.reverse();
    this.#exported = joinedBytes(secrets);
    this.#keyed();
  }

  #handle(frame: Frame): void {
    if (frame.kind === "piece") return this.#events.piece(frame);
    if (frame.kind === "key") return this.#break("it sent a key although nothing is sealed");
    const line = this.#parts.add(frame.bytes, frame.kind === "line");
    if (line === false) return this.#break("it sent too long a line");
    if (line !== undefined) this.#events.line(line);
  }

  #break(why: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const sentence = `The other end, or somebody in between, does not keep to the protocol: ${why}.`;
    this.#events.broken(new ParleyError("integrity", sentence));
  }
}

/** Frames that wait to be opened: one request of a recipient, in the smallest pieces. */
const maxUnread = 4_096;
