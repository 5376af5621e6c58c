// `parley peer`: the CPP client on a terminal or in a pipe. Reads the flags, assembles peer,
// sockets and terminal, and runs them.

import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { quoted } from "../../text.ts";
import { addressOf } from "../address.ts";
import { portOf } from "../flags.ts";
import { parseId } from "../../cpp/codec.ts";
import { exitCode, ParleyError, unwritable } from "../../errors.ts";
import { names } from "../../limits.ts";
import { isLoopback } from "../../addresses.ts";
import { callableHost } from "../../io/host-port.ts";
import { PeerDriver } from "../../io/peer-driver.ts";
import { Peer } from "../../cpp/peer.ts";
import type { PeerStyle } from "../../cpp/peer-stream.ts";
import type { ExitReason, Interruption } from "../../cpp/peer-output.ts";
import { jsonLine } from "../../terminal/json-line.ts";
import { stdout } from "../../terminal/output.ts";
import { redirect, say, warn } from "../../terminal/diagnostics.ts";
import { peerCommands, peerStatus } from "../../terminal/peer-lines.ts";
import { PeerPrompt } from "../../terminal/peer-prompt.ts";
import { isPlain } from "../../terminal/plain-terminal.ts";
import { terminalSize } from "../../terminal/terminal-size.ts";
import { Tty } from "../../terminal/tty.ts";
import { typedLines } from "../../terminal/typed-lines.ts";
import { onSignals } from "../../io/end-signals.ts";
import { listenHost } from "../host-flag.ts";

export default defineCommand({
  meta: {
    name: "peer",
    description:
      "Chat from terminal to terminal, with peers found through a server's registry. " +
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
      description: "Port to listen on for calls (0 picks a free one)",
    },
    server: {
      type: "string",
      required: true,
      valueHint: "ADDRESS",
      description: "HOST:PORT or HOST of the server whose registry to use",
    },
    host: {
      type: "string",
      default: "127.0.0.1",
      description: "Address to listen on, and to register",
    },
    duplex: {
      type: "boolean",
      description: "Chat without turns, if the peer is parley with --duplex, too",
    },
    style: {
      type: "string",
      default: "message",
      valueHint: "STYLE",
      description: "Style of calls: message, or bare for programs that send bare text",
    },
    json: { type: "boolean", description: "Print one JSON object per line instead of text" },
  },
  async run({ args }) {
    const id = parseId(args.id);
    if (id === undefined) {
      throw new ParleyError(
        "name-invalid",
        `--id ${quoted(args.id)} is not valid: use 1 to ${names.maxChars} letters and digits`,
      );
    }
    const port = portOf("--port", args.port);
    const host = listenHost(args.host);
    const registry = addressOf("--server", args.server);
    let prompt: PeerPrompt | undefined;
    const driver = new PeerDriver({
      registry,
      show: ({ line, event }) => {
        if (args.json) stdout.data(jsonLine(event));
        else {
          if (line !== undefined && prompt) prompt.print(line);
          else if (line !== undefined) stdout.data(`${line}\n`);
          const status = peerStatus(event, line);
          if (status !== undefined) say(status);
        }
        return stdout.pressure ? stdout.relief() : undefined;
      },
    });
    const listening = driver.listen(host, port);
    if (!isLoopback(host)) {
      warn(
        `Warning: anyone who can reach ${host}:${listening} can call you; nothing is encrypted.`,
      );
    }
    if (isLoopback(host) && !isLoopback(registry.host)) {
      warn(`Warning: only this machine can call you at ${host}; others need another --host.`);
    }
    const self = { id, ip: callableHost(host), port: listening };
    const peer = new Peer(self, { duplex: args.duplex ?? false, style: styleOf(args.style) });
    const onTerminal = isatty(0) && isatty(1) && args.json !== true;
    if (onTerminal) say(peerCommands);
    if (!onTerminal || isPlain(process.env)) return converse(driver, peer);
    const tty = new Tty(() => prompt);
    prompt = newPrompt(driver, peer, tty);
    redirect((line) => prompt?.print(line));
    tty.open();
    try {
      return await converse(driver, peer, prompt);
    } finally {
      prompt.hide();
      redirect();
      tty.close();
    }
  },
});

function styleOf(text: string): PeerStyle {
  if (text === "message" || text === "bare") return text;
  throw new ParleyError("usage", `--style ${quoted(text)} is unknown: use message or bare`);
}

function newPrompt(driver: PeerDriver, peer: Peer, tty: Tty): PeerPrompt {
  const act = (what: () => void) => () => {
    what();
    driver.applyOutputs();
  };
  return new PeerPrompt({
    write: (text) => void stdout.data(text),
    soon: setImmediate,
    width: (text) => Bun.stringWidth(text),
    ...terminalSize(process.stdout.columns, process.stdout.rows),
    typed: (line) => act(() => peer.handleTyped(line, performance.now()))(),
    end: act(() => peer.handleInputEnd(performance.now())),
    interrupt: act(() => peer.handleInterrupt("interrupted", performance.now())),
    gone: act(() => peer.handleInterrupt("hung-up", performance.now())),
    suspend: () => tty.suspend(),
  });
}

const exitCodes: Readonly<Record<ExitReason, number>> = {
  done: exitCode.done,
  refused: exitCode.refused,
  unreachable: exitCode.cannotConnect,
  malformed: exitCode.integrity,
  interrupted: exitCode.interrupted,
  terminated: exitCode.terminated,
  "hung-up": exitCode.hungUp,
};

/** Runs the peer and returns the exit code. Without a prompt, lines are read from stdin. */
async function converse(driver: PeerDriver, peer: Peer, prompt?: PeerPrompt): Promise<number> {
  const end = (why: Interruption) => () => {
    peer.handleInterrupt(why, performance.now());
    driver.applyOutputs();
  };
  onSignals(["SIGINT"], end("interrupted"));
  onSignals(["SIGTERM"], end("terminated"));
  if (prompt) onSignals(["SIGHUP"], end("hung-up"));
  stdout.onClosed(end("interrupted"));
  if (!prompt) void readTyped(driver, peer);
  const code = exitCodes[await driver.run(peer)];
  if (stdout.failure !== undefined) throw unwritable(stdout.failure);
  return stdout.closed ? exitCode.done : code;
}

async function readTyped(driver: PeerDriver, peer: Peer): Promise<void> {
  try {
    for await (const line of typedLines()) {
      peer.handleTyped(line, performance.now());
      driver.applyOutputs();
      if (driver.congested) await driver.whenUncongested();
    }
  } catch {
    // An unreadable stdin (closed, or its terminal gone) is the end of input.
  }
  peer.handleInputEnd(performance.now());
  driver.applyOutputs();
}
