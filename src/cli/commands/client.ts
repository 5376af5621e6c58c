// `parley client`: reads the flags, then runs on a terminal or in a pipe.

import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { roomProblem } from "../../chat/names/grammar.ts";
import { personNameProblem } from "../../dialects/table.ts";
import { quoted } from "../../text.ts";
import { ParleyError } from "../../errors.ts";
import { type Address, parseHostPort } from "../../io/host-port.ts";
import { endedJson } from "../../terminal/event-json.ts";
import { jsonLine } from "../../terminal/json-line.ts";
import { stdout } from "../../terminal/output.ts";
import { runPipe } from "../../terminal/run-pipe.ts";

const defaultServer = "127.0.0.1:55000";

export default defineCommand({
  meta: { name: "client", description: "Chat in a terminal, or from a pipe" },
  args: {
    address: {
      type: "positional",
      required: false,
      valueHint: "HOST:PORT",
      description: `Where the server listens (${defaultServer})`,
    },
    server: {
      type: "string",
      valueHint: "HOST:PORT",
      description: "The same as a flag; an address without a flag wins",
    },
    name: { type: "string", valueHint: "NAME", description: "Who you are (your user name)" },
    room: { type: "string", default: "lobby", valueHint: "ROOM", description: "Room to enter" },
    downloads: {
      type: "string",
      default: "./Downloads",
      valueHint: "FOLDER",
      description: "Where /get saves files",
    },
    follow: { type: "boolean", description: "In a pipe: keep listening after the end of input" },
    json: { type: "boolean", description: "One JSON object a line instead of text" },
  },
  async run({ args }) {
    try {
      await chat(args);
    } catch (error) {
      // Scripts need not read stderr to learn why it ended, even if it never began.
      if (args.json === true && error instanceof ParleyError) {
        stdout.data(jsonLine(endedJson(error)));
      }
      throw error;
    }
  },
});

type Arguments = {
  address?: string | undefined;
  server?: string | undefined;
  name?: string | undefined;
  room: string;
  downloads: string;
  follow?: boolean | undefined;
  json?: boolean | undefined;
};

async function chat(args: Arguments): Promise<void> {
  const to = serverOf(args.address, args.server);
  const nameIssue = args.name === undefined ? undefined : personNameProblem(args.name);
  if (nameIssue !== undefined) throw new ParleyError("name-invalid", nameIssue);
  const roomIssue = roomProblem(args.room);
  if (roomIssue !== undefined) throw new ParleyError("room-invalid", roomIssue);
  if (args.downloads === "") {
    const sentence = "--downloads '' is no folder: try ./Downloads, which is made if it is missing";
    throw new ParleyError("usage", sentence);
  }
  const options = {
    to,
    name: args.name,
    room: args.room,
    downloads: args.downloads,
    follow: args.follow ?? false,
    json: args.json ?? false,
  };
  if (isatty(0) && isatty(1) && !options.json) {
    const { runTerminal } = await import("../../terminal/run-terminal.ts");
    return runTerminal(options);
  }
  return runPipe(options);
}

function serverOf(word: string | undefined, flag: string | undefined): Address {
  const address = word ?? flag ?? defaultServer;
  const to = parseHostPort(address);
  if (to !== undefined) return to;
  throw new ParleyError(
    "usage",
    `${word === undefined ? "--server " : ""}${quoted(address)} is no address: write HOST:PORT, such as ${defaultServer}`,
  );
}
