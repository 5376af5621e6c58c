// The server, put together: hub, store, ports, files, registry and page, and their orderly end. Decides nothing of its own.

import { ratesFor } from "../chat/sender-limits.ts";
import { Hub } from "../chat/hub.ts";
import { createMetrics, type Metrics } from "../chat/metrics.ts";
import { quoted } from "../chat/text.ts";
import type { Dialect } from "../dialects/dialect.ts";
import { nativeDialect } from "../dialects/native.ts";
import { openChat } from "../dialects/open-chat.ts";
import { type DialectEntry, dialects } from "../dialects/table.ts";
import { ParleyError } from "../errors.ts";
import { shutdown } from "../limits.ts";
import { CppService } from "../registry/cpp-service.ts";
import type { Registry } from "../registry/registry.ts";
import { openStore, type OpenStore } from "../store/open.ts";
import type { Synchronous } from "../store/sqlite-file.ts";
import { version } from "../version.ts";
import { Admission, type ChatPort, openChatPort, type Speech } from "./chat-port.ts";
import { ClassicDownloads } from "./classic-download.ts";
import { unixMs } from "./clock.ts";
import { type DatagramPort, openDatagramPort } from "./datagram-dialects.ts";
import { Descriptors } from "./descriptors.ts";
import { FileService } from "./file-service.ts";
import { notOwnAddress } from "./host-port.ts";
import { startWeb, type WebServer } from "./http.ts";
import { ServerFiles } from "./server-files.ts";
import { folderState } from "./shared-folder.ts";
import { Turns } from "./turns.ts";

/** A port that speaks one dialect; `flag` is what asked for it, for the error when it is taken. */
export type ExtraPort = { dialect: string; port: number; flag: string };

export type ServerOptions = {
  host: string;
  port: number;
  /** Undefined: no page. */
  webPort: number | undefined;
  files: string;
  /** SQLite file; undefined: memory. */
  data: string | undefined;
  /** What an acknowledgement waits for; see docs/operation.md "Data". */
  synchronous?: Synchronous;
  /** Messages a second, 0 for no limit. */
  rate: number;
  maxPerAddress: number;
  extra: readonly ExtraPort[];
  /** The main port is the one of S1's server, and is announced in its words. */
  classic?: boolean;
  /** A line that a system's own server prints. */
  log: (line: string) => void;
  /** A line for whoever runs the server. */
  warn: (line: string) => void;
};

export class ChatServer {
  readonly metrics: Metrics = createMetrics();
  readonly registry: Registry;
  /** Dialects and the ports of their own, by name. */
  readonly dialectPorts = new Map<string, number>();
  readonly #ports: ChatPort[] = [];
  readonly #datagrams: DatagramPort[] = [];
  readonly #turns = new Turns();
  #hub: Hub | undefined;
  #fileService: FileService | undefined;
  #downloads: ClassicDownloads | undefined;
  #web: WebServer | undefined;
  #native: Dialect | undefined;
  #mainPort = 0;
  readonly #descriptors = new Descriptors();
  readonly #admission: Admission;

  private constructor(
    readonly options: ServerOptions,
    readonly store: OpenStore,
  ) {
    this.registry = store.registry;
    this.#admission = new Admission(options.maxPerAddress, this.#descriptors);
  }

  /**
   * Opens every port, or none.
   * @throws ParleyError `port-in-use`, `storage`, `failed`
   */
  static async start(options: ServerOptions): Promise<ChatServer> {
    if (folderState(options.files) === "no-folder") {
      const sentence = `--files ${quoted(options.files)} is no folder: name one that has the files to share`;
      throw new ParleyError("failed", sentence);
    }
    const server = new ChatServer(
      options,
      openStore(options.data, options.warn, options.synchronous),
    );
    try {
      await server.#open();
      return server;
    } catch (error) {
      await server.#close();
      throw error;
    }
  }

  get port(): number {
    return this.#mainPort;
  }

  get webPort(): number | undefined {
    return this.#web?.port;
  }

  /** Names of everyone who is here. */
  who(): string[] {
    return Array.from(this.#hub!.members.values(), (session) => session.name);
  }

  /** Tells everyone, lets their last lines leave, closes the store. At most `shutdown.graceMs` long. */
  async stop(): Promise<void> {
    const hub = this.#hub!;
    this.#web?.drain();
    for (const port of this.#ports) port.close();
    hub.stop("The server is stopping", unixMs());
    const untilMs = unixMs() + shutdown.graceMs;
    while (hub.sessions.size > 0 && unixMs() < untilMs) await Bun.sleep(20);
    await this.#close();
  }

  async #open(): Promise<void> {
    const { options } = this;
    await this.#openMain();
    const hub = this.#hub!;
    const line = openChat.terminal?.started?.(options.host, this.#mainPort);
    if (options.classic === true && line !== undefined) options.warn(line);
    if (options.webPort !== undefined) {
      const webPort = options.webPort;
      const native = this.#native!;
      this.#web = await named(this.options.host, "--web-port", webPort, () =>
        startWeb({
          host: options.host,
          port: webPort,
          folder: this.#fileService!.folder,
          metrics: this.metrics,
          version,
          admission: this.#admission,
          guard: {
            descriptors: this.#descriptors,
            counted: (address) => this.#admission.counted(address),
            bound: (address) => this.#admission.bound(address),
            warn: options.warn,
          },
          refresh: () => this.#refreshMetrics(hub),
          connect: (link, peer) => {
            const session = hub.connect(link, native, peer, unixMs());
            session.framed = true;
            return {
              receive: (line) => hub.receive(session, line, unixMs()),
              overflow: () => hub.overflow(session, unixMs()),
              drained: () => hub.drained(session, unixMs()),
              closed: () => hub.closed(session, "lost", unixMs()),
            };
          },
        }),
      );
    }
    for (const extra of options.extra) await this.#openExtra(extra);
  }

  /** Brings the gauges up to date that nobody counts as things happen. */
  #refreshMetrics(hub: Hub): void {
    const { metrics } = this;
    const service = this.#fileService!;
    let inPrivate = 0;
    for (const session of hub.members.values()) if (session.partner !== undefined) inPrivate++;
    metrics.privateChats = inPrivate / 2;
    metrics.members = hub.members.size;
    metrics.rooms = hub.rooms.size;
    metrics.transfers = service.transferCount;
    metrics.transfersStarted = service.totals.transfers;
    metrics.transferBytes = service.totals.sentBytes;
  }

  /** TCP and UDP of the same number; port 0 is tried until both are free. */
  async #openMain(): Promise<void> {
    const { options } = this;
    const tries = options.port === 0 ? 10 : 1;
    for (let left = tries; ; left--) {
      try {
        return await this.#openPair(options.port);
      } catch (error) {
        this.#closePorts();
        if (left === 1) throw error;
      }
    }
  }

  async #openPair(port: number): Promise<void> {
    const { options, store } = this;
    const service = await named(this.options.host, "--port", port, () =>
      FileService.open({ folder: options.files, host: options.host, port }),
    );
    this.#fileService = service;
    this.#downloads = new ClassicDownloads({
      host: options.host,
      skipPort: service.udpPort,
      open: (name) => service.folder.open(name),
    });
    this.#hub = new Hub({
      history: store.history,
      metrics: this.metrics,
      rates: ratesFor(options.rate),
      files: new ServerFiles(service, this.#downloads, options.log),
      wake: this.#turns.wake,
      log: options.log,
      warn: options.warn,
      hashSecret: (secret) => new Bun.CryptoHasher("sha256").update(secret).digest("base64url"),
      newSecret: () =>
        Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url"),
    });
    this.#turns.start(this.#hub);
    this.#native = nativeDialect({
      name: `parley ${version}`,
      udpPort: service.udpPort,
      messagesPerSecond: options.rate,
    });
    const speech: Speech = {
      kind: "any",
      native: this.#native,
      text: openChat,
    };
    const main = await named(this.options.host, "--port", service.udpPort, () =>
      this.#chatPort(service.udpPort, speech),
    );
    this.#mainPort = main.port;
  }

  #chatPort(port: number, speech: Speech): ChatPort {
    const opened = openChatPort({
      host: this.options.host,
      port,
      speech,
      webPort: () => this.webPort,
      hub: this.#hub!,
      cpp: () => new CppService(this.registry, unixMs),
      log: this.options.log,
      admission: this.#admission,
    });
    this.#ports.push(opened);
    return opened;
  }

  async #openExtra({ dialect, port, flag }: ExtraPort): Promise<void> {
    if (dialect === "cpp") {
      const opened = await named(this.options.host, flag, port, () =>
        this.#chatPort(port, { kind: "cpp" }),
      );
      this.dialectPorts.set(dialect, opened.port);
      return;
    }
    const entry = dialects[dialect] as DialectEntry;
    let bound = port;
    if (entry.transport !== "udp") {
      const speech: Speech = { kind: "dialect", dialect: entry.dialect };
      const opened = await named(this.options.host, flag, port, () => this.#chatPort(port, speech));
      bound = opened.port;
      const line = entry.dialect.terminal?.started?.(this.options.host, bound);
      if (line !== undefined) this.options.warn(line);
    }
    if (entry.transport !== "tcp") {
      const { host, log } = this.options;
      const opened = await named(this.options.host, flag, bound, () =>
        openDatagramPort(entry.datagram, host, bound, log),
      );
      this.#datagrams.push(opened);
      bound = opened.port;
    }
    this.dialectPorts.set(dialect, bound);
  }

  #closePorts(): void {
    for (const port of this.#ports.splice(0)) port.close();
    for (const port of this.#datagrams.splice(0)) port.close();
    this.#downloads?.close();
    this.#fileService?.close();
  }

  /** Everything, the spare descriptor last: until then counting may need it. */
  async #close(): Promise<void> {
    this.#turns.stop();
    this.#closePorts();
    await this.#web?.stop();
    this.store.close();
    this.#descriptors.close();
  }
}

/** Runs what opens a port; a port that is taken becomes a sentence that names it and its flag. */
async function named<T>(
  host: string,
  flag: string,
  port: number,
  open: () => T | Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EADDRINUSE") {
      throw new ParleyError(
        "port-in-use",
        `Port ${port} is in use: choose another with ${flag} (0 takes a free one)`,
      );
    }
    const notOwn = notOwnAddress(host, error);
    if (notOwn !== undefined) throw notOwn;
    if (code === "EACCES") {
      throw new ParleyError(
        "failed",
        `Port ${port} is not allowed to you: choose one from 1024 up with ${flag}`,
      );
    }
    if (error instanceof ParleyError) throw error;
    throw new ParleyError(
      "failed",
      `Port ${port} (${flag}) could not be opened: ${(error as Error).message}`,
    );
  }
}
