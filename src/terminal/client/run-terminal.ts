// Assembles `parley client` on a terminal: raw mode (unless the cursor can't be moved), resizing,
// signals, one session. Always restores the terminal. Knows no flags.

import { hostname } from "node:os";
import { endedBy, type EndSignal, onSignals } from "../../io/end-signals.ts";
import { localCalendar } from "./local-calendar.ts";
import { exchangeOf } from "../../handover/exchange-of.ts";
import { PromptHandover } from "../files/prompt-handover.ts";
import { FolderDownloads } from "../files/prompt-downloads.ts";
import { type ClientOptions, openSession, type OpenSession } from "../open-session.ts";
import { sealed as limits } from "../../limits.ts";
import { stdout } from "../output/output.ts";
import { redirect } from "../output/diagnostics.ts";
import { isPlain, PlainTty } from "../editor/plain-terminal.ts";
import { createStyle, wantsColors } from "../output/style.ts";
import { wordsOf } from "../../tls/key-words.ts";
import { linkingDevice, sealingDevice } from "./sealing-device.ts";
import { TerminalClient } from "./terminal-client.ts";
import { terminalSize } from "../output/terminal-size.ts";
import { Tty } from "../output/tty.ts";

const ctrlC = { type: "key", name: "ctrl-c" } as const;

type RunOptions = ClientOptions & {
  bell: boolean;
  /** Accept offered files and save them in this folder. */
  acceptInto?: string | undefined;
};

/** @throws ParleyError */
export async function runTerminal(options: RunOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  let client: TerminalClient | undefined;
  const plain = isPlain(process.env);
  const stop = (signal: EndSignal) => {
    // Without raw mode, Ctrl-C arrives as a signal.
    if (plain && signal === "SIGINT" && client !== undefined) client.keys([ctrlC]);
    else interruption.reject(endedBy(signal));
  };
  // Never removed: a terminal may send SIGHUP more than once when it closes.
  onSignals(stop);
  const opened = await openSession({ ...options, takesFiles: true }, interruption.promise);
  const { session, connection, listen, to } = opened;
  const tty = new (plain ? PlainTty : Tty)(() => client);
  const write = (text: string) => {
    if (stdout.data(text)) return;
    connection.pause();
    void stdout.relief().then(() => connection.resume());
  };
  const { identity } = options;
  const downloads = new FolderDownloads({ ...to, identity }, options.downloads);
  const terminal = new TerminalClient({
    session,
    applyOutputs: () => connection.applyOutputs(),
    write,
    soon: setImmediate,
    width: (text) => Bun.stringWidth(text),
    style: createStyle(wantsColors(process.env)),
    calendar: localCalendar,
    plain,
    bell: options.bell,
    ...terminalSize(process.stdout.columns, process.stdout.rows),
    device: hostname(),
    key: options.identity?.key,
    wordsOf,
    sealing: sealingDevice(identity, to),
    linking: identity && linkingDevice(identity, to),
    suspend: () => tty.suspend(),
    downloads,
    keepIgnored: (name, isIgnored) => options.ignored.change(name, isIgnored),
    people: () => people,
  });
  client = terminal;
  const people = handoverOf(options, opened, terminal);
  redirect((line) => terminal.say(line));
  tty.open();
  try {
    listen((event) => people.handleEvent(event) || terminal.handleEvent(event));
    terminal.say(greeting(options.name, plain));
    const problem = await Promise.race([terminal.over, interruption.promise]);
    await Promise.race([terminal.settled(), Bun.sleep(limits.settleMs)]);
    if (problem !== undefined) throw problem;
  } finally {
    terminal.hide();
    redirect();
    tty.close();
    downloads.stop();
    people.stop();
    await connection.leave();
  }
}

/** A user who gave no name may want one other than the login name. */
function greeting(name: string | undefined, plain: boolean): string {
  const first = name === undefined ? "/nick NAME changes your name, " : "";
  return `${first}/help lists the commands, ${plain ? "" : "Tab completes, "}Ctrl-D leaves`;
}

function handoverOf(
  { identity, downloads, acceptInto, direct }: RunOptions,
  opened: OpenSession,
  terminal: TerminalClient,
): PromptHandover {
  return new PromptHandover({
    exchange: exchangeOf(opened, terminal.mail, { identity, direct }),
    identity,
    downloads,
    acceptInto,
    say: (text) => terminal.say(text),
    progress: (text) => terminal.showStatus(text),
  });
}
