// A web server on a free port, with its own folder and, instead of the hub, a session that records
// its input.

import { join } from "node:path";
import type { Link } from "../../../src/chat/link.ts";
import { ParleyError } from "../../../src/errors.ts";
import { createMetrics } from "../../../src/chat/metrics/metrics.ts";
import { startWeb, type WebServer } from "../../../src/server/web/http.ts";
import { parseNetwork, TrustedProxies } from "../../../src/server/web/trusted-proxies.ts";
import type { WebSession } from "../../../src/server/web/websocket.ts";
import type { KeyPair } from "../../../src/tls/certificate.ts";
import { keepingLog } from "../../silent-log.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { testFolder } from "../../test-folder.ts";

/** Plain HTTP for everybody, without uploads. */
export const openToAll = {
  turns: undefined,
  uploads: undefined,
  sharerOf: async () => new ParleyError("wrong-token", "There are no tokens"),
  tls: undefined,
  admitsPlain: () => true,
  banFor: () => undefined,
  hasAccess: () => true,
  isDatabaseAway: () => false,
};

export class WebRig implements AsyncDisposable {
  readonly path = testFolder("web");
  readonly metrics = createMetrics();
  readonly heard: string[] = [];
  readonly links: Link[] = [];
  readonly inside: string[] = [];
  /** Addresses that were admitted or refused. */
  readonly seen: string[] = [];
  drains = 0;
  closed = 0;
  overflows = 0;
  empty = 0;
  mostEmpty = Infinity;
  /** Why new connections are refused, if they are. */
  refusal: string | undefined;
  /** Why all clients are banned, if they are. */
  ban: string | undefined;
  /** What the shared folder asks for, if anything. */
  access: string | undefined;
  readonly web: WebServer;
  readonly #isSecure: boolean;

  readonly #kept = keepingLog();
  readonly logged = this.#kept.logged;

  /** `proxies`: the networks of trusted proxies. `keyPair`: serves HTTPS. */
  constructor({ proxies = [], keyPair }: { proxies?: string[]; keyPair?: KeyPair } = {}) {
    this.#isSecure = keyPair !== undefined;
    this.web = startWeb({
      host: "127.0.0.1",
      port: 0,
      folder: new SharedFolder(join(this.path, "files")),
      metrics: this.metrics,
      log: this.#kept.log,
      publicUrl: new URL("https://chat.example"),
      proxies: new TrustedProxies(proxies.map((text) => parseNetwork(text)!)),
      admission: {
        enter: (address) => {
          this.seen.push(address);
          if (this.refusal === undefined) this.inside.push(address);
          return this.refusal;
        },
        leave: () => this.inside.pop(),
        move: (from) => from,
      },
      ...openToAll,
      tls: keyPair && (() => keyPair),
      banFor: () => this.ban,
      hasAccess: (token) => this.access === undefined || token === this.access,
      connect: (link) => this.#connect(link),
      connectRoom: (link) => this.#connect(link),
    });
  }

  #connect(link: Link): WebSession {
    this.links.push(link);
    return {
      receive: (line) => this.heard.push(line),
      receiveEmpty: () => ++this.empty <= this.mostEmpty,
      passedChars: () => 0,
      overflow: () => this.overflows++,
      drained: () => this.drains++,
      isBusyAtEnd: () => false,
      closed: () => this.closed++,
    };
  }

  get url(): string {
    return `http://127.0.0.1:${this.web.port}`;
  }

  get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
    return fetch(`${this.url}${path}`, { method, headers, redirect: "manual" });
  }

  /**
   * Sends a request verbatim, because fetch normalizes paths and headers; returns everything
   * received until the end, or until the response's head is complete.
   */
  async raw(request: string, isHeadEnough = false): Promise<string> {
    let answer = "";
    const ended = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: "127.0.0.1",
      port: this.web.port,
      tls: this.#isSecure && { rejectUnauthorized: false },
      socket: {
        open: (socket) => void socket.write(request),
        data: (socket, bytes) => {
          answer += bytes.toString("latin1");
          if (isHeadEnough && answer.includes("\r\n\r\n")) socket.terminate();
        },
        close: () => ended.resolve(),
      },
    });
    await ended.promise;
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.web.stop();
  }
}

/** A WebSocket and a record of its events. */
export class Socket {
  readonly frames: string[] = [];
  readonly socket: WebSocket;
  code: number | undefined;
  isOpen = false;

  constructor(rig: WebRig) {
    this.socket = new WebSocket(`ws://127.0.0.1:${rig.web.port}/ws`);
    this.socket.addEventListener("open", () => (this.isOpen = true));
    this.socket.addEventListener("message", (event) => this.frames.push(String(event.data)));
    this.socket.addEventListener("close", (event) => (this.code = event.code));
  }
}
