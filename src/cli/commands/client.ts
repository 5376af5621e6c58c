// `parley client`: reads flags, puts session, connection and terminal or pipe together, runs them.

import { isatty } from "node:tty";
import { defineCommand } from "citty";
import { nameProblem, roomProblem } from "../../chat/names/grammar.ts";
import { quoted } from "../../text.ts";
import { ParleyError } from "../../errors.ts";
import { parseHostPort } from "../../io/host-port.ts";
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
    const address = args.address ?? args.server ?? defaultServer;
    const to = parseHostPort(address);
    if (to === undefined) {
      const flag = args.address === undefined ? "--server " : "";
      throw new ParleyError(
        "usage",
        `${flag}${quoted(address)} is no address: write HOST:PORT, such as ${defaultServer}`,
      );
    }
    const nameIssue = args.name === undefined ? undefined : nameProblem(args.name);
    if (nameIssue !== undefined) throw new ParleyError("name-invalid", nameIssue);
    const roomIssue = roomProblem(args.room);
    if (roomIssue !== undefined) throw new ParleyError("room-invalid", roomIssue);
    if (args.downloads === "") {
      const sentence = "--downloads '' is no folder: try ./Downloads, which may be missing";
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
  },
});
