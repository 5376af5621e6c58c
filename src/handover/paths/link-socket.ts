// The link of the current channel as the socket of a file service: channels come and go, the
// service stays. Sends no faster than allowed.

import { TokenBucket } from "../../chat/rates/token-bucket.ts";
import { libc } from "../../io/udp/libc.ts";
import type { UdpPath } from "../../transfer/udp-path.ts";
import type { UdpOffload } from "../../io/udp/udp.ts";
import { transfer as wire } from "../../limits.ts";
import type { DatagramSocket } from "../../server/files/datagram-socket.ts";
import type { PersonLink } from "./person-link.ts";

/** The other end, at any address: the link knows the path. */
export const otherEnd: UdpPath = { address: "other-end", port: 1, local: "" };

/** Limits the rate of sending; undefined: it is not limited. */
export function paceOf(bytesPerSecond: number | undefined): TokenBucket | undefined {
  if (bytesPerSecond === undefined) return undefined;
  const burst = Math.max(bytesPerSecond / 10, wire.pullLineBytes);
  return new TokenBucket(bytesPerSecond, burst, performance.now());
}

export class LinkSocket implements DatagramSocket {
  /** An offer must contain a port; nothing listens on it. */
  readonly port = 1;
  readonly locals = [otherEnd.local];
  /** The event loop is shared with other work. */
  readonly canNap = false;
  /** The capabilities of sockets here, once there is one. */
  readonly offload: UdpOffload;
  readonly #pace: TokenBucket | undefined;
  readonly #onWritable: () => void;
  #link: PersonLink | undefined;
  #timer: Timer | undefined;

  /** `onWritable`: called after `send` accepted less than it was given. */
  constructor(pace: TokenBucket | undefined, onWritable: () => void) {
    this.#pace = pace;
    this.#onWritable = onWritable;
    const isLinux = libc() !== null;
    const none = { merge: false, receiveBufferBytes: 0 };
    this.offload = { segment: isLinux, dontFragment: isLinux, ...none };
  }

  /** Undefined: there is no channel. */
  use(link: PersonLink | undefined): void {
    this.#link = link;
  }

  send(bytes: Uint8Array, segmentBytes: number): number {
    if (this.#link === undefined) return bytes.length;
    const nowMs = performance.now();
    const waitMs = this.#pace?.waitMs(nowMs) ?? 0;
    if (waitMs > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#onWritable();
      }, Math.ceil(waitMs));
      return 0;
    }
    const taken = this.#link.send(bytes, segmentBytes);
    this.#pace?.charge(taken, nowMs);
    return taken;
  }

  nap(): void {}

  close(): void {
    clearTimeout(this.#timer);
    this.#link = undefined;
  }
}
