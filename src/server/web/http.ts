// The web port: routes requests to the page, the files, the WebSocket of the native protocol, /metrics and /healthz.
// Knows HTTP and nothing of chat; the hub is a function that turns a link into a session.

import { hostname } from "node:os";
import type { Server } from "bun";
import { count, type Metrics } from "../../chat/metrics.ts";
import { renderMetrics } from "../../chat/metrics-page.ts";
import { web } from "../../limits.ts";
import { plainAddress } from "../../addresses.ts";
import { probeLoop, processNumbers } from "../loop-probe.ts";
import type { SharedFolder } from "../files/shared-folder.ts";
import { WebFiles } from "./file-routes.ts";
import { WebGuard, type WebGuardOptions } from "./guard.ts";
import { safeHeaders } from "./headers.ts";
import { isOwnHost, isOwnOrigin } from "./origin.ts";
import { pageResponse } from "./page-assets.ts";
import { SocketLink, type Connect } from "./websocket.ts";

/** Lets an address in or says why not; whoever was let in leaves once. */
export interface Doorkeeper {
  enter(address: string): string | undefined;
  leave(address: string): void;
}

export type WebOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Gives a new connection to the hub, in the native dialect. */
  connect: Connect;
  /** Bounds connections; shared with the other ports. */
  admission: Doorkeeper;
  folder: SharedFolder;
  metrics: Metrics;
  version: string;
  /** Host names beside loopback, addresses and this machine's own name under which the page is reached, say behind a proxy. */
  names?: readonly string[];
  /** Watches over connections that have not asked for anything yet; see web-guard.ts. */
  guard?: Pick<WebGuardOptions, "descriptors" | "counted" | "bound" | "warn">;
  /** Brings gauges up to date just before they are read. */
  refresh?: () => void;
};

export interface WebServer {
  readonly port: number;
  /** Health checks say 503 from now on, so that a balancer looks elsewhere while people are told. */
  drain(): void;
  /** Ends everything that is open. */
  stop(): Promise<void>;
}

/** Starts listening. @throws what `Bun.serve` throws, with `code` `EADDRINUSE` when the port is taken. */
export function startWeb(options: WebOptions): WebServer {
  const site = new Site(options);
  const ports = new WebPorts(options.port, (port) => serve(site, options, port));
  const { guard } = options;
  const watch =
    guard &&
    new WebGuard({
      ...guard,
      port: ports.port,
      isWebSocket: ({ address, port }) => site.webSockets.has(`${address} ${port}`),
      listen: (on) => ports.listen(on),
    });
  const stopProbe = probeLoop(options.metrics.loopDelay);
  return {
    port: ports.port,
    drain: () => (site.isStopping = true),
    async stop() {
      stopProbe();
      watch?.stop();
      await ports.stop();
    },
  };
}

/** The port, which can be closed for new connections and opened again while those that are there go on. */
class WebPorts {
  readonly port: number;
  readonly #serve: (port: number) => Server<SocketLink>;
  /** The one that listens, if one does, is the last. */
  readonly #servers = new Set<Server<SocketLink>>();

  constructor(port: number, serve: (port: number) => Server<SocketLink>) {
    this.#serve = serve;
    const first = serve(port);
    this.#servers.add(first);
    this.port = first.port ?? port;
  }

  /** False if the port can't be opened now. */
  listen(on: boolean): boolean {
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
  const { metrics } = options;
  return Bun.serve<SocketLink>({
    hostname: options.host,
    port,
    development: false,
    // Without it Bun 1.4.5 lets a second server listen on the same port, and each gets some of the connections.
    reusePort: false,
    idleTimeout: web.requestSeconds,
    maxRequestBodySize: web.maxBodyBytes,
    async fetch(request, server) {
      server.timeout(request, web.idleSeconds);
      const response = await site.answer(request, server);
      if (response !== undefined) count(metrics.httpRequests, String(response.status));
      return response;
    },
    error: () => plain(500, "The server failed to answer; its log may say why."),
    websocket: {
      maxPayloadLength: web.maxFrameBytes,
      idleTimeout: web.socketIdleSeconds,
      perMessageDeflate: false,
      open: (socket) => socket.data.opened(socket, options.connect),
      message: (socket, frame) => socket.data.received(frame),
      drain: (socket) => socket.data.drained(),
      close: (socket) => socket.data.closed(),
    },
  });
}

class Site {
  isStopping = false;
  /** Address and port of those at the other end. */
  readonly webSockets = new Set<string>();
  readonly #options: WebOptions;
  /** Names in a Host header that mean us. */
  readonly #hostNames: ReadonlySet<string>;
  /** Names of pages that may chat though their Host differs: ours behind a proxy. */
  readonly #proxyNames: ReadonlySet<string>;
  readonly #files: WebFiles;

  constructor(options: WebOptions) {
    this.#options = options;
    this.#files = new WebFiles(options.folder, options.metrics);
    const own = hostname();
    const names = (options.names ?? []).map((name) => name.toLowerCase());
    const machine = [options.host, own, `${own}.local`].map((name) => name.toLowerCase());
    this.#proxyNames = new Set(names);
    this.#hostNames = new Set([...machine, ...names]);
  }

  /** Undefined when the request has become a WebSocket. */
  async answer(request: Request, server: Server<SocketLink>): Promise<Response | undefined> {
    const host = request.headers.get("host");
    if (!isOwnHost(host, this.#hostNames)) {
      return plain(421, "This server is not known under that Host. Use its address.");
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plain(405, "Only GET and HEAD are understood here.", { Allow: "GET, HEAD" });
    }
    const { path, query } = target(request.url);
    if (path === "/ws") return this.#upgrade(request, server, host);
    if (path === "/files") return this.#files.list(query);
    if (path.startsWith("/files/")) return this.#file(path.slice("/files/".length), query, request);
    if (path === "/metrics") return this.#metrics();
    if (path === "/healthz") return this.#health();
    const page = pageResponse(path, request);
    return page ?? plain(404, "Nothing here. There are /, /files, /ws, /metrics and /healthz.");
  }

  #upgrade(
    request: Request,
    server: Server<SocketLink>,
    host: string | null,
  ): Response | undefined {
    if (!isOwnOrigin(request.headers.get("origin"), host, this.#proxyNames)) {
      return plain(403, "A page of another origin may not chat here.");
    }
    if (this.isStopping) return plain(503, "The server is stopping.", { "Retry-After": "1" });
    const { address: from = "", port = 0 } = server.requestIP(request) ?? {};
    const address = plainAddress(from);
    const { admission, metrics } = this.#options;
    const refusal = admission.enter(address);
    if (refusal !== undefined) {
      count(metrics.connectionsRefused, "full");
      return plain(503, refusal, { "Retry-After": "10" });
    }
    const socket = `${address} ${port}`;
    const leave = () => {
      this.webSockets.delete(socket);
      admission.leave(address);
    };
    this.webSockets.add(socket);
    const link = new SocketLink({ address, port }, metrics, leave);
    if (server.upgrade(request, { data: link })) return undefined;
    leave();
    return plain(426, "This is a WebSocket.", { Upgrade: "websocket", Connection: "Upgrade" });
  }

  #file(encoded: string, query: URLSearchParams, request: Request): Promise<Response> | Response {
    let name: string;
    try {
      name = decodeURIComponent(encoded);
    } catch {
      return plain(400, "The file's name is not valid percent-encoded UTF-8.");
    }
    return this.#files.get(name, query, request);
  }

  #metrics(): Response {
    this.#options.refresh?.();
    const text = renderMetrics(this.#options.metrics, processNumbers(this.#options.version));
    const type = "text/plain; version=0.0.4; charset=utf-8";
    return new Response(text, { headers: { ...safeHeaders, "Content-Type": type } });
  }

  #health(): Response {
    return this.isStopping ? plain(503, "stopping") : plain(200, "ok");
  }
}

/** Path and query of a request's URL, whatever its Host header did to it. */
function target(url: string): { path: string; query: URLSearchParams } {
  const from = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
  const rest = from < 0 ? "/" : url.slice(from);
  const mark = rest.indexOf("?");
  const path = mark < 0 ? rest : rest.slice(0, mark);
  return { path, query: new URLSearchParams(mark < 0 ? "" : rest.slice(mark + 1)) };
}

function plain(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: {
      ...safeHeaders,
      "Content-Type": "text/plain; charset=utf-8",
      "Cache-Control": "no-store",
      ...headers,
    },
  });
}
