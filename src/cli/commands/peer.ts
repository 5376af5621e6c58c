// `parley peer`: the CPP client on a terminal or in a pipe. Reads flags, connects session, sockets and terminal.

import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { quoted } from "../../text.ts";
import { addressOf } from "../address.ts";
import { portOf } from "../flags.ts";
import { cppId } from "../../cpp/codec.ts";
import { exitCode, ParleyError, unwritable } from "../../errors.ts";
import { names } from "../../limits.ts";
import { isLoopback } from "../../addresses.ts";
import { callableHost } from "../../io/host-port.ts";
import { PeerLinks } from "../../io/peer-links.ts";
import type { Interruption } from "../../cpp/peer-effect.ts";
import { PeerSession } from "../../cpp/peer-session.ts";
import { jsonLine } from "../../terminal/json-line.ts";
import { stdout } from "../../terminal/output.ts";
import { redirect, say, warn } from "../../terminal/voice.ts";
import { peerCommands, peerStatus } from "../../terminal/peer-lines.ts";
import { PeerPrompt } from "../../terminal/peer-prompt.ts";
import { isPlain } from "../../terminal/plain-terminal.ts";
import { terminalSize } from "../../terminal/terminal-size.ts";
import { Tty } from "../../terminal/tty.ts";
import { typedLines } from "../../terminal/typed-lines.ts";
import { onSignals } from "../end-signals.ts";
import { listenHost } from "../host-flag.ts";

export default defineCommand({
  meta: {
    name: "peer",
    description:
      "Call someone who is registered at a server, and chat from terminal to terminal. " +
      "Commands: /register, /bridge [NAME], /chat, /id, /quit",
  },
  args: {
    id: {
      type: "string",
      alias: "n",
      required: true,
      valueHint: "NAME",
      description: "Your ID: letters and digits",
    },
    port: {
      type: "string",
      alias: "p",
      required: true,
      valueHint: "N",
      description: "Port on which others call you (0 picks a free one)",
    },
    server: {
      type: "string",
      required: true,
      valueHint: "ADDRESS",
      description: "HOST:PORT or HOST of the registry",
    },
    host: { type: "string", default: "127.0.0.1", description: "Address on which others call you" },
    duplex: {
      type: "boolean",
      description: "Between two parleys: both write at any time, no turns",
    },
    json: { type: "boolean", description: "Print one JSON object per line instead of text" },
  },
  async run({ args }) {
    const id = cppId(args.id);
    if (id === undefined) {
      throw new ParleyError(
        "name-invalid",
        `--id ${quoted(args.id)} is not an ID: use 1 to ${names.maxChars} letters and digits`,
      );
    }
    const port = portOf("--port", args.port);
    const host = listenHost(args.host);
    const registry = addressOf("--server", args.server);
    let prompt: PeerPrompt | undefined;
    const links = new PeerLinks({
      registry,
      show: ({ line, notice }) => {
        if (args.json) stdout.data(jsonLine(notice));
        else {
          if (line !== undefined && prompt) prompt.print(line);
          else if (line !== undefined) stdout.data(`${line}\n`);
          const status = peerStatus(notice, line);
          if (status !== undefined) say(status);
        }
        return stdout.pressure ? stdout.relief() : undefined;
      },
    });
    const listening = links.listen(host, port);
    if (!isLoopback(host)) {
      warn(
        `Warning: anyone who can reach ${host}:${listening} can call you, and nothing is encrypted.`,
      );
    }
    const self = { id, ip: callableHost(host), port: listening };
    const session = new PeerSession(self, { duplex: args.duplex ?? false });
    const onTerminal = isatty(0) && isatty(1) && args.json !== true;
    if (onTerminal) say(peerCommands);
    if (!onTerminal || isPlain(process.env)) return converse(links, session);
    const tty = new Tty(() => prompt);
    prompt = newPrompt(links, session, tty);
    redirect((line) => prompt?.print(line));
    tty.open();
    try {
      return await converse(links, session, prompt);
    } finally {
      prompt.hide();
      redirect();
      tty.close();
    }
  },
});

function newPrompt(links: PeerLinks, session: PeerSession, tty: Tty): PeerPrompt {
  const act = (what: () => void) => () => {
    what();
    links.obey();
  };
  return new PeerPrompt({
    write: (text) => void stdout.data(text),
    soon: setImmediate,
    width: (text) => Bun.stringWidth(text),
    ...terminalSize(process.stdout.columns, process.stdout.rows),
    typed: (line) => act(() => session.typed(line))(),
    end: act(() => session.typedEnd()),
    interrupt: act(() => session.interrupt()),
    gone: act(() => session.interrupt("hung-up")),
    suspend: () => tty.suspend(),
  });
}

const exitCodes = {
  done: exitCode.done,
  refused: exitCode.refused,
  unreachable: exitCode.cannotConnect,
  malformed: exitCode.integrity,
  interrupted: exitCode.interrupted,
  terminated: exitCode.terminated,
  "hung-up": exitCode.hungUp,
} as const;

/** Answers the exit code; the client's own lines have already said why. Without a prompt, lines are read from stdin. */
async function converse(
  links: PeerLinks,
  session: PeerSession,
  prompt?: PeerPrompt,
): Promise<number> {
  const end = (why: Interruption) => () => {
    session.interrupt(why);
    links.obey();
  };
  onSignals(["SIGINT"], end("interrupted"));
  onSignals(["SIGTERM"], end("terminated"));
  if (prompt) onSignals(["SIGHUP"], end("hung-up"));
  stdout.onClosed(end("interrupted"));
  if (!prompt) void readTyped(links, session);
  const code = exitCodes[await links.run(session)];
  if (stdout.failure !== undefined) throw unwritable(stdout.failure);
  return stdout.closed ? exitCode.done : code;
}

async function readTyped(links: PeerLinks, session: PeerSession): Promise<void> {
  try {
    for await (const line of typedLines()) {
      session.typed(line);
      links.obey();
      if (links.congested) await links.room();
    }
  } catch {
    // stdin is closed, or its terminal is gone: nobody types.
  }
  session.typedEnd();
  links.obey();
}
