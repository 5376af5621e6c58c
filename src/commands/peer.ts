// `parley peer`: S0's client on a terminal or in a pipe. Reads flags, puts session, sockets and terminal together, runs them.

import { defineCommand } from "citty";
import { quoted } from "../chat/text.ts";
import { cppId } from "../dialects/cpp.ts";
import { exitCode, ParleyError } from "../errors.ts";
import { names } from "../limits.ts";
import { callableHost, isLoopback, parseHostPort } from "../net/host-port.ts";
import { PeerLinks } from "../net/peer-links.ts";
import { PeerSession } from "../registry/peer-session.ts";
import { say, stdout } from "../terminal/output.ts";
import { typedLines } from "../terminal/typed-lines.ts";

export default defineCommand({
  meta: {
    name: "peer",
    description: "Call someone who is registered at a server, and chat from terminal to terminal",
  },
  args: {
    id: { type: "string", required: true, valueHint: "NAME", description: "Letters and digits" },
    port: {
      type: "string",
      required: true,
      valueHint: "N",
      description: "Port on which others call you (0: a free one)",
    },
    server: {
      type: "string",
      required: true,
      valueHint: "HOST:PORT",
      description: "Where you register and find others",
    },
    host: { type: "string", default: "127.0.0.1", description: "Address on which others call you" },
    duplex: { type: "boolean", description: "Between two parleys: write at any time, no turns" },
    json: { type: "boolean", description: "One JSON object a line instead of text" },
  },
  async run({ args }) {
    const id = cppId(args.id);
    if (id === undefined) {
      throw new ParleyError(
        "name-invalid",
        `The ID ${quoted(args.id)} is not possible: use 1 to ${names.maxChars} letters and digits for --id`,
      );
    }
    const port = readPort(args.port);
    const registry = parseHostPort(args.server);
    if (!registry) {
      throw new ParleyError(
        "usage",
        `--server ${quoted(args.server)} is no address: write HOST:PORT, such as 127.0.0.1:8080`,
      );
    }
    const links = new PeerLinks({
      registry,
      show: ({ line, notice }) => {
        if (args.json) stdout.data(`${JSON.stringify(notice)}\n`);
        else if (line !== undefined) stdout.data(`${line}\n`);
        return stdout.pressure ? stdout.relief() : undefined;
      },
    });
    const listening = links.listen(args.host, port);
    if (!isLoopback(args.host)) {
      say(
        `Warning: whoever can reach ${args.host}:${listening} can call you; nothing is encrypted.`,
      );
    }
    const self = { id, ip: callableHost(args.host), port: listening };
    return converse(links, new PeerSession(self, { duplex: args.duplex ?? false }));
  },
});

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new ParleyError("usage", `--port ${quoted(text)} is no port: use a number from 0 to 65535`);
}

const exitCodes = {
  done: exitCode.done,
  interrupted: exitCode.interrupted,
  malformed: exitCode.integrity,
} as const;

/** Answers the exit code: S0's own lines have said all there is to say. */
async function converse(links: PeerLinks, session: PeerSession): Promise<number> {
  const interrupt = () => {
    session.interrupt();
    links.obey();
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  stdout.onClosed(interrupt);
  void readTyped(links, session);
  try {
    return exitCodes[await links.run(session)];
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

async function readTyped(links: PeerLinks, session: PeerSession): Promise<void> {
  try {
    for await (const line of typedLines()) {
      session.typed(line);
      links.obey();
      if (links.congested) await links.room();
    }
  } catch {
    // A stdin that can't be read (closed, or a terminal that has gone) is one on which nobody types.
  }
  session.typedEnd();
  links.obey();
}
