// Serves files from this machine to a guest who knows a code: TLS with a separate key on a TCP
// port, and UDP on the port with the same number. Ends with the single guest that it is for.

import { plainAddress } from "../addresses.ts";
import { openingRate } from "../chat/rates/opening-rate.ts";
import { errorMessage, ParleyError } from "../errors.ts";
import type { OfferedFolder } from "../handover/offered-folder.ts";
import { linkHandlers, TcpLink } from "../io/tcp-link.ts";
import { codes as limits } from "../limits.ts";
import { encodeServer } from "../protocol/encode.ts";
import { FileService } from "../server/files/file-service.ts";
import { ShareCounts } from "../share-counts.ts";
import { ownerAt } from "../share-owner.ts";
import type { KeyPair } from "../tls/certificate.ts";
import { channelBinding } from "../tls/channel-binding.ts";
import { codeExporterLabel } from "../tls/code-exchange.ts";
import { exportedKey } from "../tls/exported-key.ts";
import { onlyTls13 } from "../tls/versions.ts";
import { CodeConnection } from "./code-connection.ts";
import { goneError, guestError } from "./guest-error.ts";
import type { CodeDoor, DoorState } from "./code-door.ts";

export type CodeServerOptions = {
  readonly folder: OfferedFolder;
  readonly door: CodeDoor;
  readonly key: KeyPair;
  /** Address to listen on. */
  readonly host: string;
  /** How long somebody may take to prove to know the code (default: limits.ts). */
  readonly proofMs?: number;
  /** How long to wait for a guest who has lost the connection, such as one whose machine is off. */
  readonly patienceMs: number;
  /** The guest has lost the connection, and may return. */
  onInterrupted(reason: string): void;
  /** The guest has received and verified everything. */
  onDone(): void;
  /** The guest gives up. */
  onFailed(error: ParleyError): void;
};

export class CodeServer {
  readonly #options: CodeServerOptions;
  readonly #service: FileService<OfferedFolder>;
  /** Open connections, including those still in their TLS handshake. */
  readonly #links = new Set<TcpLink>();
  /** Those whose other end has proved to know the code. */
  readonly #guests = new Set<TcpLink>();
  readonly #owners = new ShareCounts(limits.maxPerAddress, limits.maxConnections / 3);
  readonly #opened = openingRate();
  readonly #listener: Bun.TCPSocketListener<TcpLink>;
  /** Ends the wait for a guest, or for one to return. */
  #patience: Timer | undefined;
  /** The guest has everything, or has given up. */
  #isOver = false;

  /** @throws ParleyError `failed`: no port is free for both TCP and UDP */
  static async open(options: CodeServerOptions): Promise<CodeServer> {
    const { folder, host } = options;
    for (let left = limits.portTries; ; left--) {
      const service = await FileService.open({ folder, host, port: 0 });
      try {
        return new CodeServer(options, service);
      } catch (error) {
        service.close();
        if (left > 1) continue;
        const reason = errorMessage(error);
        throw new ParleyError("failed", `Cannot listen on ${host}: ${reason}`);
      }
    }
  }

  private constructor(options: CodeServerOptions, service: FileService<OfferedFolder>) {
    this.#options = options;
    this.#service = service;
    this.#listener = Bun.listen<TcpLink>({
      hostname: options.host,
      port: service.udpPort,
      tls: { ...options.key, secureOptions: onlyTls13 },
      data: new TcpLink(),
      socket: {
        ...linkHandlers,
        open: (socket) => {
          socket.data = new TcpLink();
          this.#admit(socket);
        },
        handshake: (socket, isComplete) => {
          if (isComplete && this.#links.has(socket.data)) this.#serve(socket);
          else socket.terminate();
        },
      },
    });
    const unused = new ParleyError("stalled", "Nobody fetched the files.");
    this.#waitFor(limits.unusedMs, unused, ["open", "tried"]);
  }

  /** The address that it listens on. */
  get host(): string {
    return this.#options.host;
  }

  get port(): number {
    return this.#listener.port;
  }

  get sentBytes(): number {
    return this.#service.totals.sentBytes;
  }

  close(): void {
    this.#isOver = true;
    clearTimeout(this.#patience);
    this.#listener.stop();
    for (const link of this.#links) link.end();
    this.#service.close();
  }

  /** Gives up after that time, if the door is in one of these states then. */
  #waitFor(ms: number, error: ParleyError, states: readonly DoorState[]): void {
    clearTimeout(this.#patience);
    const { door, onFailed } = this.#options;
    this.#patience = setTimeout(() => {
      if (states.includes(door.state)) onFailed(error);
    }, ms);
  }

  #handleLost(link: TcpLink): void {
    if (!this.#guests.delete(link) || this.#guests.size > 0 || this.#isOver) return;
    const { patienceMs, onInterrupted } = this.#options;
    onInterrupted("The receiver has lost the connection");
    this.#waitFor(patienceMs, goneError(patienceMs), ["taken"]);
  }

  /** A connection occupies a place from its beginning, whether it says anything or not. */
  #admit(socket: Bun.Socket<TcpLink>): void {
    const link = socket.data;
    const owner = ownerAt(plainAddress(socket.remoteAddress));
    const isFull = this.#links.size >= limits.maxConnections;
    if (isFull || this.#owners.full(owner) !== undefined) return void socket.terminate();
    if (this.#opened.take(owner, performance.now()) > 0) return void socket.terminate();
    this.#links.add(link);
    this.#owners.add(owner);
    const hurry = setTimeout(() => {
      if (!this.#guests.has(link)) socket.terminate();
    }, this.#options.proofMs ?? limits.proofMs);
    void link.closed.then(() => {
      clearTimeout(hurry);
      // Before its handshake, the link has no socket that it could close.
      socket.terminate();
      this.#links.delete(link);
      this.#handleLost(link);
      this.#owners.remove(owner);
    });
  }

  #serve(socket: Bun.Socket<TcpLink>): void {
    const link = socket.data;
    const address = plainAddress(socket.remoteAddress);
    const port = socket.remotePort;
    const exportKey = (label: string): Uint8Array => exportedKey(socket, label);
    const control = {
      send: (message: Parameters<typeof encodeServer>[0]) => link.send(encodeServer(message)),
      waitingBytes: () => link.waitingBytes,
      exportKey,
    };
    const { folder, door, onDone, onFailed } = this.#options;
    const connection = new CodeConnection({
      door,
      address,
      exported: exportKey(codeExporterLabel),
      files: folder.list,
      udpPort: this.#service.udpPort,
      send: (line) => link.send(line),
      end: () => link.end(),
      openSession: () => {
        const client = {
          peer: { address, port, tls: true as const, exportKey },
          owner: ownerAt(address),
        };
        this.#guests.add(link);
        clearTimeout(this.#patience);
        return this.#service.session(client, control);
      },
      onDone: () => {
        this.#isOver = true;
        onDone();
      },
      onFailed: (failed, reason) => {
        this.#isOver = true;
        onFailed(guestError(failed, reason));
      },
    });
    link.attach(
      socket,
      {
        data: (bytes) => connection.receive(bytes),
        ended: () => link.end(),
      },
      channelBinding(socket),
    );
    void link.closed.then(() => connection.close());
  }
}
