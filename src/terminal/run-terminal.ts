// Assembles `parley client` on a terminal: raw mode, resizes, signals, one session. Whatever happens, the terminal is given back
// as it was. Knows no flags.

import type { SessionEvent } from "../client/events.ts";
import { ParleyError } from "../errors.ts";
import { terminal as limits } from "../limits.ts";
import { FolderDownloads } from "./download.ts";
import { KeyReader } from "./keys.ts";
import { type ClientOptions, login } from "./login.ts";
import { redirect, stdout } from "./output.ts";
import { painter } from "./paint.ts";
import { TerminalClient } from "./terminal-client.ts";

const pasteOn = "\u001b[?2004h";
const pasteOff = "\u001b[?2004l";

/** @throws ParleyError */
export async function runTerminal(options: ClientOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  const stop = () => interruption.reject(new ParleyError("interrupted", "Interrupted"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  const early: SessionEvent[] = [];
  let client: TerminalClient | undefined;
  const hear = (event: SessionEvent) =>
    client === undefined ? void early.push(event) : client.hear(event);
  const { session, connection } = await login(options, hear, interruption.promise);
  const tty = new Tty(() => client);
  const write = (text: string) => {
    if (stdout.data(text)) return;
    connection.pause(true);
    void stdout.relief().then(() => connection.pause(false));
  };
  const downloads = new FolderDownloads(options.to, options.downloads);
  client = new TerminalClient({
    session,
    obey: () => connection.obey(),
    write,
    soon: setImmediate,
    width: (text) => Bun.stringWidth(text),
    paint: painter((process.env["NO_COLOR"] ?? "") === "", timeOfDay),
    columns: process.stdout.columns,
    rows: process.stdout.rows,
    suspend: () => tty.suspend(),
    downloads,
  });
  const { say } = client;
  redirect(say.bind(client));
  tty.open();
  try {
    for (const event of early.splice(0)) client.hear(event);
    client.say("/help lists the commands, Tab completes, Ctrl-D leaves");
    const problem = await Promise.race([client.over, interruption.promise]);
    if (problem !== undefined) throw problem;
  } finally {
    client.hide();
    redirect();
    tty.close();
    downloads.stop();
    await connection.leave();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, stop);
  }
}

function timeOfDay(timeMs: number): string {
  const time = new Date(timeMs);
  return [time.getHours(), time.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}

/** The terminal's modes and what it sends. */
class Tty {
  readonly #client: () => TerminalClient | undefined;
  readonly #keys = new KeyReader();
  readonly #decoder = new TextDecoder();
  #escape: Timer | undefined;

  constructor(client: () => TerminalClient | undefined) {
    this.#client = client;
  }

  open(): void {
    this.#raw(true);
    process.stdin.on("data", this.#read);
    process.stdin.on("end", this.#end);
    process.stdout.on("resize", this.#resize);
    process.on("exit", this.#restore);
  }

  close(): void {
    this.#raw(false);
    clearTimeout(this.#escape);
    process.stdin.off("data", this.#read);
    process.stdin.off("end", this.#end);
    process.stdin.pause();
    process.stdout.off("resize", this.#resize);
    process.off("exit", this.#restore);
  }

  suspend(): void {
    this.#client()?.hide();
    this.#raw(false);
    void stdout.flush().then(() => {
      process.kill(process.pid, "SIGTSTP");
      // Here again after SIGCONT, or at once where there is no shell that could bring us back.
      setImmediate(this.#resume);
    });
  }

  readonly #read = (bytes: Buffer): void => {
    clearTimeout(this.#escape);
    this.#client()?.keys(this.#keys.push(this.#decoder.decode(bytes, { stream: true })));
    if (!this.#keys.pending) return;
    this.#escape = setTimeout(
      () => this.#client()?.keys(this.#keys.flush()),
      limits.escapeTimeoutMs,
    );
  };

  // The terminal has gone: as Ctrl-D.
  readonly #end = (): void => this.#client()?.keys([{ type: "key", name: "ctrl-d" }]);

  readonly #resize = (): void =>
    this.#client()?.resize(process.stdout.columns, process.stdout.rows);

  readonly #resume = (): void => {
    this.#raw(true);
    this.#client()?.draw();
  };

  // Even a crash must not leave a shell without echo.
  readonly #restore = (): void => {
    process.stdin.setRawMode(false);
  };

  #raw(on: boolean): void {
    process.stdin.setRawMode(on);
    stdout.data(on ? pasteOn : pasteOff);
  }
}
