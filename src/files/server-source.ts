// A server as a source of files: its addresses, its control connection, and what is known about the
// path to it.

import { isIP } from "../addresses.ts";
import { hostNotFound, type ServerAddress, socketReason } from "../io/host-port.ts";
import type { PathMetrics } from "../transfer/receiver.ts";
import type { Attempt, AttemptOptions, AttemptOutcome } from "./attempt.ts";
import { ControlClient } from "./control-client.ts";
import type { FileSource, OpenServerAttempt } from "./file-source.ts";

export class ServerSource implements FileSource {
  readonly #server: ServerAddress;
  /** False: no kernel offload. */
  readonly #offload: boolean | undefined;
  /** The server's addresses; the one in use is first. */
  #addresses: string[] = [];
  #control: ControlClient | undefined;
  #connecting: Promise<ControlClient> | undefined;
  #hasAnswered = false;
  #path: PathMetrics | undefined;
  #udpPort: number | undefined;
  #isBlocked = false;
  /** A connection for which nobody has asked yet. */
  #prepared: Promise<ControlClient> | undefined;
  /** The look-up of the server's name, while it runs. */
  #finding: Promise<void> | undefined;
  /** The address that the last opened attempt sends to. */
  #attemptHost = "";
  #isClosed = false;

  /** Authenticates on each new connection. */
  readonly #enter: ((control: ControlClient) => Promise<void>) | undefined;
  /** The addresses of a host name. */
  readonly #find: (host: string) => Promise<string[]>;

  constructor(
    server: ServerAddress,
    offload?: boolean,
    enter?: (control: ControlClient) => Promise<void>,
    find = addressesOf,
  ) {
    this.#server = server;
    this.#offload = offload;
    this.#enter = enter;
    this.#find = find;
  }

  get sender(): string | undefined {
    return this.#server.trust?.pin;
  }

  /** A parley server has answered. */
  get hasAnswered(): boolean {
    this.#hasAnswered ||= this.#control?.isWelcomed === true;
    return this.#hasAnswered;
  }

  get isSealed(): boolean {
    return this.#control?.isSecured ?? false;
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** False: TCP is connected to a different address of the server than UDP. */
  get isCurrent(): boolean {
    return this.#addresses[0] === this.#attemptHost;
  }

  async openAttempt(options: AttemptOptions, open: OpenServerAttempt): Promise<Attempt> {
    const { host, port } = await this.#resolve();
    this.#attemptHost = host;
    this.prepare();
    return await open(options, {
      host,
      udpPort: this.#udpPort ?? port,
      isBlocked: this.#isBlocked,
      offload: this.#offload,
      metrics: this.#path,
    });
  }

  /**
   * Opens the connection meanwhile, for whoever asks next: they hear why it failed, or why the
   * server has refused it, to which the same password must not be shown again.
   */
  prepare(): void {
    if (this.#prepared !== undefined) return;
    this.#prepared = this.connect();
    this.#prepared.catch(() => {});
  }

  connect(): Promise<ControlClient> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    if (prepared !== undefined) return prepared;
    if (this.#control?.isClosed === false) return Promise.resolve(this.#control);
    this.#connecting ??= this.#open().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #open(): Promise<ControlClient> {
    // Remembered before it is replaced.
    this.#hasAnswered = this.hasAnswered;
    const control = await this.#reach();
    try {
      if (!this.#isClosed) await this.#enter?.(control);
    } catch (error) {
      control.close();
      throw error;
    }
    if (this.#isClosed) control.close();
    return (this.#control = control);
  }

  /** Connects to the first of the server's addresses that accepts. */
  async #reach(): Promise<ControlClient> {
    for (;;) {
      const address = await this.#resolve();
      try {
        return await ControlClient.connect(address);
      } catch (error) {
        // Once all have failed, the name is looked up again, since a server may have moved.
        this.#addresses.shift();
        if (this.#isClosed || this.#addresses.length === 0) throw error;
      }
    }
  }

  learn(outcome: AttemptOutcome, attempt: Attempt): void {
    if (outcome.how === "whole") this.#path = attempt.pathMetrics() ?? this.#path;
    if (outcome.how === "elsewhere") this.#udpPort = outcome.udpPort;
    if (outcome.how === "blocked") this.#isBlocked = true;
  }

  /** Sends a message if there is a connection. */
  tell(message: Parameters<ControlClient["send"]>[0]): void {
    if (this.#control?.isClosed === false) this.#control.send(message);
  }

  close(): void {
    this.#isClosed = true;
    this.#control?.close();
    this.#control = undefined;
  }

  /**
   * Resolves the server's name, so that TCP and UDP use the same address.
   * @throws ParleyError `cannot-connect`
   */
  async #resolve(): Promise<ServerAddress> {
    const { host } = this.#server;
    if (this.#addresses.length === 0) {
      // The answers to two look-ups may differ in their order.
      this.#finding ??= this.#lookUp(host).finally(() => (this.#finding = undefined));
      await this.#finding;
    }
    return { ...this.#server, host: this.#addresses[0] ?? host };
  }

  async #lookUp(host: string): Promise<void> {
    this.#addresses = isIP(host) === 0 ? await this.#find(host) : [host];
  }
}

async function addressesOf(host: string): Promise<string[]> {
  // Loaded only for names: it takes a millisecond.
  const { lookup } = await import("node:dns/promises");
  try {
    const found = await lookup(host, { all: true, order: "ipv4first" });
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    throw hostNotFound(host, socketReason(error));
  }
}
