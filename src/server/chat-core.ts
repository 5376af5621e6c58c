// The core shared by all ports: the hub with its store, the files, and the main port (TCP and UDP
// with the same number). Opens completely or not at all. Knows nothing about the page and
// single-dialect ports.

import type { Log } from "../log.ts";
import type { SharedHub } from "../chat/elsewhere/foreign-events.ts";
import { Hub } from "../chat/hub.ts";
import { ParleyError } from "../errors.ts";
import { fold } from "../chat/names/grammar.ts";
import { quoted } from "../text.ts";
import type { Refusal } from "../chat/refusal.ts";
import { createMetrics, type Metrics } from "../chat/metrics/metrics.ts";
import { ratesFor } from "../chat/rates/rate-budget.ts";
import type { Dialect } from "../chat/dialect.ts";
import { httpRooms } from "../dialects/http/http-rooms.ts";
import { ircDialect } from "../dialects/irc/irc.ts";
import { nativeDialect } from "../dialects/native/native.ts";
import { Rights } from "../chat/rights/rights.ts";
import { reservedNames } from "../dialects/reserved-names.ts";
import { openChatWithHelp } from "../dialects/open-chat/open-chat.ts";
import { postgres, relay } from "../limits.ts";
import { contactLine, RegistryConnection } from "../cpp/registry-connection.ts";
import type { OpenStore } from "../store/open-store.ts";
import type { PageAddress } from "../protocol/messages.ts";
import type { KeyPair } from "../tls/certificate.ts";
import { version } from "../version.ts";
import { type Admission } from "./admission.ts";
import { ReadingTurns } from "./reading-turns.ts";
import { type PortProtocol } from "./chat-connection.ts";
import { type ChatPort, openChatPort } from "./chat-port.ts";
import { Credentials } from "./credentials.ts";
import { OpenChatDownloads } from "./files/open-chat-download.ts";
import { FileService } from "./files/file-service.ts";
import type { UdpPath } from "../transfer/udp-path.ts";
import { SharedFolder } from "./files/shared-folder.ts";
import { stampMs, steadyMs } from "../io/clock.ts";
import { networkOf } from "../addresses.ts";
import type { ClaimFile } from "./claim-file.ts";
import { passwordCheck } from "./password-check.ts";
import { listenOn, onFreePort } from "./listen-errors.ts";
import { secretText } from "../secrets.ts";
import { UploadService } from "./files/sharing/upload-service.ts";
import { ServerFiles } from "./files/server-files.ts";
import { ServerRelay } from "./server-relay.ts";
import { HubDriver } from "./hub-driver.ts";
import { startCollector } from "./crowd-collector.ts";

/** Default of `--irc-name`. */
const defaultIrcName = "parley";

export type CoreOptions = {
  readonly host: string;
  /** TCP and UDP port; 0 picks one that is free for both. */
  readonly port: number;
  /** The shared folder. */
  readonly files: string;
  /**
   * Settings for files that people upload to the shared folder; undefined: uploads are disabled.
   */
  readonly sharing?:
    { readonly quotaBytes: number; readonly keepMs: number | undefined } | undefined;
  /** Bytes per second that are relayed between people; 0 disables the relay. */
  readonly relay?: number | undefined;
  /** Messages per second and sender; 0 for no limit. */
  readonly rate: number;
  /** Prints a line of an original system's server. */
  readonly print: (line: string) => void;
  /** The operator's log. */
  readonly log: Log;
  readonly store: OpenStore;
  readonly admission: Admission;
  /** The key for TLS on the main port; undefined: plain text only. */
  readonly key?: KeyPair | undefined;
  /** Whether a client at this address may use plain text. */
  readonly admitsPlain: (address: string) => boolean;
  /** Whether TCP connections from this address come from a proxy and begin with a PROXY header. */
  readonly writesProxyHeader?: (address: string) => boolean;
  /** Files and folders that are never shared, in addition to the store's. */
  readonly withheld?: readonly string[];
  /** The server password; undefined if there is none. */
  readonly password?: string | undefined;
  /** Admits only members and people with a pass. */
  readonly membersOnly?: boolean;
  /**
   * Creates the code that makes somebody the owner; undefined if there is an owner, or nowhere to
   * keep the code.
   */
  readonly claim: () => ClaimFile | undefined;
  /** The message of the day; may be empty. */
  readonly motd?: () => string;
  /** Reloads settings from files; returns the reason on failure. */
  readonly reload?: () => string | undefined;
  /** Called when an operator asks the server to stop. */
  readonly stop: () => void;
  /** The server's name in IRC. */
  readonly ircName?: string | undefined;
  /** Where IRC clients find TLS with a trusted certificate; undefined if nowhere. */
  readonly sts?: () => { port: number; seconds: number } | undefined;
  /** The web port, to which browsers at a chat port are redirected. */
  readonly webPort: () => number | undefined;
  /** Where browsers find the page; undefined: there is none. */
  readonly page: () => PageAddress | undefined;
};

export class ChatCore {
  readonly metrics: Metrics;
  readonly hub: Hub;
  /** The native dialect with this server's settings. */
  readonly native: Dialect;
  /** Rooms over HTTP. */
  readonly httpRooms: Dialect;
  /** IRC with this server's settings. */
  readonly irc: Dialect;
  readonly main: ChatPort;
  readonly #options: CoreOptions;
  readonly driver: HubDriver;
  readonly relay: ServerRelay;
  readonly #service: FileService;
  readonly #downloads: OpenChatDownloads;
  /** Undefined: uploads are disabled. */
  readonly uploads: UploadService | undefined;
  readonly #stopCollector: () => void;
  /** Undefined: reading is not limited. */
  readonly turns: ReadingTurns | undefined;

  /** @throws ParleyError `port-in-use`, `failed` */
  static async open(options: CoreOptions): Promise<ChatCore> {
    const { host, port, files: folder } = options;
    const withheld = [...options.store.paths, ...(options.withheld ?? [])];
    return onFreePort(port, async () => {
      const udp = { transport: "udp", host, port, flag: "--port" } as const;
      let core: ChatCore | undefined;
      const relay = {
        handleDatagrams: (bytes: Uint8Array, path: UdpPath) =>
          core?.relay.handleDatagrams(bytes, path) === true,
        isForwarded: (path: UdpPath) => core?.relay.isForwarded(path) === true,
        forward: (bytes: Uint8Array, length: number, path: UdpPath) =>
          core?.relay.forward(bytes, length, path),
      };
      const service = await listenOn(udp, () =>
        FileService.open({ folder: new SharedFolder(folder, withheld), host, port, relay }),
      );
      try {
        const tcp = { ...udp, transport: "tcp", port: service.udpPort } as const;
        return await listenOn(tcp, () => (core = new ChatCore(options, service)));
      } catch (error) {
        service.close();
        throw error;
      }
    });
  }

  /**
   * Closes everything if it fails.
   * @throws an error with `code` `EADDRINUSE` if the service's port number is taken for TCP
   */
  private constructor(options: CoreOptions, service: FileService) {
    const { host, store, log, print, key } = options;
    this.#options = options;
    this.#service = service;
    this.metrics = createMetrics();
    this.#downloads = downloadsOf(host, service);
    this.uploads = uploadsOf(options, () => service.folder.handleChange());
    this.relay = relayOf(service, options.relay);
    this.driver = new HubDriver(store.answer);
    this.hub = new Hub({
      reservedNames,
      epoch: store.epoch,
      stampMs,
      metrics: this.metrics,
      rates: ratesFor(options.rate),
      rights: new Rights(store.rights, store.numbers),
      door: {
        checkPassword: options.password === undefined ? undefined : passwordCheck(options.password),
        isMembersOnly: options.membersOnly === true,
      },
      motd: options.motd ?? (() => ""),
      control: {
        reload: options.reload ?? (() => undefined),
        registrations: () =>
          store.registry.entries().map((entry) => ({ ...entry, text: contactLine(entry) })),
        dropRegistrations: (isBanned) => store.registry.dropBanned(isBanned),
        stop: options.stop,
        get claimHash() {
          const code = options.claim()?.code;
          return code === undefined ? undefined : hashSecret(code);
        },
        claimUsed: () => options.claim()?.remove(),
      },
      registry: store.registry,
      past: store.past,
      shared: store.others,
      files: new ServerFiles(service, this.#downloads, print, log),
      sharing: this.uploads,
      relay: this.relay,
      page: options.page,
      wake: this.driver.wake,
      log,
      print,
      hashSecret,
      newSecret: () => secretText(18),
      credentials: new Credentials(),
    });
    this.native = nativeOf(service, options.rate);
    this.httpRooms = httpRooms(store.epoch);
    this.irc = ircOf(options);
    const { native, irc } = this;
    const speech = { kind: "any", native, irc, text: openChatWithHelp } as const;
    this.turns = options.rate > 0 ? new ReadingTurns() : undefined;
    this.main = this.listen(service.udpPort, speech, key && (() => key));
    this.uploads?.start();
    this.driver.start(this.hub);
    store.others?.attach(this.#sharedHub());
    store.keepInUse((room) => this.hub.isRoomInUse(room));
    this.#stopCollector = startCollector(this.metrics);
  }

  /** The hub, for applying what other servers have done. */
  #sharedHub(): SharedHub {
    const { driver, hub } = this;
    return {
      handleForeign: (event) => driver.handleForeign(event),
      positionIn: (room) => hub.positionIn(room),
      watchedNames: () => hub.watchedNames(),
      watchedServers: () => hub.watchedServers(),
      openRooms: () => hub.openRooms(),
      openMailboxes: () => hub.openMailboxes(),
    };
  }

  get folder(): FileService["folder"] {
    return this.#service.folder;
  }

  /**
   * Opens a TCP port that uses the same hub and registry. The caller closes it.
   * @throws what `openChatPort` throws
   */
  listen(port: number, protocol: PortProtocol, key?: () => KeyPair): ChatPort {
    const { host, webPort, log, print, admission, store } = this.#options;
    const { admitsPlain, writesProxyHeader } = this.#options;
    const { driver, metrics } = this;
    const cpp = (address: string) =>
      new RegistryConnection(store.registry, networkOf(address), (id) =>
        this.refusalFor(address, id),
      );
    const addresses = { admission, admitsPlain, writesProxyHeader };
    const { turns } = this;
    const shared = { webPort, driver, metrics, cpp, log, print, key, turns, ...addresses };
    return openChatPort({ host, port, protocol, ...shared });
  }

  /** Why this address or name may not use services without a login; undefined if it may. */
  refusalFor(address: string, name?: string): Refusal | undefined {
    const banned = this.hub.banFor(address, steadyMs(), name);
    if (banned !== undefined) return { code: "banned", message: banned };
    const { closed } = this.hub;
    return closed ?? (name === undefined ? undefined : this.#refusalOfOwned(name));
  }

  /** A service without login has no way to prove ownership of a registered name. */
  #refusalOfOwned(name: string): Refusal | undefined {
    try {
      if (!this.#options.store.isRegistered(fold(name))) return undefined;
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      return error;
    }
    const message = `The name ${quoted(name)} is registered, and there is no login here: use another`;
    return { code: "name-registered", message };
  }

  /** Others may have taken the people of this server for gone: the database answers too late. */
  get isDatabaseAway(): boolean {
    const ageSeconds = this.#options.store.databaseMetrics?.().leaseAgeSeconds ?? 0;
    return ageSeconds > postgres.leaseMs / 1_000;
  }

  /** Updates gauges that are not maintained by events. */
  refreshMetrics(): void {
    const { metrics } = this;
    metrics.database = this.#options.store.databaseMetrics?.();
    this.hub.refreshMetrics();
    metrics.transfers = this.#service.transferCount;
    metrics.transfersStarted = this.#service.totals.transfers;
    metrics.transferBytes = this.#service.totals.sentBytes;
    const { datagrams, bytes, dropped } = this.relay.totals;
    metrics.relays = this.relay.size;
    metrics.relayedDatagrams = datagrams;
    metrics.relayedBytes = bytes;
    metrics.relayDropped = dropped;
    const { uploads } = this;
    if (uploads === undefined) return;
    metrics.uploads = uploads.size;
    metrics.uploadsStarted = uploads.totals.uploads;
    metrics.uploadedBytes = uploads.totals.receivedBytes;
    metrics.sharedBytes = uploads.store.usedBytes;
  }

  close(): void {
    this.#stopCollector();
    this.driver.stop();
    this.main.close();
    this.#downloads.close();
    this.uploads?.close();
    this.relay.close();
    this.#service.close();
  }
}

function downloadsOf(host: string, { udpPort: skipPort, folder }: FileService): OpenChatDownloads {
  return new OpenChatDownloads({ host, skipPort, open: (name) => folder.open(name) });
}

function uploadsOf(
  { sharing, files: folder, log }: CoreOptions,
  onChange: () => void,
): UploadService | undefined {
  return sharing && new UploadService({ folder, log, onChange, ...sharing });
}

function relayOf(service: FileService, bytesPerSecond: number = relay.bytesPerSecond): ServerRelay {
  return new ServerRelay({
    bytesPerSecond,
    port: service.udpPort,
    send: (bytes, datagramBytes, path) => service.send(bytes, datagramBytes, path),
  });
}

function nativeOf({ udpPort }: FileService, messagesPerSecond: number): Dialect {
  return nativeDialect({ name: `parley ${version}`, udpPort, messagesPerSecond });
}

/** The IRC dialect with this server's settings. */
function ircOf({
  ircName: name = defaultIrcName,
  sts = () => undefined,
  store,
}: CoreOptions): Dialect {
  const log = store.epoch.replace(/[^A-Za-z0-9]/g, "").slice(0, 8);
  return ircDialect({ name, network: name, log, version, sts });
}

function hashSecret(secret: string): string {
  return new Bun.CryptoHasher("sha256").update(secret).digest("base64url");
}
