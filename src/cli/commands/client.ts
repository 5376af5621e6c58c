// `parley client`: reads its flags and runs the client, on a terminal or in a pipe.

import { join } from "node:path";
import { defineCommand } from "citty";
import { roomProblem } from "../../chat/names/grammar.ts";
import { personNameProblem } from "../../dialects/reserved-names.ts";
import { ParleyError } from "../../errors.ts";
import { message } from "../../limits.ts";
import { hostPortText } from "../../io/host-port.ts";
import { addressOf, defaultAddress, type WrittenAddress } from "../address.ts";
import { accessOf, loginFlags } from "../access-flags.ts";
import { directFlag } from "../direct-flag.ts";
import { defaultDownloads, downloadsFolder, savingFolder } from "../folder-flag.ts";
import { identityOf, passwordOf } from "../identity-flag.ts";
import { surroundings, trusted } from "../trust-flags.ts";
import { IgnoredFile } from "../../terminal/ignored-file.ts";
import { configFolder } from "../../tls/folders.ts";
import { isTerminal } from "../../terminal/output/is-terminal.ts";
import { distinctPeople } from "../../terminal/pipe/recipients.ts";

export default defineCommand({
  meta: { name: "client", description: "Chat in a terminal, or from a pipe" },
  args: {
    address: {
      type: "positional",
      required: false,
      valueHint: "ADDRESS",
      description: `HOST:PORT or HOST of the server, with #PIN to check its key; separate servers of one cluster by commas (default ${hostPortText(defaultAddress)})`,
    },
    server: {
      type: "string",
      valueHint: "ADDRESS",
      description: "The same as a flag; ADDRESS wins over it",
    },
    name: {
      type: "string",
      alias: "n",
      valueHint: "NAME",
      description: "Your name in the chat (default: your user name)",
    },
    room: { type: "string", default: "lobby", valueHint: "ROOM", description: "Room to enter" },
    downloads: {
      type: "string",
      default: defaultDownloads,
      valueHint: "FOLDER",
      description: "Where /get saves files",
    },
    accept: {
      type: "string",
      valueHint: "FOLDER",
      description: "Accept every file that people offer, and save it in FOLDER",
    },
    direct: directFlag,
    follow: { type: "boolean", description: "In a pipe: keep listening after the end of input" },
    to: {
      type: "string",
      valueHint: "NAME…",
      description: "In a pipe: send every line to these people only (NAME,NAME or repeated)",
    },
    "json-in": {
      type: "boolean",
      description: "Read one JSON command per line, and answer each (implies --json)",
    },
    bell: {
      type: "boolean",
      default: true,
      description: "Ring the bell for mentions and private messages",
      negativeDescription: "Do not ring the bell for mentions and private messages",
    },
    ...loginFlags,
    json: { type: "boolean", description: "Print one JSON object per line instead of text" },
  },
  async run({ args }) {
    const password = passwordOf(args["password-file"]);
    const access = accessOf(password, args.pass);
    const [first, ...others] = serversOf(args.address, args.server);
    const trust = (server: WrittenAddress) => trusted(server, { plain: args.plain, access });
    const to = { ...trust(first), alternatives: others.map(trust) };
    const nameIssue = args.name === undefined ? undefined : personNameProblem(args.name);
    if (nameIssue !== undefined) throw new ParleyError("name-invalid", nameIssue);
    const roomIssue = roomProblem(args.room);
    if (roomIssue !== undefined) throw new ParleyError("room-invalid", roomIssue);
    const commands = args["json-in"] ?? false;
    const recipients = recipientsOf(args.to, commands);
    const options = {
      to,
      name: args.name,
      room: args.room,
      downloads: downloadsFolder(args.downloads),
      follow: args.follow ?? false,
      json: args.json === true || commands,
      identity: identityOf(args.identity),
      password,
      ignored: ignoredFile(),
      acceptInto:
        args.accept === undefined ? undefined : savingFolder("--accept", args.accept, "./Incoming"),
      direct: args.direct,
    };
    if (isTerminal(0) && isTerminal(1) && !options.json && recipients === undefined) {
      const { runTerminal } = await import("../../terminal/client/run-terminal.ts");
      return runTerminal({ ...options, bell: args.bell });
    }
    const { runPipe } = await import("../../terminal/pipe/run-pipe.ts");
    return runPipe({ ...options, recipients, commands });
  },
});

/** One server, or several servers of the same cluster, separated by commas. */
function serversOf(
  word: string | undefined,
  flag: string | undefined,
): readonly [WrittenAddress, ...WrittenAddress[]] {
  const text = word ?? flag;
  if (text === undefined) return [defaultAddress];
  const [first = "", ...others] = text.split(",");
  const read = (one: string) => addressOf(word === undefined ? "--server" : "", one);
  return [read(first), ...others.map(read)];
}

/** The names of `--to`. @throws ParleyError */
function recipientsOf(flag: string | undefined, commands: boolean): readonly string[] | undefined {
  if (flag === undefined) return undefined;
  if (commands) {
    const sentence = `--to does not go with --json-in: name them in each command, {"to":…,"text":…}`;
    throw new ParleyError("usage", sentence);
  }
  const names = distinctPeople(flag.split(",").filter((name) => name !== ""));
  if (names.length === 0) throw new ParleyError("usage", "--to '' names nobody: --to NAME");
  if (names.length > message.maxRecipients) {
    const sentence = `--to has ${names.length} names, at most ${message.maxRecipients} are allowed`;
    throw new ParleyError("usage", sentence);
  }
  for (const name of names) {
    const issue = personNameProblem(name);
    if (issue !== undefined) throw new ParleyError("name-invalid", `--to: ${issue}`);
  }
  return names;
}

function ignoredFile(): IgnoredFile {
  const folder = configFolder(surroundings());
  return new IgnoredFile(folder === undefined ? undefined : join(folder, "ignored"));
}
