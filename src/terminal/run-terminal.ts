// Assembles `parley client` on a terminal: raw mode, resizes, signals, one session. Whatever happens, the terminal is given back
// as it was. Knows no flags.

import type { SessionEvent } from "../client/events.ts";
import { FolderDownloads } from "./download.ts";
import { endedBy, type EndSignal } from "./end-signals.ts";
import { type ClientOptions, login } from "./login.ts";
import { redirect, stdout } from "./output.ts";
import { painter } from "./paint.ts";
import { TerminalClient } from "./terminal-client.ts";
import { Tty } from "./tty.ts";

/** @throws ParleyError */
export async function runTerminal(options: ClientOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  // For as long as the program lasts: a terminal that goes away says so more than once.
  const stop = (signal: EndSignal) => interruption.reject(endedBy(signal));
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
  }
}

function timeOfDay(timeMs: number): string {
  const time = new Date(timeMs);
  return [time.getHours(), time.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
}
