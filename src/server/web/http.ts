// The web port: routes requests to the page, the files, the native protocol's WebSocket and
// /healthz. Knows HTTP, not chat: the hub is a function that turns a link into a session.

import { hostname } from "node:os";
import type { Server } from "bun";
import type { Peer } from "../../chat/dialect.ts";
import { count, type Metrics } from "../../chat/metrics/metrics.ts";
import { ShareBuckets } from "../../chat/rates/share-buckets.ts";
import { web } from "../../limits.ts";
import { ownerAt, type ShareOwner } from "../../share-owner.ts";
import { isLoopback, plainAddress } from "../../addresses.ts";
import { boundSegmentsOf } from "../../io/tcp-segments.ts";
import { listenersOn } from "../../io/udp/socket-names.ts";
import type { Log } from "../../log.ts";
import type { KeyPair } from "../../tls/certificate.ts";
import { onlyTls13 } from "../../tls/versions.ts";
import type { SharedFolder } from "../files/shared-folder.ts";
import type { UploadService } from "../files/sharing/upload-service.ts";
import type { ReadingTurns } from "../reading-turns.ts";
import { FileRoutes } from "./file-routes.ts";
import { ConnectionReaper, type ReaperOptions } from "./connection-reaper.ts";
import type { ConnectionLimiter } from "./connection-limiter.ts";
import { isHost, isOwnHost, isOwnOrigin } from "./origin.ts";
import { pageResponse } from "./page-assets.ts";
import { accessToken, noAccess } from "./access-token.ts";
import { plainText } from "./plain-text.ts";
import { RoomRoutes } from "./room-routes.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";
import { UploadRoutes, type UploadRoutesOptions } from "./upload-routes.ts";
import { SocketLink, type Connect } from "./websocket.ts";

export type WebOptions = {
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** Passes a new native connection to the hub. */
  connect: Connect;
  /** The same for a request about a room. */
  connectRoom: Connect;
  /** Shared with the other ports. */
  admission: ConnectionLimiter;
  /** The turns in which WebSockets are read; undefined: as input arrives. */
  turns: ReadingTurns | undefined;
  folder: SharedFolder;
  /** Undefined: people put nothing there. */
  uploads: UploadService | undefined;
  /** The person that an access token, used from an address, stands for. */
  sharerOf: UploadRoutesOptions["sharerOf"];
  metrics: Metrics;
  log: Log;
  /** The origin that browsers see behind a reverse proxy; undefined without one. */
  publicUrl: URL | undefined;
  proxies: TrustedProxies;
  /** HTTPS with the key pair that is current when the port is opened; undefined: HTTP. */
  tls: (() => KeyPair) | undefined;
  /** Whether a client at this address may use HTTP, if there is no `tls`. */
  admitsPlain: (address: string) => boolean;
  /** Why a network is banned; undefined if it is not. */
  banFor: (address: string) => string | undefined;
  /** Whether a request with this token, if any, may access the shared folder. */
  hasAccess: (token: string | undefined) => boolean;
  /** Whether a database that other servers share has not answered for as long as a lease. */
  isDatabaseAway: () => boolean;
  /** Absent: idle connections are only bounded by time. */
  reaper?: Pick<ReaperOptions, "descriptors" | "chatConnections" | "excess">;
};

export interface WebServer {
  readonly port: number;
  /** Answers health checks with 503 from now on, so that load balancers use other servers. */
  drain(): void;
  /** Uses the current certificate for new connections; false if the port can't be reopened. */
  renew(): boolean;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

/**
 * Starts listening.
 * @throws what `Bun.serve` throws, with `code` `EADDRINUSE` if the port is taken
 */
export function startWeb(options: WebOptions): WebServer {
  const site = new Site(options);
  const ports = new WebPorts(options.port, (port) => serve(site, options, port));
  const reaper =
    options.reaper &&
    new ConnectionReaper({
      ...options.reaper,
      log: options.log,
      port: ports.port,
      isWebSocket: ({ address, port }) => site.ownSockets.has(`${address} ${port}`),
      listen: (on) => ports.listen(on),
    });
  return {
    port: ports.port,
    drain: () => (site.isStopping = true),
    renew: () => ports.reopen(),
    async stop() {
      reaper?.stop();
      await ports.stop();
    },
  };
}

/**
 * The listening port. It can stop accepting and resume while existing connections continue; each
 * restart is a new Bun server.
 */
class WebPorts {
  readonly port: number;
  readonly #serve: (port: number) => Server<SocketLink>;
  /** Only the last server may be listening; the others serve their remaining connections. */
  readonly #servers = new Set<Server<SocketLink>>();
  #shouldListen = true;

  constructor(port: number, serve: (port: number) => Server<SocketLink>) {
    this.#serve = serve;
    const first = serve(port);
    this.#servers.add(first);
    this.port = first.port ?? port;
  }

  /**
   * Starts listening again with the current settings; does nothing while the port is closed on
   * purpose. False if it can't be opened at the moment.
   */
  reopen(): boolean {
    if (!this.#shouldListen) return true;
    this.listen(false);
    return this.listen(true);
  }

  /** False if the port can't be opened at the moment. */
  listen(on: boolean): boolean {
    this.#shouldListen = on;
    if (!on) {
      const server = [...this.#servers].at(-1);
      void server?.stop().then(() => this.#servers.delete(server));
      return true;
    }
    try {
      this.#servers.add(this.#serve(this.port));
      return true;
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => server.stop(true)));
  }
}

function serve(site: Site, options: WebOptions, port: number): Server<SocketLink> {
  const { metrics, host, reaper } = options;
  const server = Bun.serve<SocketLink>({
    hostname: host,
    port,
    development: false,
    // By default, Bun 1.4.5 lets a second server listen on the same port and splits the
    // connections.
    reusePort: false,
    ...(options.tls === undefined ? {} : { tls: { ...options.tls(), secureOptions: onlyTls13 } }),
    idleTimeout: web.requestSeconds,
    // Requests with a body are answered with 405; with a limit, Bun would answer 413 first. Bun
    // does not store an unread body.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    async fetch(request, server) {
      server.timeout(request, web.idleSeconds);
      const response = await site.answer(request, server);
      if (response === undefined) return undefined;
      count(metrics.httpRequests, String(response.status));
      // Bun adds it to every answer, except to HEAD.
      if (request.method === "HEAD") response.headers.set("Date", new Date().toUTCString());
      return response;
    },
    error: () => plainText(500, "The server failed to respond; see its log."),
    websocket: {
      maxPayloadLength: web.maxFrameBytes,
      idleTimeout: web.socketIdleSeconds,
      perMessageDeflate: false,
      open: (socket) => socket.data.opened(socket, options.connect),
      message: (socket, frame) => socket.data.received(frame),
      ping: (socket) => socket.data.receivedControl(),
      pong: (socket) => socket.data.receivedControl(),
      drain: (socket) => socket.data.drained(),
      close: (socket) => socket.data.closed(),
    },
  });
  for (const fd of listenersOn(server.port ?? port, reaper?.descriptors.list() ?? [])) {
    boundSegmentsOf(fd, host);
  }
  return server;
}

/** The origin of a request. */
type From = {
  /** The client's address. */
  address: string;
  /** The other end of the connection: the client, or its proxy. */
  connected: string;
  port: number;
};

const hiddenClient =
  "The proxy does not identify the client: it must set X-Forwarded-For or Forwarded.";

class Site {
  isStopping = false;
  /**
   * Remote address and port of each connection that was admitted on its own; it does not count as
   * idle.
   */
  readonly ownSockets = new Set<string>();
  readonly #options: WebOptions;
  /** Host names that refer to this server. */
  readonly #hostNames: ReadonlySet<string>;
  readonly #files: FileRoutes;
  readonly #rooms: RoomRoutes;
  readonly #uploads: UploadRoutes;
  /** Each request is cheap, but one read can deliver thousands while everybody else waits. */
  readonly #rates = new ShareBuckets(
    { perSecond: web.requestsPerSecond, burst: web.requestBurst },
    web.requestNetworks,
  );
  #warnedOfProxy = false;

  constructor(options: WebOptions) {
    this.#options = options;
    const { metrics, log, admission, connectRoom: connect, uploads, sharerOf } = options;
    this.#files = new FileRoutes(options.folder, metrics, log);
    this.#rooms = new RoomRoutes({ connect, admission, metrics });
    this.#uploads = new UploadRoutes({
      uploads,
      sharerOf,
      rooms: this.#rooms,
      admitsChange: (name, headers) => this.#files.admitsChange(name, headers),
      log,
    });
    const own = hostname();
    const names = [options.host, own, `${own}.local`, options.publicUrl?.hostname ?? own];
    this.#hostNames = new Set(names.map((name) => name.toLowerCase()));
  }

  /** Undefined if the request became a WebSocket. */
  async answer(request: Request, server: Server<SocketLink>): Promise<Response | undefined> {
    const { proxies, tls, log } = this.#options;
    const peer = server.requestIP(request);
    const connected = plainAddress(peer?.address ?? "");
    const address = proxies.clientOf(connected, request.headers);
    const from = { address: address ?? connected, connected, port: peer?.port ?? 0 };
    const { path, query } = target(request.url);
    const response =
      address === undefined
        ? plainText(400, hiddenClient)
        : await this.#respond(request, server, from, path, query);
    if (response === undefined) return undefined;
    const { status, headers } = response;
    // A proxy's connection also carries requests of others. If it is closed while the proxy sends
    // an upload that is refused, the proxy reports that instead of the answer.
    if (proxies.has(connected) && headers.get("connection") === "close")
      headers.delete("connection");
    if (path === "/" && status < 400) {
      log.info("page opened", { address: from.address, tls: tls !== undefined });
    } else if (status >= 400 && !(path === "/ws" && status === 503)) {
      const origin = request.headers.get("origin") ?? undefined;
      log.info("request refused", { address: from.address, path: logged(path), status, origin });
    }
    return response;
  }

  async #respond(
    request: Request,
    server: Server<SocketLink>,
    from: From,
    path: string,
    query: URLSearchParams,
  ): Promise<Response | undefined> {
    const { proxies, tls, admitsPlain, banFor, hasAccess } = this.#options;
    const { address, connected } = from;
    if (tls === undefined && !admitsPlain(connected)) {
      return plainText(403, "From other machines, this page is only available through its proxy.");
    }
    const cost = path === "/files" ? web.listRequests : 1;
    const waitMs = this.#rates.take(ownerAt(address), performance.now(), cost);
    if (waitMs > 0) return tooFast(waitMs);
    const host = request.headers.get("host");
    // Load balancers check with another Host, or none; the answer tells a rebound page nothing.
    const isHealth = path === "/healthz";
    if (!isHealth && !isOwnHost(host, this.#hostNames)) return wrongHost(host);
    const isRoom = path.startsWith("/rooms/");
    const isUpload = request.method === "PUT" || request.method === "DELETE";
    const methods = methodsAt(path);
    if (!isRoom && !methods.includes(request.method)) {
      return plainText(405, `Supported here: ${methods.join(", ")}.`, {
        Allow: methods.join(", "),
      });
    }
    // The hub tells a banned client why, in the terms of its protocol.
    if (path === "/ws") return this.#upgrade(request, server, from, host);
    const ban = banFor(address);
    if (ban !== undefined) return plainText(403, `${ban}.`);
    if (isRoom) return this.#room(request, path, query, from);
    if (isUpload) return this.#upload(request, server, path, query, from);
    const isFiles = path === "/files" || path.startsWith("/files/");
    if (isFiles && !hasAccess(accessToken(request.headers))) return noAccess();
    if (path === "/files") return this.#files.list(query);
    if (path.startsWith("/files/")) {
      // Nothing is sent while a large file is being hashed, however long that takes.
      if (query.has("sha256")) server.timeout(request, 0);
      // When it begins to send a large file, and with every piece in TLS, Bun goes back to the time
      // for a first request.
      const extend = (): void => {
        setImmediate(() => server.timeout(request, web.idleSeconds));
      };
      const perPiece = tls === undefined ? undefined : extend;
      try {
        return await this.#file(path.slice("/files/".length), query, request, address, perPiece);
      } finally {
        // The connection stays open for further requests.
        server.timeout(request, web.idleSeconds);
        extend();
      }
    }
    if (isHealth) return this.#health();
    const isPlain = tls === undefined && !isLoopback(connected) && !proxies.has(connected);
    const page = pageResponse(path, request, isPlain);
    return (
      page ?? plainText(404, "Nothing here. There are /, /files, /rooms/ROOM, /ws and /healthz.")
    );
  }

  #upgrade(
    request: Request,
    server: Server<SocketLink>,
    { address, connected, port }: From,
    host: string | null,
  ): Response | undefined {
    const { admission, metrics, log, publicUrl } = this.#options;
    if (!isOwnOrigin(request.headers.get("origin"), host, publicUrl?.origin)) {
      return plainText(403, "Pages from other origins may not connect.");
    }
    if (this.isStopping) return plainText(503, "The server is stopping.", { "Retry-After": "1" });
    this.#warnOfProxy(connected, request.headers);
    const refusal = admission.enter(address);
    if (refusal !== undefined) {
      count(metrics.connectionsRefused, "full");
      log.warn("connection refused", { address, reason: refusal });
      return plainText(503, refusal, { "Retry-After": "10" });
    }
    const socket = `${connected} ${port}`;
    const leave = (owner: ShareOwner) => {
      this.ownSockets.delete(socket);
      admission.leave(owner);
    };
    this.ownSockets.add(socket);
    const peer: Peer = { ...this.#peer(address, port), websocket: true };
    const place = { move: admission.move.bind(admission), leave };
    const link = new SocketLink(peer, metrics, place, this.#options.turns);
    if (server.upgrade(request, { data: link })) return undefined;
    leave(ownerAt(address));
    return plainText(426, "This URL is for WebSockets.", {
      Upgrade: "websocket",
      Connection: "Upgrade",
    });
  }

  /** The client of a connection that is passed to the hub. */
  #peer(address: string, port: number): Peer {
    const isEncrypted = this.#options.tls !== undefined;
    return { address, port, ...(isEncrypted && { tls: true }) };
  }

  async #room(
    request: Request,
    path: string,
    query: URLSearchParams,
    { address, connected, port }: From,
  ): Promise<Response> {
    if (this.isStopping) return plainText(503, "The server is stopping.", { "Retry-After": "1" });
    this.#warnOfProxy(connected, request.headers);
    const socket = `${connected} ${port}`;
    const listening = (isListening: boolean): void => {
      if (isListening) this.ownSockets.add(socket);
      else this.ownSockets.delete(socket);
    };
    return this.#rooms.answer(request, path, query, this.#peer(address, port), listening);
  }

  /** A browser says where the page comes from that sends something: it must be ours. */
  async #upload(
    request: Request,
    server: Server<SocketLink>,
    path: string,
    query: URLSearchParams,
    { address, port }: From,
  ): Promise<Response> {
    const { publicUrl } = this.#options;
    const { headers } = request;
    if (!isOwnOrigin(headers.get("origin"), headers.get("host"), publicUrl?.origin)) {
      return plainText(403, "Pages from other origins may not send files.");
    }
    if (this.isStopping) return plainText(503, "The server is stopping.", { "Retry-After": "1" });
    // Uploads have a pace of their own, and a slow disk takes a while to have all of a file.
    server.timeout(request, web.uploadSeconds);
    const peer = this.#peer(address, port);
    if (path.startsWith(ticketsPath)) {
      return this.#uploads.answerTicket(request, path.slice(ticketsPath.length), peer);
    }
    const name = decoded(path.slice("/files/".length));
    if (name === undefined) return badName();
    return this.#uploads.answer(request, name, query, peer);
  }

  #file(
    encoded: string,
    query: URLSearchParams,
    request: Request,
    address: string,
    extend: (() => void) | undefined,
  ): Promise<Response> | Response {
    const name = decoded(encoded);
    if (name === undefined) return badName();
    return this.#files.get(name, query, request, address, extend);
  }

  /**
   * All clients of a proxy that is untrusted, or does not report its clients, share its address; if
   * that is this machine, they are exempt from limits per address. Warns once.
   */
  #warnOfProxy(connected: string, headers: Headers): void {
    const { proxies, publicUrl, log } = this.#options;
    if (this.#warnedOfProxy || !isLoopback(connected)) return;
    const saysClient = headers.has("x-forwarded-for") || headers.has("forwarded");
    const isTrusted = proxies.has(connected);
    // A local program sends no Origin; a browser that sends the public one came through the proxy.
    const isSilent = publicUrl !== undefined && headers.get("origin") === publicUrl.origin;
    if (isTrusted ? saysClient || !isSilent : !saysClient) return;
    this.#warnedOfProxy = true;
    log.warn(
      isTrusted
        ? "a trusted proxy sends no X-Forwarded-For, so that all its clients count as local"
        : "an untrusted proxy on this machine makes all its clients count as local: see --trusted-proxy",
      { proxy: connected },
    );
  }

  #health(): Response {
    if (this.isStopping) return plainText(503, "stopping");
    return this.#options.isDatabaseAway() ? plainText(503, "database away") : plainText(200, "ok");
  }
}

const ticketsPath = "/uploads/";

/** A ticket may still be valid, and belongs to nobody who reads the log. */
function logged(path: string): string {
  return path.startsWith(ticketsPath) ? `${ticketsPath}…` : path;
}

/** The methods of any path except rooms, which have their own. */
function methodsAt(path: string): readonly string[] {
  if (path.startsWith(ticketsPath)) return ["PUT"];
  return path.startsWith("/files/") ? ["GET", "HEAD", "PUT", "DELETE"] : ["GET", "HEAD"];
}

function wrongHost(host: string | null): Response {
  return isHost(host)
    ? plainText(
        421,
        "This server does not go by that Host. Use its address, or start it with --public-url.",
      )
    : plainText(400, "The Host header must name one host.");
}

/** Undefined: it is not percent-encoded UTF-8. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function badName(): Response {
  return plainText(400, "The file's name is not valid percent-encoded UTF-8.");
}

/** Closes the connection, which discards the requests queued behind this one. */
function tooFast(waitMs: number): Response {
  return plainText(429, "Too many requests from your network: try again in a moment.", {
    "Retry-After": String(Math.ceil(waitMs / 1000)),
    Connection: "close",
  });
}

/**
 * Path and query of a request's URL. Bun builds it from the Host header; with an odd one it may
 * have no path.
 */
function target(url: string): { path: string; query: URLSearchParams } {
  const from = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
  const rest = from < 0 ? "/" : url.slice(from);
  const mark = rest.indexOf("?");
  const path = mark < 0 ? rest : rest.slice(0, mark);
  return { path, query: new URLSearchParams(mark < 0 ? "" : rest.slice(mark + 1)) };
}
