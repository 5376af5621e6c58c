// A connection that sends lines and waits for lines, like a program of any dialect.

import type { Socket } from "bun";
import { patienceMs } from "../until.ts";

export class Wire implements Disposable {
  #text = "";
  #read = 0;
  #socket: Socket | undefined;
  #waiting: (() => void)[] = [];
  isClosed = false;

  static async open(port: number): Promise<Wire> {
    const wire = new Wire();
    wire.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => wire.#hear(bytes.toString()),
        close: () => wire.#close(),
        error: () => wire.#close(),
      },
    });
    return wire;
  }

  /** A native client under that name. */
  static async native(port: number, name: string, more: object = {}): Promise<Wire> {
    const wire = await Wire.open(port);
    const secret = `${name}-${"s".repeat(32)}`;
    wire.send({ type: "hello", version: 2, name, secret, ...more });
    await wire.until(/"type":"welcome"/);
    return wire;
  }

  /** An IRC client under that nick, in that channel. */
  static async irc(
    port: number,
    nick: string,
    channel?: string,
    caps = "",
    password = "",
  ): Promise<Wire> {
    const wire = await Wire.open(port);
    if (password !== "") wire.send(`PASS :${password}`);
    if (caps !== "") wire.send(`CAP REQ :${caps}`, "CAP END");
    wire.send(`NICK ${nick}`, `USER ${nick.toLowerCase()} 0 * :${nick} Real`);
    await wire.until(/ 001 /);
    if (channel === undefined) return wire;
    wire.send(`JOIN ${channel}`);
    await wire.until(/ 366 /);
    return wire;
  }

  send(...messages: readonly (string | object)[]): void {
    const lines = messages.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
    this.#socket?.write(lines.map((line) => `${line}\n`).join(""));
  }

  /** Everything received that was not waited for. */
  get unread(): string {
    return this.#text.slice(this.#read);
  }

  /** Waits for text that has not been waited for yet; returns the line that contains it. */
  async until(what: RegExp): Promise<string> {
    const untilMs = performance.now() + patienceMs;
    for (;;) {
      for (;;) {
        const end = this.#text.indexOf("\n", this.#read);
        if (end < 0) break;
        const line = this.#text.slice(this.#read, end).trimEnd();
        if (what.test(line)) {
          this.#read = end + 1;
          return line;
        }
        if (this.#skips(what)) this.#read = end + 1;
        else break;
      }
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) throw new Error(`${what} has not come after:\n${this.#text.slice(-3_000)}`);
      await this.#news(leftMs);
    }
  }

  /** The same for several texts, in any order. */
  async untilAll(...what: readonly RegExp[]): Promise<string[]> {
    const from = this.#read;
    const found: string[] = [];
    let to = from;
    for (const one of what) {
      this.#read = from;
      found.push(await this.until(one));
      to = Math.max(to, this.#read);
    }
    this.#read = to;
    return found;
  }

  close(): void {
    this.#socket?.end();
  }

  [Symbol.dispose](): void {
    this.#socket?.terminate();
  }

  /** Lines before the awaited one are skipped once it has arrived. */
  #skips(what: RegExp): boolean {
    return this.unread.split("\n").some((line) => what.test(line));
  }

  async #news(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #hear(text: string): void {
    this.#text += text;
    this.#wake();
  }

  #close(): void {
    this.isClosed = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
