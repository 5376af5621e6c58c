// Handwritten HTTP requests, which can come from any host, keep their connection, be pipelined, and
// name any Host.

import type { Namespace } from "./namespace.ts";
import { webPort } from "./server.ts";
import { SteadySocket } from "./steady-socket.ts";
import { until } from "./wait.ts";

export type Answer = { status: number; headers: ReadonlyMap<string, string>; body: string };

export class HttpConnection {
  readonly #socket: SteadySocket;
  #input = Buffer.alloc(0);

  private constructor(socket: SteadySocket) {
    this.#socket = socket;
  }

  static async open(space: Namespace, address: string, port = webPort): Promise<HttpConnection> {
    let take: (bytes: Buffer) => void = ignore;
    const socket = await SteadySocket.connect(space, address, port, (bytes) => take(bytes));
    const connection = new HttpConnection(socket);
    take = (bytes) => {
      connection.#input = Buffer.concat([connection.#input, bytes]);
    };
    return connection;
  }

  get hasEnded(): boolean {
    return this.#socket.hasEnded;
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** Waits until that much has arrived. */
  until(enough: (receivedBytes: number) => boolean): Promise<void> {
    return until(() => enough(this.#socket.receivedBytes), "enough of an answer");
  }

  cut(): void {
    this.#socket.cut();
  }

  /** One request and its answer; bodies by length only. */
  async request(
    path: string,
    headers: Readonly<Record<string, string>> = {},
    { method = "GET", body = "", timeoutMs = 30_000 } = {},
  ): Promise<Answer> {
    const all = { Host: "127.0.0.1", ...headers };
    const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    this.write(`${method} ${path} HTTP/1.1\r\n${head.join("")}\r\n${body}`);
    return this.answer(method === "HEAD", timeoutMs);
  }

  /** The next answer. */
  async answer(isHead = false, timeoutMs = 30_000): Promise<Answer> {
    const headEnd = (): number => this.#input.indexOf("\r\n\r\n");
    await until(() => headEnd() >= 0 || this.hasEnded, "an HTTP answer", timeoutMs);
    const end = headEnd();
    if (end < 0) throw new Error("The connection ended without an HTTP answer");
    const [statusLine = "", ...rows] = this.#input
      .subarray(0, end)
      .toString("latin1")
      .split("\r\n");
    const headers = new Map(
      rows.map((row) => {
        const colon = row.indexOf(":");
        return [row.slice(0, colon).toLowerCase(), row.slice(colon + 1).trim()] as const;
      }),
    );
    const length = isHead ? 0 : Number(headers.get("content-length") ?? 0);
    const whole = end + 4 + length;
    await until(() => this.#input.length >= whole || this.hasEnded, "an HTTP body", timeoutMs);
    const body = this.#input.subarray(end + 4, whole).toString();
    this.#input = this.#input.subarray(whole);
    return { status: Number(statusLine.split(" ")[1]), headers, body };
  }
}

/** One request on a separate connection. */
export async function httpGet(
  space: Namespace,
  address: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  options: { method?: string; body?: string; timeoutMs?: number } = {},
): Promise<Answer> {
  const connection = await HttpConnection.open(space, address);
  try {
    return await connection.request(path, headers, options);
  } finally {
    connection.cut();
  }
}

function ignore(): void {}
