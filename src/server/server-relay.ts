// The relay on the server's UDP port: the pure relay of transfer/paths, a timer for queued
// datagrams, and tokens for the ends of channels.

import type { OpenRelay, RelayPort } from "../chat/relay-port.ts";
import { nowUs } from "../io/clock.ts";
import type { Forward } from "../io/udp/listening-socket.ts";
import type { UdpPath } from "../transfer/udp-path.ts";
import { transfer as wire } from "../limits.ts";
import { secretBytes } from "../secrets.ts";
import type { ShareOwner } from "../share-owner.ts";
import { Relay, type RelayTotals } from "../transfer/paths/relay.ts";

export interface ServerRelayOptions {
  /** 0 disables the relay. */
  readonly bytesPerSecond: number;
  readonly port: number;
  /** As `UdpListener.send`. */
  send(bytes: Uint8Array, datagramBytes: number, path: UdpPath): number;
}

export class ServerRelay implements RelayPort {
  readonly #options: ServerRelayOptions;
  readonly #relay: Relay;
  readonly #answer = new Uint8Array(wire.maxRequestBytes);
  #timer: Timer | undefined;
  /** When the timer is due. */
  #timerUs = Number.POSITIVE_INFINITY;

  constructor(options: ServerRelayOptions) {
    this.#options = options;
    const key = secretBytes(32);
    const keyedHash = (message: Uint8Array): Uint8Array =>
      new Bun.CryptoHasher("sha256", key).update(message).digest();
    const { bytesPerSecond } = options;
    this.#relay = new Relay({ keyedHash, bytesPerSecond }, nowUs());
  }

  get totals(): Readonly<RelayTotals> {
    return this.#relay.totals;
  }

  /** Number of relayed channels. */
  get size(): number {
    return this.#relay.size;
  }

  open(owner: ShareOwner): OpenRelay | undefined {
    const tokens = [secretBytes(wire.tokenBytes), secretBytes(wire.tokenBytes)] as const;
    const pair = this.#relay.open(tokens, owner, nowUs());
    if (pair === undefined) return undefined;
    const [sender, recipient] = tokens.map((token) => Buffer.from(token).toString("base64url"));
    return {
      port: this.#options.port,
      sender: sender!,
      recipient: recipient!,
      close: () => this.#relay.close(pair),
    };
  }

  /** Whether the datagrams belong to the relay. */
  handleDatagrams(bytes: Uint8Array, path: UdpPath): boolean {
    const length = this.#relay.handleDatagrams(bytes, path, this.#answer, nowUs());
    if (length === undefined) return false;
    if (length > 0) this.#options.send(this.#answer.subarray(0, length), length, path);
    this.#forward();
    return true;
  }

  /** As `UdpListenerOptions.forward`. */
  forward(bytes: Uint8Array, length: number, path: UdpPath): Forward | false | undefined {
    return this.#relay.forward(bytes, length, path, nowUs());
  }

  /** As `UdpListenerOptions.isForwarded`. */
  isForwarded(path: UdpPath): boolean {
    return this.#relay.isEnd(path);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** What the socket does not accept now is lost, as anywhere on the path. */
  #forward(): void {
    for (;;) {
      const relayed = this.#relay.pollTransmit(nowUs());
      if (relayed === undefined) break;
      this.#options.send(relayed.bytes, relayed.datagramBytes, relayed.path);
    }
    const now = nowUs();
    const dueUs = this.#relay.nextTimeoutUs(now);
    // What is queued later may be due earlier: each owner has a rate of their own.
    if (dueUs >= this.#timerUs) return;
    this.#timerUs = dueUs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timerUs = Number.POSITIVE_INFINITY;
        this.#forward();
      },
      Math.max(1, Math.ceil((dueUs - now) / 1_000)),
    );
  }
}
