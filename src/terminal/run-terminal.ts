// Assembles `parley client` on a terminal: raw mode (or none, where the cursor must not be moved), resizes, signals, one session.
// Whatever happens, the terminal is given back as it was. Knows no flags.

import type { SessionEvent } from "../client/events.ts";
import { FolderDownloads } from "./download.ts";
import { endedBy, type EndSignal, onSignals } from "../cli/end-signals.ts";
import { type ClientOptions, login } from "./login.ts";
import { stdout } from "./output.ts";
import { redirect } from "./voice.ts";
import { painter, wantsColors } from "./style.ts";
import { isPlain, PlainTty } from "./plain-terminal.ts";
import { TerminalClient } from "./terminal-client.ts";
import { terminalSize } from "./terminal-size.ts";
import { Tty } from "./tty.ts";

const ctrlC = { type: "key", name: "ctrl-c" } as const;

/** @throws ParleyError */
export async function runTerminal(options: ClientOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  const plain = isPlain(process.env);
  const stop = (signal: EndSignal) => {
    // Where no key is read, Ctrl-C is a signal.
    if (plain && signal === "SIGINT" && client !== undefined) client.keys([ctrlC]);
    else interruption.reject(endedBy(signal));
  };
  // For as long as the program lasts: a terminal that goes away says so more than once.
  onSignals(["SIGINT", "SIGTERM", "SIGHUP"], stop);
  const early: SessionEvent[] = [];
  let client: TerminalClient | undefined;
  const hear = (event: SessionEvent) =>
    client === undefined ? void early.push(event) : client.hear(event);
  const { session, connection } = await login(options, hear, interruption.promise);
  const tty = new (plain ? PlainTty : Tty)(() => client);
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
    paint: painter(wantsColors(process.env), timeOfDay),
    plain,
    ...terminalSize(process.stdout.columns, process.stdout.rows),
    suspend: () => tty.suspend(),
    downloads,
  });
  const { say } = client;
  redirect(say.bind(client));
  tty.open();
  try {
    for (const event of early.splice(0)) client.hear(event);
    client.say(`/help lists the commands, ${plain ? "" : "Tab completes, "}Ctrl-D leaves`);
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
