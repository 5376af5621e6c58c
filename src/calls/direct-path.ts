// The direct path of a relayed call, if its two ends find one: datagrams from router to router,
// over the local network or on one machine, each authenticated with a key of the call's TLS
// session.

import { hkdfSync } from "node:crypto";
import { isSameBytes } from "../bytes.ts";
import { PersonLink } from "../handover/paths/person-link.ts";
import { calls as limits } from "../limits.ts";
import type { ChannelEnds } from "../protocol/messages.ts";
import type { Path } from "../transfer/paths/path-finder.ts";
import { datagramEnd, kind, kindAt, writeCommon } from "../transfer/wire.ts";

export interface DirectPathOptions {
  readonly isCaller: boolean;
  /** The server's numeric address. */
  readonly server: string;
  readonly relay: ChannelEnds["relay"];
  /** A secret that only the two ends know. */
  readonly secret: Uint8Array;
  sendLine(line: string): void;
  /** Nothing has arrived for a moment. */
  onSilence(): void;
  /** Undefined: there is no path. */
  onPath(path: Path | undefined): void;
  onDatagram(bytes: Uint8Array): void;
}

const headBytes = 4;
const tagBytes = 16;

export class DirectPath {
  readonly #link: PersonLink;
  readonly #ownKey: Uint8Array;
  readonly #otherKey: Uint8Array;
  readonly #onDatagram: (bytes: Uint8Array) => void;

  constructor(options: DirectPathOptions) {
    const { isCaller, secret, server, relay, sendLine, onSilence, onPath } = options;
    const keyOf = (end: string) =>
      new Uint8Array(hkdfSync("sha256", secret, "", `parley call ${end}`, 32));
    const keys = [keyOf("caller"), keyOf("called")] as const;
    [this.#ownKey, this.#otherKey] = isCaller ? keys : [keys[1], keys[0]];
    this.#onDatagram = options.onDatagram;
    this.#link = new PersonLink({
      // The caller is the sender of its channel, too.
      isRecipient: !isCaller,
      server,
      relay,
      isRelayAllowed: false,
      isDirectAllowed: true,
      exported: () => secret,
      sendLine,
      onSilence,
      onPath,
    });
    this.#link.attach({ onDatagrams: (bytes) => this.#receive(bytes), onWritable() {} });
  }

  start(): void {
    void this.#link.start();
  }

  /** A line from the other end; false: it is not about paths. */
  handleLine(line: string): boolean {
    return this.#link.handleLine(line);
  }

  /** May be lost: the caller repeats it. */
  send(bytes: Uint8Array): void {
    const datagram = new Uint8Array(headBytes + tagBytes + bytes.length);
    writeCommon(datagram, 0, kind.call, datagram.length);
    datagram.set(tagOf(this.#ownKey, bytes), headBytes);
    datagram.set(bytes, headBytes + tagBytes);
    this.#link.send(datagram, datagram.length);
  }

  close(): void {
    this.#link.close();
  }

  /** Datagrams, possibly merged by the kernel. */
  #receive(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const end = datagramEnd(bytes, at);
      if (end < 0) return;
      this.#receiveOne(bytes, at, end);
      at = end;
    }
  }

  #receiveOne(bytes: Uint8Array, at: number, end: number): void {
    const from = at + headBytes + tagBytes;
    if (kindAt(bytes, at) !== kind.call || end - from > maxBytes || end <= from) return;
    const content = bytes.slice(from, end);
    const tag = bytes.subarray(at + headBytes, from);
    if (isSameBytes(tag, tagOf(this.#otherKey, content))) this.#onDatagram(content);
  }
}

/** Beside its bytes, a datagram has at most two numbers (call-stream.ts). */
const maxBytes = limits.datagramBytes + 16;

function tagOf(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const mac = new Bun.CryptoHasher("sha256", key).update(bytes).digest();
  return new Uint8Array(mac.buffer, mac.byteOffset, tagBytes);
}
