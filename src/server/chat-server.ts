// Assembles the server (store, hub, page, metrics, single-dialect ports) and shuts it down in
// order. Makes no decisions.

import { realpathSync } from "node:fs";
import { quoted } from "../text.ts";
import { openChat } from "../dialects/open-chat/open-chat.ts";
import { plainRefusal } from "../dialects/protocol-detection.ts";
import { dialects } from "../dialects/table.ts";
import { errorMessage, ParleyError, systemReason } from "../errors.ts";
import { shutdown } from "../limits.ts";
import type { Log } from "../log.ts";
import type { DatagramDialect, Dialect } from "../chat/dialect.ts";
import { consoleActor } from "../chat/admin/actor.ts";
import type { AdminAnswer } from "../chat/admin/answer.ts";
import { openStore } from "../store/open.ts";
import type { OpenStore } from "../store/open-store.ts";
import type { Retention } from "../store/retention.ts";
import type { Synchronous } from "../store/sqlite/file.ts";
import type { PageAddress } from "../protocol/messages.ts";
import type { KeyPair } from "../tls/certificate.ts";
import type { CertificateFiles } from "../tls/certificate-files.ts";
import { admitsPlain, pageTransport, type PlainPolicy } from "../trust/transport.ts";
import { version } from "../version.ts";
import { ChatCore, type CoreOptions } from "./chat-core.ts";
import { type ClaimFile, openClaim } from "./claim-file.ts";
import { Admission } from "./admission.ts";
import { type PortProtocol } from "./chat-connection.ts";
import type { ChatPort } from "./chat-port.ts";
import { steadyMs } from "../io/clock.ts";
import { hostPortText, isEveryAddress } from "../io/host-port.ts";
import { openDatagramPort } from "./datagram-port.ts";
import { Descriptors } from "./descriptors.ts";
import { metricsHost, type MetricsPort, openMetricsPort } from "./metrics-port.ts";
import { startWeb, type WebServer } from "./web/http.ts";
import { TrustedProxies } from "./web/trusted-proxies.ts";
import { listenOn, onFreePort } from "./listen-errors.ts";
import { watchCertificate } from "./page-renewal.ts";
import { folderState } from "./files/shared-folder.ts";
import type { Connect } from "./web/websocket.ts";

/** The name of a dialect on a port that only speaks TLS. */
const overTls = { name: "ircs", dialect: "irc" } as const;

/** How long IRC clients remember to use TLS: one month. */
const stsSeconds = 30 * 86_400;

/** A port for one dialect. `flag` is the option that requested it, quoted in errors. */
export type ExtraPort = { dialect: string; port: number; flag: string };

export type ServerOptions = Pick<
  CoreOptions,
  | "host"
  | "port"
  | "files"
  | "sharing"
  | "relay"
  | "rate"
  | "password"
  | "membersOnly"
  | "motd"
  | "reload"
  | "ircName"
> & {
  /** Prints a line of an original system's server. */
  print: (line: string) => void;
  /** Prints a line during startup. */
  announce: (line: string) => void;
  /** Logs everything after startup. */
  log: Log;
  /** Called when an operator asks the server to stop; the caller then calls `stop`. */
  onStop?: () => void;
  /** Undefined: no page. */
  webPort: number | undefined;
  /** The page's public URL, if it is behind a proxy. */
  publicUrl?: URL | undefined;
  /** Reverse proxies that are trusted to report client addresses. */
  proxies?: TrustedProxies;
  /** The proxies write PROXY headers on the chat ports. */
  proxyProtocol?: boolean;
  /** For TLS on the main port, and for the page beyond loopback; undefined: no TLS. */
  key?: KeyPair | undefined;
  /**
   * The folder that holds the key and, without `data`, names and operators' decisions. Never
   * shared.
   */
  state?: string | undefined;
  /** The server also runs without that folder. */
  stateIsOptional?: boolean;
  /** Files that contain secrets, such as the page's key. Never shared. */
  secretFiles?: readonly string[];
  /** Plain text is allowed beyond loopback. */
  plain?: boolean;
  /** The page's own certificate. */
  certificate?: CertificateFiles | undefined;
  /** Undefined: no metrics. */
  metricsPort?: number | undefined;
  /** The fingerprint of `key`. */
  pin?: string | undefined;
  /** SQLite file, or the address of a PostgreSQL database; undefined: memory. */
  data: string | undefined;
  /** Where clients reach this server, of several with one database; undefined: `host`. */
  clusterAddress?: string | undefined;
  /** What an acknowledgement waits for (docs/data.md). */
  synchronous?: Synchronous;
  /** Retention settings that differ from the defaults. */
  retention?: Partial<Retention>;
  /** 0: no limit. */
  maxPerAddress: number;
  extra: readonly ExtraPort[];
  /** The main port speaks open-chat and announces itself like the original server. */
  classic?: boolean;
};

/** Opened before all ports, closed after them. */
type Base = { store: OpenStore; descriptors: Descriptors; admission: Admission };

export class ChatServer {
  /** Single-dialect ports, by dialect name. */
  readonly dialectPorts = new Map<string, number>();
  /** The claim of the first owner; undefined if there is an owner, or nowhere to keep the code. */
  claim: ClaimFile | undefined;
  readonly #options: ServerOptions;
  readonly #base: Base;
  readonly #core: ChatCore;
  readonly #extra: { close(): void }[] = [];
  #web: WebServer | undefined;
  #stopWatching: (() => void) | undefined;
  #metrics: MetricsPort | undefined;

  private constructor(options: ServerOptions, base: Base, core: ChatCore) {
    this.#options = options;
    this.#base = base;
    this.#core = core;
  }

  /**
   * Opens all ports or none.
   * @throws ParleyError `port-in-use`, `storage`, `failed`
   */
  static async start(options: ServerOptions): Promise<ChatServer> {
    const files = folderState(options.files);
    if (files === "no-folder" || files === "unreadable") {
      const problem =
        files === "no-folder"
          ? "is not a folder: choose the folder to share"
          : "can't be read by this user: change its permissions, or choose another folder";
      const sentence = `--files ${quoted(options.files)} ${problem}`;
      throw new ParleyError("failed", sentence);
    }
    const { data: path, synchronous, retention, state: folder } = options;
    const state =
      folder === undefined ? undefined : { folder, isOptional: options.stateIsOptional === true };
    const settings = { path, synchronous, retention, state, pin: options.pin };
    const store = await openStore(settings, (line) => options.log.warn(line));
    const descriptors = new Descriptors();
    const admission = new Admission(options.maxPerAddress, descriptors);
    const base = { store, descriptors, admission };
    let server: ChatServer | undefined;
    try {
      const webPort = () => server?.webPort;
      const { proxies, proxyProtocol = false } = options;
      const plain = {
        admitsPlain: (address: string) => admitsPlain(address, policyOf(options)),
        writesProxyHeader: (address: string) => proxyProtocol && proxies?.has(address) === true,
      };
      const withheld = withheldPaths(options);
      const stop = () => options.onStop?.();
      const claim = () => server?.claim;
      const sts = () => server?.sts;
      const shared = { ...options, ...plain, withheld, stop, claim, sts };
      const page = () => server?.page;
      const core = await ChatCore.open({ ...shared, store, admission, webPort, page });
      server = new ChatServer(options, base, core);
      await server.#openOthers();
      server.#makeClaim();
      return server;
    } catch (error) {
      if (server !== undefined) await server.#closePorts();
      await closeBase(base);
      throw error;
    }
  }

  /** Creates a claim if the server has no owner. */
  #makeClaim(): void {
    const { state, log } = this.#options;
    if (state === undefined || this.#core.hub.hasOwner) return;
    try {
      const file = openClaim(state);
      const remove = (): void => {
        file.remove();
        this.claim = undefined;
      };
      this.claim = { ...file, remove };
    } catch (error) {
      log.warn(`Nobody can claim this server: ${systemReason(error)}`);
    }
  }

  get port(): number {
    return this.#core.main.port;
  }

  /** Where browsers find the page; undefined: there is none (yet). */
  get page(): PageAddress | undefined {
    const { webPort: port } = this;
    const { publicUrl } = this.#options;
    if (port === undefined) return undefined;
    if (publicUrl !== undefined) return { url: publicUrl.href };
    return { port, secure: this.#pageTls() !== undefined };
  }

  get webPort(): number | undefined {
    return this.#web?.port;
  }

  /** Whether the page is served over HTTPS. */
  get isPageSecure(): boolean {
    return this.#pageTls() !== undefined;
  }

  /**
   * The TLS port that IRC clients may be told to use exclusively; it needs a certificate of its
   * own.
   */
  get sts(): { port: number; seconds: number } | undefined {
    const port = this.dialectPorts.get("ircs");
    if (port === undefined || this.#options.certificate === undefined) return undefined;
    return { port, seconds: stsSeconds };
  }

  get metricsPort(): number | undefined {
    return this.#metrics?.port;
  }

  /** Carries out a command typed at the server's terminal. */
  admin(line: string, answer: (answer: AdminAnswer) => void): void {
    this.#core.driver.handleAdmin(consoleActor, line, answer);
  }

  /**
   * Tells everyone, waits up to `shutdown.graceMs` for output to be sent, then closes the store.
   */
  async stop(): Promise<void> {
    const { hub, main } = this.#core;
    this.#web?.drain();
    for (const port of [main, ...this.#extra.splice(0)]) port.close();
    hub.stop("The server is stopping", steadyMs());
    const untilMs = steadyMs() + shutdown.graceMs;
    const isBusy = () => hub.sessionCount > 0 || !hub.isSettled;
    while (isBusy() && steadyMs() < untilMs) await Bun.sleep(20);
    await this.#closePorts();
    await closeBase(this.#base);
  }

  async #openOthers(): Promise<void> {
    const { host, classic, webPort, metricsPort, extra, announce } = this.#options;
    const started = classic === true ? [openChat.terminal?.started?.(host, this.port)] : [];
    if (webPort !== undefined) {
      const place = { transport: "tcp", host, port: webPort, flag: "--web-port" } as const;
      const web = await listenOn(place, () => this.#startWeb(webPort));
      this.#web = web;
      const { certificate, log } = this.#options;
      if (certificate !== undefined) {
        this.#stopWatching = watchCertificate(certificate, () => web.renew(), log);
      }
    }
    if (metricsPort !== undefined) {
      const [host, flag] = [metricsHost, "--metrics-port"];
      const place = { transport: "tcp", host, port: metricsPort, flag } as const;
      this.#metrics = await listenOn(place, () => this.#openMetrics(metricsPort));
    }
    for (const one of extra) started.push(await this.#openExtra(one));
    await this.#tellAddress();
    // Announced only now: if the last port can't be opened, the server has not started.
    for (const line of started) if (line !== undefined) announce(line);
  }

  /** The other servers, if there are any, learn where clients reach this one. */
  async #tellAddress(): Promise<void> {
    const { host, clusterAddress } = this.#options;
    const own = isEveryAddress(host) ? undefined : hostPortText({ host, port: this.port });
    const address = clusterAddress ?? own;
    try {
      if (address !== undefined) await this.#base.store.setAddress?.(address);
    } catch (error) {
      const reason = errorMessage(error);
      this.#options.log.warn(`The other servers are told later where this one is: ${reason}`);
    }
  }

  #startWeb(port: number): WebServer {
    const { host, log, publicUrl, proxies = new TrustedProxies() } = this.#options;
    const { descriptors, admission } = this.#base;
    const core = this.#core;
    return startWeb({
      host,
      port,
      tls: this.#pageTls(),
      admitsPlain: (address) => this.#admitsPlain(address),
      banFor: (address) => core.hub.banFor(address, steadyMs()),
      hasAccess: (token) => core.hub.hasAccess(token),
      isDatabaseAway: () => core.isDatabaseAway,
      folder: core.folder,
      uploads: core.uploads,
      sharerOf: (token, address) =>
        new Promise((resolve) => core.hub.sharerOf(token, address, steadyMs(), resolve)),
      metrics: core.metrics,
      log,
      publicUrl,
      proxies,
      admission,
      turns: core.turns,
      reaper: {
        descriptors,
        chatConnections: () => admission.total,
        excess: (sockets) =>
          admission.excess(sockets.filter(({ address }) => !proxies.has(address))),
      },
      connect: sessionsOf(core, core.native),
      connectRoom: sessionsOf(core, core.httpRooms),
    });
  }

  #refusalFor(address: string): { text: string; reason: string } | undefined {
    if (!this.#admitsPlain(address)) return { text: plainRefusal("text"), reason: "plain text" };
    const refusal = this.#core.refusalFor(address);
    return refusal && { text: refusal.message, reason: refusal.code };
  }

  #admitsPlain(address: string): boolean {
    return admitsPlain(address, policyOf(this.#options));
  }

  /** Undefined: HTTP. */
  #pageTls(): (() => KeyPair) | undefined {
    const { host, plain = false, certificate, proxies, publicUrl, key } = this.#options;
    const hasCertificate = certificate !== undefined;
    const hasProxies = publicUrl !== undefined || proxies?.isEmpty === false;
    switch (pageTransport({ host, plain, hasCertificate, hasProxies })) {
      case "certificate":
        return certificate === undefined ? undefined : () => certificate.pair;
      case "own-key":
        return key === undefined ? undefined : () => key;
      case "http":
        return undefined;
    }
  }

  #openMetrics(port: number): MetricsPort {
    const core = this.#core;
    const refresh = () => core.refreshMetrics();
    return openMetricsPort({ port, metrics: core.metrics, version, refresh });
  }

  /** Returns the line that the dialect's original server prints on startup, if any. */
  async #openExtra({ dialect, port, flag }: ExtraPort): Promise<string | undefined> {
    if (dialect === "cpp") {
      this.dialectPorts.set(dialect, (await this.#listen({ kind: "cpp" }, port, flag)).port);
      return undefined;
    }
    const isTls = dialect === overTls.name;
    const entry = dialects[isTls ? overTls.dialect : dialect];
    if (entry === undefined) throw new ParleyError("usage", `${flag}: unknown dialect`);
    if (entry.transport === "udp") {
      this.dialectPorts.set(dialect, await this.#answer(entry.datagram, port, flag));
      return undefined;
    }
    const spoken = entry.dialect.name === "irc" ? this.#core.irc : entry.dialect;
    const bound = await onFreePort(port, async () => {
      const protocol = { kind: isTls ? "tls" : "dialect", dialect: spoken } as const;
      const opened = await this.#listen(protocol, port, flag);
      if (entry.transport === "tcp") return opened.port;
      try {
        return await this.#answer(entry.datagram, opened.port, flag);
      } catch (error) {
        this.#extra.splice(this.#extra.indexOf(opened), 1);
        opened.close();
        throw error;
      }
    });
    this.dialectPorts.set(dialect, bound);
    return entry.dialect.terminal?.started?.(this.#options.host, bound);
  }

  #listen(protocol: PortProtocol, port: number, flag: string): Promise<ChatPort> {
    const { host } = this.#options;
    return listenOn({ transport: "tcp", host, port, flag }, () => {
      const opened = this.#core.listen(port, protocol, this.#keyFor(protocol, flag));
      this.#extra.push(opened);
      return opened;
    });
  }

  /** Answers datagrams; returns the port. */
  async #answer(dialect: DatagramDialect, port: number, flag: string): Promise<number> {
    const { host, print, log } = this.#options;
    const refusalFor = (address: string) => this.#refusalFor(address);
    const opened = await listenOn({ transport: "udp", host, port, flag }, () =>
      openDatagramPort({ dialect, host, port, print, log, refusalFor }),
    );
    this.#extra.push(opened);
    return opened.port;
  }

  /**
   * The page's certificate, which clients of other programs trust, or otherwise the server's own
   * key.
   */
  #keyFor({ kind }: PortProtocol, flag: string): (() => KeyPair) | undefined {
    if (kind !== "tls") return undefined;
    const { certificate, key } = this.#options;
    if (certificate !== undefined) return () => certificate.pair;
    if (key !== undefined) return () => key;
    throw new ParleyError("failed", `${flag} needs a key for TLS: give one with --cert and --key`);
  }

  async #closePorts(): Promise<void> {
    this.#stopWatching?.();
    for (const port of this.#extra.splice(0)) port.close();
    this.#core.close();
    this.#metrics?.close();
    await this.#web?.stop();
  }
}

/** Makes a connection of the web port a session of the hub. */
function sessionsOf({ driver }: ChatCore, dialect: Dialect): Connect {
  return (link, peer) => {
    const session = driver.handleConnect(link, dialect, peer);
    session.output.framed = true;
    return {
      receive: (line) => driver.handleMessage(session, line, steadyMs()),
      receiveEmpty: () => driver.handleEmptyInput(session),
      passedChars: () => session.passedChars,
      overflow: () => driver.handleOverflow(session),
      drained: () => driver.handleDrain(session),
      isBusyAtEnd: () => driver.handleLastInput(session),
      closed: () => driver.handleClose(session, "lost"),
    };
  };
}

/** Without a key, TLS cannot be required. */
function policyOf({ plain, key, proxies }: ServerOptions): PlainPolicy {
  return {
    allowed: plain === true || key === undefined,
    isTrustedProxy: (address) => proxies?.has(address) ?? false,
  };
}

/** @throws ParleyError `usage` if the shared folder is a folder that must not be shared */
function withheldPaths({ state, files, secretFiles = [] }: ServerOptions): string[] {
  const secrets = secretFiles.map(realPath).filter((path) => path !== undefined);
  const folder = state === undefined ? undefined : realPath(state);
  if (folder === undefined) return secrets;
  if (folder !== realPath(files)) return [folder, ...secrets];
  const sentence = `--state ${quoted(state ?? "")} is the shared folder: choose another for the key`;
  throw new ParleyError("usage", sentence);
}

/** Undefined if the path does not exist. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** The spare descriptor is closed last: counting may need it until then. */
async function closeBase({ store, descriptors }: Base): Promise<void> {
  await store.close();
  descriptors.close();
}
