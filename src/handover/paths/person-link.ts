// Datagrams between the two ends of one channel, over the best available path: sockets and timers
// around the pure parts (transfer/paths). It does not know the content of the datagrams. Without a
// path it reports that, and everything is sent in frames.

import { isIP } from "../../addresses.ts";
import { isLoopback, plainAddress } from "../../addresses.ts";
import { TokenBucket } from "../../chat/rates/token-bucket.ts";
import { nowUs } from "../../io/clock.ts";
import { ListeningSocket } from "../../io/udp/listening-socket.ts";
import { noOffload, type UdpOffload, type UdpPort } from "../../io/udp/udp.ts";
import { paths as limits, transfer as wire } from "../../limits.ts";
import { secretBytes } from "../../secrets.ts";
import {
  type Path,
  PathFinder,
  type PathKind,
  relayRoute,
  type Route,
} from "../../transfer/paths/path-finder.ts";
import { nonceBytes } from "../../transfer/paths/path-wire.ts";
import { RelayClient } from "../../transfer/paths/relay-client.ts";
import { datagramEnd, kind, kindAt } from "../../transfer/wire.ts";
import { kindOf, ownAddresses } from "./own-addresses.ts";
import { decodePaths, encodePaths, type PathsLine } from "./paths-line.ts";
import { probeHashes } from "./probe-keys.ts";

export interface LinkOptions {
  /** Whether this end is the recipient, which chooses the path. */
  readonly isRecipient: boolean;
  /** The server's numeric address. */
  readonly server: string;
  /** How to join the server's relay; undefined: there is none. */
  readonly relay: { readonly token: string; readonly port: number } | undefined;
  /** Whether datagrams may take the relay; false: it only tells this end its external address. */
  readonly isRelayAllowed?: boolean;
  /** Whether the other end may learn our addresses, and we may try its addresses. */
  readonly isDirectAllowed: boolean;
  sendLine(line: string): void;
  /** The channel's secret, once something has arrived from the other end. */
  exported(): Uint8Array | undefined;
  /** Nothing has arrived on any path for a moment, after something had. */
  onSilence(): void;
  /** The path has changed; undefined: there is none. */
  onPath(path: Path | undefined): void;
}

export interface LinkUser {
  /** Datagrams from the other end. */
  onDatagrams(bytes: Uint8Array): void;
  onWritable(): void;
}

/**
 * Probes to addresses that have not answered, of all channels together: whoever opens one channel
 * after another must not make this program flood the addresses that they announce.
 */
const unanswered = new TokenBucket(limits.triesPerSecond, limits.triesAtOnce, performance.now());

export class PersonLink {
  readonly #options: LinkOptions;
  readonly #secret = secretBytes(limits.secretBytes);
  readonly #own = ownAddresses();
  readonly #relay: RelayClient | undefined;
  readonly #datagram = new Uint8Array(wire.maxRequestBytes);
  #sockets: readonly ListeningSocket[] = [];
  #finder: PathFinder | undefined;
  #told: PathsLine | undefined;
  #user: LinkUser | undefined;
  #path: Path | undefined;
  #hasRelay = false;
  #hasHeardAddresses = false;
  #saidAddresses = "";
  #timer: Timer | undefined;
  /** When data for this end last arrived; Infinity: not since the last silence. */
  #heardUs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { relay } = options;
    if (relay !== undefined) {
      this.#relay = new RelayClient(new Uint8Array(Buffer.from(relay.token, "base64url")));
    }
  }

  /**
   * Immediately tells the other end that this one accepts datagrams; opens sockets, joins the
   * relay, and sends the addresses of this end. Where there can be no path it says nothing, so that
   * the other end does not wait for one.
   */
  async start(): Promise<void> {
    const { isDirectAllowed, relay } = this.#options;
    if (!isDirectAllowed && relay === undefined) return;
    this.#tell();
    const opened = await Promise.all(this.#hosts().map((host) => this.#open(host)));
    const sockets = opened.filter((socket) => socket !== undefined);
    this.#sockets = sockets;
    if (this.#closed) return this.close();
    if (sockets.length === 0) return;
    this.#tell();
    this.#turn();
  }

  /** The current path; undefined: none is known to work. */
  get path(): Path | undefined {
    return this.#path;
  }

  /** Whether the other end accepts datagrams too: there may be a path soon. */
  get isAnswered(): boolean {
    const { relay, isDirectAllowed } = this.#options;
    return this.#told !== undefined && (relay !== undefined || isDirectAllowed);
  }

  /** Whether both ends are on this machine. */
  get isLoopback(): boolean {
    const path = this.#path;
    if (path?.kind !== "relayed") return path?.kind === "loopback";
    return this.#isLocal && this.#told?.local === true;
  }

  get offload(): UdpOffload {
    return this.#sockets[0]?.port.offload ?? noOffload;
  }

  /** Sets the receiver of data from the other end. */
  attach(user: LinkUser): void {
    this.#user = user;
  }

  detach(user: LinkUser): void {
    if (this.#user === user) this.#user = undefined;
  }

  /** Handles a line of the channel; false: it is not about paths. */
  handleLine(text: string): boolean {
    const told = decodePaths(text);
    if (told === undefined) return false;
    if (this.#closed) return true;
    const atUs = nowUs();
    // A second line only brings other addresses.
    if (this.#told === undefined) this.#begin(told, atUs);
    if (this.#options.isDirectAllowed) {
      this.#try(told, atUs);
      this.#hasHeardAddresses ||= told.addresses.length > 0;
      this.#tell();
    }
    this.#turn();
    return true;
  }

  #try({ addresses, seen, local }: PathsLine, atUs: number): void {
    for (const route of addresses) {
      if (isLoopback(route.address) && !(local && this.#isLocal)) continue;
      this.#finder?.add({ route, kind: kindOf(route.address, this.#own) }, atUs);
    }
    if (seen === undefined || isLoopback(seen.address)) return;
    this.#finder?.add({ route: seen, kind: this.#seenKind(seen) }, atUs);
  }

  /** The kind of an unannounced address. A private one may belong to a router. */
  #seenKind({ address }: Route): PathKind {
    if (isLoopback(address) || this.#own.includes(address)) return "loopback";
    return isIP(address) === 6 ? "ipv6" : "punched";
  }

  /** Like `UdpPort.send`, to the other end; without a path the datagrams are lost. */
  send(bytes: Uint8Array, segmentBytes: number): number {
    const route = this.#path?.route;
    if (route === undefined || this.#closed) return bytes.length;
    return this.#sendTo(route, bytes, segmentBytes);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
    this.#user = undefined;
    this.#path = undefined;
  }

  get #isLocal(): boolean {
    return isLoopback(this.#options.server);
  }

  /** The hosts to open sockets on: all addresses of the server's family, and of our addresses'. */
  #hosts(): string[] {
    const { server, isDirectAllowed } = this.#options;
    const families = new Set([isIP(server) === 6 ? "::" : "0.0.0.0"]);
    if (isDirectAllowed) {
      for (const address of this.#own) families.add(isIP(address) === 6 ? "::" : "0.0.0.0");
    }
    return [...families];
  }

  /** Undefined: this machine does not support that family. */
  async #open(host: string): Promise<ListeningSocket | undefined> {
    try {
      return await ListeningSocket.open({
        host,
        local: "",
        onDatagrams: (bytes, { address, port }) =>
          this.#handleDatagrams(bytes, plainAddress(address), port),
        onWritable: () => this.#user?.onWritable(),
      });
    } catch {
      return undefined;
    }
  }

  /** The other end accepts datagrams too: now both have the keys of probes. */
  #begin(told: PathsLine, atUs: number): void {
    this.#told = told;
    const { isRecipient, exported } = this.#options;
    const [recipient, sender] = isRecipient
      ? [this.#secret, told.secret]
      : [told.secret, this.#secret];
    const hashes = probeHashes({ exported: exported(), recipient, sender });
    this.#finder = new PathFinder({
      isChooser: isRecipient,
      ownHash: isRecipient ? hashes.recipient : hashes.sender,
      otherHash: isRecipient ? hashes.sender : hashes.recipient,
      newNonce: () => secretBytes(nonceBytes),
      kindOf: (route) => this.#seenKind(route),
    });
    if (this.#relay?.isJoined === true) this.#addRelay(atUs);
  }

  #addRelay(atUs: number): void {
    this.#hasRelay = true;
    this.#finder?.add({ route: relayRoute, kind: "relayed" }, atUs);
  }

  /**
   * Sends the addresses of this end to the other, if they are new. A sender reveals its own only to
   * a recipient that has revealed some: for others they would be of no use.
   */
  #tell(): void {
    const { isDirectAllowed, isRecipient } = this.#options;
    const isTold = isDirectAllowed && (isRecipient || this.#hasHeardAddresses);
    const addresses = isTold ? this.#places() : [];
    const seen = isTold ? this.#seenPlace(addresses) : undefined;
    const line = encodePaths({ secret: this.#secret, local: this.#isLocal, addresses, seen });
    if (line === this.#saidAddresses) return;
    this.#saidAddresses = line;
    this.#options.sendLine(line);
  }

  #places(): Route[] {
    const places: Route[] = [];
    const local = this.#isLocal ? [this.#options.server] : [];
    for (const address of [...local, ...this.#own]) {
      const port = this.#socketFor(address)?.port;
      if (port !== undefined) places.push({ address, port });
    }
    return places;
  }

  /** Undefined: the server sees no address, or one of ours. */
  #seenPlace(own: readonly Route[]): Route | undefined {
    const seen = this.#relay?.seen;
    if (seen === undefined || this.#isLocal) return undefined;
    const [address, port] = [plainAddress(seen.address), seen.port];
    const isOwn = own.some((place) => place.address === address && place.port === port);
    return isOwn ? undefined : { address, port };
  }

  #handleDatagrams(bytes: Uint8Array, address: string, port: number): void {
    if (this.#closed) return;
    const atUs = nowUs();
    const { relay, server, isDirectAllowed } = this.#options;
    const isRelayed = port === relay?.port && address === plainAddress(server);
    // An answer would show the other end which address is ours.
    if (!isRelayed && !isDirectAllowed) return;
    const route = isRelayed ? relayRoute : { address, port };
    const rest = this.#takeOwn(bytes, route, isRelayed, atUs);
    // The receiver of the rest may free its memory.
    const isDue = rest < bytes.length;
    if (rest > 0 && this.#finder?.has(route) === true) {
      this.#heardUs = atUs;
      this.#finder.handleArrival(route, atUs);
      this.#user?.onDatagrams(isDue ? bytes.subarray(0, rest) : bytes);
    }
    if (isDue) this.#turn();
  }

  /**
   * Handles probes, and messages of the relay itself: such a datagram is alone, or the last of
   * those merged by the kernel. Returns the number of bytes before it.
   */
  #takeOwn(bytes: Uint8Array, route: Route, isRelayed: boolean, atUs: number): number {
    let last = 0;
    for (let at = 0; at < bytes.length;) {
      const end = datagramEnd(bytes, at);
      if (end < 0) return bytes.length;
      last = at;
      at = end;
    }
    const what = kindAt(bytes, last);
    if (what === kind.probe) {
      const isOwn = this.#finder?.handleProbe(bytes, last, bytes.length, route, atUs) === true;
      if (isOwn) this.#heardUs = atUs;
      return last;
    }
    if (!isRelayed || this.#relay?.handle(bytes, last, bytes.length, atUs) !== true) {
      return bytes.length;
    }
    this.#heardUs = atUs;
    if (this.#relay.isJoined && !this.#hasRelay) this.#addRelay(atUs);
    // The recipient speaks first; that has started the sender's end.
    this.#tell();
    return last;
  }

  /** Sends datagrams that are due, reports a change of path, and sets the timer. */
  #turn(): void {
    if (this.#closed || this.#sockets.length === 0) return;
    const atUs = nowUs();
    const relay = this.#usedRelay;
    const join = relay?.pollTransmit(this.#datagram, atUs) ?? 0;
    if (join > 0) this.#sendTo(relayRoute, this.#datagram.subarray(0, join), join);
    const finder = this.#finder;
    if (finder !== undefined) this.#probe(finder, atUs);
    this.#followPath(finder?.path);
    this.#checkSilence(atUs);
    const dueUs = Math.min(
      relay?.nextTimeoutUs ?? Number.POSITIVE_INFINITY,
      finder?.nextTimeoutUs(atUs) ?? Number.POSITIVE_INFINITY,
    );
    clearTimeout(this.#timer);
    if (dueUs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#turn(), Math.max(1, Math.ceil((dueUs - atUs) / 1_000)));
  }

  /** Undefined: nothing more is to be learnt from the relay, which must not be joined. */
  get #usedRelay(): RelayClient | undefined {
    const { isRelayAllowed = true } = this.#options;
    return isRelayAllowed || this.#relay?.seen === undefined ? this.#relay : undefined;
  }

  #checkSilence(atUs: number): void {
    if (this.#path === undefined || atUs < this.#heardUs + limits.silentUs) return;
    this.#heardUs = Number.POSITIVE_INFINITY;
    this.#options.onSilence();
  }

  #probe(finder: PathFinder, atUs: number): void {
    // Each candidate is due at most once; answers are bounded, too.
    for (let left = 2 * limits.maxCandidates; left > 0; left--) {
      const route = finder.pollTransmit(this.#datagram, atUs);
      if (route === undefined) break;
      const isFree = route === relayRoute || finder.has(route);
      if (!isFree && !unanswered.take(1, performance.now())) continue;
      const probe = this.#datagram.subarray(0, datagramEnd(this.#datagram, 0));
      this.#sendTo(route, probe, probe.length);
    }
  }

  #followPath(path: Path | undefined): void {
    if (path?.route === this.#path?.route && path?.kind === this.#path?.kind) return;
    this.#path = path && { route: path.route, kind: path.kind };
    this.#options.onPath(path);
    this.#user?.onWritable();
  }

  #sendTo(route: Route, bytes: Uint8Array, segmentBytes: number): number {
    const { server, relay } = this.#options;
    const isRelayed = route === relayRoute;
    const address = isRelayed ? server : route.address;
    const port = isRelayed ? (relay?.port ?? 0) : route.port;
    return this.#socketFor(address)?.send(bytes, segmentBytes, address, port) ?? bytes.length;
  }

  #socketFor(address: string): UdpPort | undefined {
    const family = isIP(address);
    return this.#sockets.find(({ port }) => port.family === family)?.port;
  }
}
