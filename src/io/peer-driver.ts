// The sockets and timers of `parley peer`: carries out the peer state machine's outputs and feeds
// it what arrives, between two parleys inside TLS. Knows nothing of turns or texts.

import { plainAddress } from "../addresses.ts";
import { openingRate } from "../chat/rates/opening-rate.ts";
import { type Contact, hostPort } from "../cpp/codec.ts";
import type { Peer } from "../cpp/peer.ts";
import type { ExitReason, PeerOutput } from "../cpp/peer-output.ts";
import { mayConnect } from "../cpp/reach.ts";
import { ParleyError } from "../errors.ts";
import { peer as limits } from "../limits.ts";
import { dial, Deadline } from "./dial.ts";
import { type Address, notOwnAddress, type ServerAddress, socketReason } from "./host-port.ts";
import { type CallFailure, type SecuredCall, unreachable } from "./peer-caller.ts";
import { RegistryClient, type RegistrySession } from "./registry-client.ts";
import { PeerSecurity, type PeerSecurityOptions, type PeerWire } from "./peer-security.ts";
import type { RelayedCalls } from "./relayed-link.ts";
import type { SecuredLink } from "./secured-link.ts";
import { boundSegments } from "./tcp-segments.ts";
import { linkHandlers, TcpLink, type TcpLinkEvents } from "./tcp-link.ts";
import { ownerAt } from "../share-owner.ts";
import { harmless } from "../text.ts";

export type Shown = Pick<Extract<PeerOutput, { type: "show" }>, "line" | "event">;

export type PeerDriverOptions = {
  registry: ServerAddress;
  /** The session at its server, if that is a parley. The driver closes it. */
  calls: RelayedCalls & RegistrySession;
  /** Undefined: everything is in plain text. */
  secure?: Omit<PeerSecurityOptions, "calls"> | undefined;
  /** A command that CPP does not know was typed. */
  onExtra?: (line: string) => void;
  /**
   * Prints a line. If it returns a promise, nothing more is read from peers until that resolves.
   */
  show: (shown: Shown) => Promise<void> | undefined;
};

export class PeerDriver {
  readonly #options: PeerDriverOptions;
  readonly #registry: RegistryClient;
  readonly #links = new Map<number, PeerWire>();
  readonly #opened = openingRate();
  /** Undefined: everything is in plain text. */
  readonly #security: PeerSecurity | undefined;
  readonly #closing = new Set<Promise<void>>();
  readonly #exit = Promise.withResolvers<ExitReason>();
  #peer: Peer | undefined;
  #listener: Bun.TCPSocketListener<TcpLink> | undefined;
  #deadline: Deadline | undefined;
  #untrusted: ParleyError | undefined;
  /** The address from which the registry last answered. */
  #registryAddress = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Callbacks waiting for `congested` to become false. */
  #uncongested: (() => void)[] = [];

  constructor(options: PeerDriverOptions) {
    this.#options = options;
    this.#registry = new RegistryClient(options.registry, options.calls);
    const { secure, calls } = options;
    if (secure === undefined) return;
    this.#security = new PeerSecurity({ ...secure, calls }, this.#registry, {
      peer: () => this.#peer,
      port: () => this.#listener?.port ?? 0,
      applyOutputs: () => this.applyOutputs(),
      use: (connection, wire) => this.#links.set(connection, wire),
      watch: (link) => this.#watch(link),
    });
  }

  /**
   * Starts listening and returns the port. Peers are answered once `run` has been called.
   * @throws ParleyError `port-in-use`, after showing the original program's message
   */
  listen(host: string, port: number): number {
    try {
      this.#listener = Bun.listen<TcpLink>({
        hostname: host,
        port,
        exclusive: true,
        allowHalfOpen: true,
        socket: { ...linkHandlers, open: (socket) => this.#accept(socket) },
      });
    } catch (error) {
      const notOwn = notOwnAddress(host, error);
      const why = notOwn === undefined ? socketReason(error) : "not an address of this machine";
      const reason = harmless(`${hostPort({ ip: host, port })}: ${why}`);
      const line = `Input socket setup failed: ${reason}`;
      this.#options.show({ line, event: { event: "failed", what: "listen", reason: line } });
      if (notOwn !== undefined) throw notOwn;
      throw new ParleyError(
        "port-in-use",
        `cannot listen on ${reason}; choose another with --port or --host`,
      );
    }
    boundSegments(this.#listener, host);
    return this.#listener.port;
  }

  /**
   * Runs a peer until it exits and its output has been sent. Returns why it exited.
   * @throws ParleyError `untrusted-server` if the registry is not the expected one
   */
  async run(peer: Peer): Promise<ExitReason> {
    this.#peer = peer;
    this.applyOutputs();
    const reason = await this.#exit.promise;
    clearTimeout(this.#timer);
    this.#listener?.stop();
    this.#deadline?.shorten(0);
    this.#security?.stopCalling();
    for (const link of this.#links.values()) link.end();
    await Promise.all(this.#closing);
    this.#options.calls.close();
    if (this.#untrusted !== undefined) throw this.#untrusted;
    return reason;
  }

  /**
   * Carries out the peer's outputs. Call it after every input that the driver did not deliver
   * itself.
   */
  applyOutputs(): void {
    for (let next = this.#peer?.pollOutput(); next; next = this.#peer?.pollOutput()) {
      this.#apply(next);
    }
    this.#setTimer();
    if (!this.congested) for (const resume of this.#uncongested.splice(0)) resume();
  }

  /** The protected connection of that number; undefined: it is in plain text, or gone. */
  secured(connection: number): SecuredLink | undefined {
    return this.#security?.linkOf(connection);
  }

  /** Whether lines are typed faster than peers accept them. */
  get congested(): boolean {
    let waiting = 0;
    for (const link of this.#links.values()) waiting += link.waitingBytes;
    return waiting > limits.maxWaitingBytes || (this.#peer?.isFull ?? false);
  }

  /** Resolves when more lines may be typed. */
  whenUncongested(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return new Promise((resolve) => this.#uncongested.push(resolve));
  }

  #apply(output: PeerOutput): void {
    switch (output.type) {
      case "show": {
        const relief = this.#options.show(output);
        if (relief) this.#pauseUntil(relief);
        return;
      }
      case "request":
        void this.#request(output.message);
        return;
      case "hurry":
        this.#deadline?.shorten(limits.hurryMs);
        return;
      case "connect":
        void this.#connect(output);
        return;
      case "announce":
        this.#security?.linkOf(output.connection)?.announce();
        return;
      case "extra":
        this.#options.onExtra?.(output.line);
        return this.#peer?.handleExtra(performance.now());
      case "send":
        this.#links.get(output.connection)?.send(output.text);
        return;
      case "close":
        this.#links.get(output.connection)?.end();
        this.#forget(output.connection);
        return;
      case "abort":
        this.#links.get(output.connection)?.cut();
        this.#forget(output.connection);
        return;
      case "exit":
        this.#exit.resolve(output.reason);
    }
  }

  #forget(connection: number): void {
    this.#links.delete(connection);
    this.#security?.forget(connection);
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const dueMs = this.#peer?.nextTimeoutMs;
    if (dueMs === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#peer?.handleTimeout(performance.now());
        this.applyOutputs();
      },
      Math.ceil(Math.max(0, dueMs - performance.now())),
    );
  }

  async #request(message: string): Promise<void> {
    const deadline = (this.#deadline = new Deadline(limits.requestTimeoutMs));
    const asked = (await this.#security?.withKeys(message)) ?? message;
    const { answer, from } = await this.#registry.ask(asked, deadline);
    if (from !== "") this.#registryAddress = from;
    deadline.cancel();
    this.#untrusted ??= this.#options.registry.trust?.problem;
    if (this.#untrusted !== undefined) return this.#exit.resolve("refused");
    this.#peer?.handleAnswer(answer, performance.now());
    if (this.#peer?.isRegistered === true) void this.#security?.handleRegistered();
    this.applyOutputs();
  }

  async #connect(output: Extract<PeerOutput, { type: "connect" }>): Promise<void> {
    const { connection, contact, key } = output;
    const deadline = (this.#deadline = new Deadline(limits.requestTimeoutMs));
    const plan = this.#security?.planFor(contact.id, key) ?? { how: "plain" };
    if (plan.how === "refused") {
      this.#peer?.handleConnectFailed(connection, plan.why, performance.now(), true);
      return this.applyOutputs();
    }
    const addresses = await this.#allowedAddresses(contact, deadline);
    const call = { contact, addresses, deadline };
    const failure =
      plan.how === "plain" || this.#security === undefined
        ? await this.#callInPlainText(connection, call)
        : await this.#security.call(connection, { ...call, plan });
    deadline.cancel();
    if (failure === undefined) return;
    const { why, isUntrusted } = failure;
    this.#peer?.handleConnectFailed(connection, why, performance.now(), isUntrusted);
    this.applyOutputs();
  }

  /** The numeric addresses of a contact that `mayConnect` allows, or why there are none. */
  async #allowedAddresses({ ip }: Contact, deadline: Deadline): Promise<string[] | string> {
    if (this.#options.secure?.isDirectAllowed === false) return "--no-direct allows no connection";
    const found = await Promise.race([addressesOf(ip), deadline.expired]);
    if (typeof found === "string") return found;
    const allowed = found.filter((address) => mayConnect(address, this.#registryAddress));
    return allowed.length === 0 ? notConnecting : allowed;
  }

  async #callInPlainText(
    connection: number,
    { contact, addresses, deadline }: Omit<SecuredCall, "plan">,
  ): Promise<CallFailure | undefined> {
    if (typeof addresses === "string") return unreachable(contact, addresses);
    let why = "";
    for (const host of addresses) {
      const outcome = await this.#dialPlain(connection, { host, port: contact.port }, deadline);
      if (typeof outcome !== "string") return undefined;
      why = outcome;
    }
    return unreachable(contact, why);
  }

  #dialPlain(connection: number, at: Address, deadline: Deadline): Promise<TcpLink | string> {
    return dial(at, deadline, {
      events: (link) => this.#hold(connection, link),
      opened: () => {
        this.#peer?.handleConnected(connection, at.host, performance.now());
        this.applyOutputs();
      },
    });
  }

  #accept(socket: Bun.Socket<TcpLink>): void {
    const link = new TcpLink();
    socket.data = link;
    const address = plainAddress(socket.remoteAddress);
    const isTooOften = this.#opened.take(ownerAt(address), performance.now()) > 0;
    const connection = isTooOften ? undefined : this.#peer?.handleAccepted(address);
    if (connection === undefined) socket.terminate();
    else {
      const events = this.#hold(connection, link);
      let isFirst = true;
      let isUpgraded = false;
      link.attach(socket, {
        ...events,
        data: (bytes) => {
          if (isFirst && bytes[0] === tlsRecord && this.#security !== undefined) {
            isUpgraded = true;
            this.#security.upgrade(socket, connection, bytes);
            return link.gone();
          }
          isFirst = false;
          events.data(bytes);
        },
        ended: () => {
          if (!isUpgraded) events.ended();
        },
      });
    }
    // Another silent caller may have been dropped.
    this.applyOutputs();
  }

  /** The program ends when all connections have. */
  #watch(link: Pick<TcpLink, "closed">): void {
    const closed = link.closed.then(() => {
      this.#closing.delete(closed);
    });
    this.#closing.add(closed);
  }

  #hold(connection: number, link: TcpLink): TcpLinkEvents {
    this.#links.set(connection, link);
    this.#watch(link);
    return {
      data: (bytes) => {
        this.#peer?.handleData(connection, bytes, performance.now());
        this.applyOutputs();
      },
      ended: () => {
        this.#peer?.handleEnd(connection, performance.now());
        this.applyOutputs();
      },
      drained: () => this.applyOutputs(),
    };
  }

  #pauseUntil(relief: Promise<void>): void {
    for (const link of this.#links.values()) link.pause();
    void relief.then(() => {
      for (const link of this.#links.values()) link.resume();
    });
  }
}

/** The first byte of a TLS hello; no message of CPP begins so. */
const tlsRecord = 0x16;

const notConnecting =
  "refusing an address of this machine or link from a registry on another machine";

/** The numeric addresses of a registered host, or why there are none. Never rejects. */
async function addressesOf(host: string): Promise<string[] | string> {
  // The resolver does not support addresses with a zone.
  if (host.includes("%")) return [host];
  try {
    const found = await Bun.dns.lookup(host);
    return found.map(({ address }) => plainAddress(address));
  } catch (error) {
    return socketReason(error);
  }
}
