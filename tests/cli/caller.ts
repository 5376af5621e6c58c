// Clients that connect from their own address (127.0.0.2, …), so that one machine plays several.

import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { patienceMs } from "../until.ts";

export class Caller implements Disposable {
  heard = "";
  isClosed = false;
  readonly #socket: Socket;
  #changed = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.heard += text;
      this.#notify();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#notify();
    });
    // A reset also ends the connection.
    socket.on("error", () => {});
  }

  static async from(localAddress: string, port: number): Promise<Caller> {
    const socket = connect({ host: "127.0.0.1", port, localAddress });
    const caller = new Caller(socket);
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return caller;
  }

  send(text: string): this {
    this.#socket.write(text);
    return this;
  }

  async hears(wanted: string | RegExp): Promise<string> {
    const has = () =>
      typeof wanted === "string" ? this.heard.includes(wanted) : wanted.test(this.heard);
    await this.#until(has, String(wanted));
    return this.heard;
  }

  /** Waits for the server to close the connection; returns everything received until then. */
  async ends(): Promise<string> {
    await this.#until(() => this.isClosed, "the end");
    return this.heard;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() > untilMs) throw new Error(`no ${what} in: ${this.heard}`);
      await Promise.race([this.#changed.promise, Bun.sleep(100)]);
    }
  }
}

/** One datagram and its answer. */
export async function askFrom(local: string, port: number, text: string): Promise<string> {
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve) => socket.bind(0, local, resolve));
    const answer = new Promise<string>((resolve, reject) => {
      socket.once("message", (bytes) => resolve(bytes.toString()));
      setTimeout(() => reject(new Error(`no answer to '${text}'`)), patienceMs).unref();
    });
    socket.send(text, port, "127.0.0.1");
    return await answer;
  } finally {
    socket.close();
  }
}

/** Status and body of a GET. */
export async function getFrom(
  local: string,
  port: number,
  path: string,
): Promise<{ status: number; body: string }> {
  using caller = await Caller.from(local, port);
  caller.send(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
  const text = await caller.ends();
  const [head = "", body = ""] = text.split("\r\n\r\n", 2);
  return { status: Number(head.split(" ")[1]), body };
}
