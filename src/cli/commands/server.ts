// `parley server`: reads flags, starts the server, says where it is, listens to its own stdin and to signals.

import { defineCommand } from "citty";
import { quoted } from "../../text.ts";
import { portOf } from "../flags.ts";
import { dialects } from "../../dialects/table.ts";
import { ParleyError } from "../../errors.ts";
import { connections, sender } from "../../limits.ts";
import { ChatServer, type ExtraPort } from "../../server/chat-server.ts";
import { isLoopback } from "../../addresses.ts";
import { hereHost, hostPortText, isEveryAddress } from "../../io/host-port.ts";
import { folderState } from "../../server/files/shared-folder.ts";
import { contactLine } from "../../cpp/registry-connection.ts";
import { whenForeground } from "../../terminal/foreground.ts";
import { jsonLine } from "../../terminal/json-line.ts";
import { ownCommand } from "../program-name.ts";
import { print, say } from "../../terminal/output.ts";
import { typedLines } from "../../terminal/typed-lines.ts";
import { listenHost } from "../host-flag.ts";

/** Where `--classic` opens CPP, which is no dialect of the chat. */
const classicCppPort = 8080;

/** What SQLite calls a database without a file. */
const memory = ":memory:";

const dialectNames = ["cpp", ...Object.keys(dialects)];

export default defineCommand({
  meta: { name: "server", description: "Serve a chat, a shared folder and a page for browsers" },
  args: {
    host: { type: "string", default: "127.0.0.1", description: "Address to listen on" },
    port: {
      type: "string",
      default: "55000",
      valueHint: "N",
      description: "TCP port for everything, and UDP port for transfers (0: a free one)",
    },
    "web-port": {
      type: "string",
      default: "8000",
      valueHint: "N",
      description: "Port of the page (0: a free one)",
    },
    web: {
      type: "boolean",
      default: true,
      description: "Serve the page for browsers",
      negativeDescription: "Serve no page",
    },
    files: { type: "string", default: "./FILES", valueHint: "DIR", description: "Shared folder" },
    data: {
      type: "string",
      valueHint: "PATH",
      description:
        "SQLite file that keeps messages and registrations (else, or :memory:, in memory)",
    },
    sync: {
      type: "string",
      default: "normal",
      valueHint: "normal|full",
      description: "With --data: what is acknowledged survives a crash, or (full) a power loss too",
    },
    listen: {
      type: "string",
      valueHint: "DIALECT=PORT…",
      description: `Open a port for one dialect, of: ${dialectNames.join(", ")}; may be repeated`,
    },
    classic: { type: "boolean", description: "Open all dialects on their classic ports" },
    rate: {
      type: "string",
      default: String(sender.messagesPerSecond),
      valueHint: "N",
      description: "Messages a second that one sender may keep up (0: no limit)",
    },
    "max-per-address": {
      type: "string",
      default: String(connections.maxPerAddress),
      valueHint: "N",
      description: "Connections from one address (0: no limit; loopback is exempt)",
    },
    json: {
      type: "boolean",
      description:
        "One JSON object a line: that it is ready, what it logs, and what /who and /info answer",
    },
  },
  async run({ args }) {
    const extra = extraPorts(args.listen, args.classic === true);
    const host = listenHost(args.host);
    if (args.files === "")
      throw new ParleyError("usage", "--files '' is no folder: try ./FILES, which may be missing");
    if (args.data === "")
      throw new ParleyError("usage", "--data '' is no file: name one, or leave --data out");
    const json = args.json === true;
    const log = (line: string): void => print(json ? jsonText({ event: "log", line }) : line);
    const server = await ChatServer.start({
      host,
      port: portOf("--port", args.port),
      webPort: args.web ? portOf("--web-port", args["web-port"]) : undefined,
      files: args.files,
      data: args.data === memory ? undefined : args.data,
      synchronous: syncOf(args.sync),
      rate: numberOf("--rate", args.rate),
      maxPerAddress: numberOf("--max-per-address", args["max-per-address"]),
      extra,
      classic: args.classic === true,
      log,
      warn: say,
    });
    // Listens before it says that it is ready: a script may stop it at once.
    const stopped = untilStopped(server, json);
    announce(server, host, json, args.files);
    await stopped;
    if (!json) log("");
    log("Server shutting down...");
    await server.stop();
  },
});

function announce(server: ChatServer, host: string, json: boolean, files: string): void {
  if (!isLoopback(host)) {
    const it = isEveryAddress(host)
      ? `${host} is every address of this machine: other machines can reach it`
      : `other machines can reach ${host}`;
    say(`Warning: ${it}, and nothing here asks for a password.`);
  }
  const here = hereHost(host);
  const hint = folderState(files) === "missing" ? " (make it and put files there)" : "";
  say(`Chat and files on port ${server.port} (TCP and UDP), shared folder ${files}${hint}`);
  if (server.webPort !== undefined)
    say(`Page:          http://${hostPortText({ host: here, port: server.webPort })}/`);
  for (const [name, port] of server.dialectPorts) say(`Dialect:       ${name} on port ${port}`);
  const address = hostPortText({ host: here, port: server.port });
  say(`Terminal:      ${ownCommand()} client ${address} --name NAME`);
  say(`Without parley: nc ${here} ${server.port}`);
  const { port, webPort } = server;
  if (json) {
    const ports = Object.fromEntries(server.dialectPorts);
    print(jsonText({ event: "listening", host, port, webPort, dialects: ports }));
  } else {
    print(`Server listening on ${hostPortText({ host, port })}`);
  }
}

/** Resolves on SIGINT, SIGTERM, SIGHUP (its terminal was closed) or `/quit`. The end of stdin stops nothing. */
function untilStopped(server: ChatServer, json: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, resolve);
  const listen = async (): Promise<void> => {
    for await (const line of typedLines(process.stdin)) {
      if (line.trim() === "/quit") return resolve();
      answerTyped(server, line.trim(), json);
    }
  };
  whenForeground(() => void listen().catch(() => {}));
  return promise;
}

function answerTyped(server: ChatServer, line: string, json: boolean): void {
  if (line === "/info") {
    for (const { id, ip, port } of server.registry.entries()) {
      const event = { event: "registration", id, ip, port };
      print(json ? jsonText(event) : contactLine({ id, ip, port }));
    }
  } else if (line === "/who") {
    for (const name of server.who()) print(json ? jsonText({ event: "member", name }) : name);
  } else if (line !== "") {
    say(`There is no ${quoted(line)} here: type /info, /who or /quit`);
  }
}

/** For `print`, which ends lines itself. */
function jsonText(event: object): string {
  return jsonLine(event).trimEnd();
}

function extraPorts(listen: string | undefined, classic: boolean): ExtraPort[] {
  const extra: ExtraPort[] = [];
  for (const item of listen === undefined ? [] : listen.split(",")) {
    const [dialect = "", port, rest] = item.split("=");
    if (!dialectNames.includes(dialect) || port === undefined || rest !== undefined) {
      throw new ParleyError(
        "usage",
        `--listen ${quoted(item)} is not DIALECT=PORT with one of: ${dialectNames.join(", ")}`,
      );
    }
    // what says where the ports are has one place for each dialect
    if (extra.some((other) => other.dialect === dialect)) {
      throw new ParleyError(
        "usage",
        `--listen ${dialect}=PORT is given twice: a dialect has one port of its own`,
      );
    }
    extra.push({
      dialect,
      port: portOf(`--listen ${dialect}=PORT:`, port),
      flag: `--listen ${dialect}=PORT`,
    });
  }
  if (!classic) return extra;
  const asked = new Set(extra.map(({ dialect }) => dialect));
  const classicPorts = Object.entries(dialects)
    // The main port is open-chat's.
    .filter(([name]) => name !== "open-chat")
    .map(([dialect, { classicPort }]) => ({ dialect, port: classicPort }));
  for (const { dialect, port } of [{ dialect: "cpp", port: classicCppPort }, ...classicPorts]) {
    if (!asked.has(dialect)) extra.push({ dialect, port, flag: `--listen ${dialect}=PORT` });
  }
  return extra;
}

function syncOf(word: string): "normal" | "full" {
  if (word === "normal" || word === "full") return word;
  throw new ParleyError("usage", `--sync ${quoted(word)} is neither normal nor full`);
}

function numberOf(flag: string, text: string): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new ParleyError("usage", `${flag} ${quoted(text)} is no whole number from 0 to 999999999`);
}
