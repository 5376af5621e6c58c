// `parley server`: reads flags, starts the server, says where it is, listens to its own stdin and to signals.

import { defineCommand } from "citty";
import { quoted } from "../../text.ts";
import { portOf } from "../flags.ts";
import { ParleyError } from "../../errors.ts";
import { connections, sender } from "../../limits.ts";
import { ChatServer } from "../../server/chat-server.ts";
import { hostPortText } from "../../io/host-port.ts";
import { folderState } from "../../server/files/shared-folder.ts";
import { contactLine } from "../../cpp/registry-connection.ts";
import { whenForeground } from "../../terminal/foreground.ts";
import { jsonLine } from "../../terminal/json-line.ts";
import { defaultPort } from "../address.ts";
import { onSignals } from "../end-signals.ts";
import { publicUrlOf, trustedProxiesOf } from "../proxy-flags.ts";
import { exposureWarning, serverBanner } from "../server-banner.ts";
import { print } from "../../terminal/output.ts";
import { isLogLevel, type LogLevel, logLevels, say, voice, warn } from "../../terminal/voice.ts";
import { typedLines } from "../../terminal/typed-lines.ts";
import { listenHost } from "../host-flag.ts";
import { dialectNames, dialectPorts } from "../listen-flag.ts";

/** What SQLite calls a database without a file. */
const memory = ":memory:";

export default defineCommand({
  meta: { name: "server", description: "Serve a chat, a shared folder and a page for browsers" },
  args: {
    host: { type: "string", default: "127.0.0.1", description: "Address to listen on" },
    port: {
      type: "string",
      alias: "p",
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
    "public-url": {
      type: "string",
      valueHint: "URL",
      description: "Where people reach the page, if that is through a reverse proxy",
    },
    "trusted-proxy": {
      type: "string",
      valueHint: "CIDR…",
      description:
        "Believe this proxy's X-Forwarded-For or Forwarded about where people come from; may be repeated",
    },
    "metrics-port": {
      type: "string",
      valueHint: "N",
      description: "Port for Prometheus, on 127.0.0.1 alone: /metrics (0: a free one)",
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
    "log-level": {
      type: "string",
      valueHint: "LEVEL",
      description: `What the log on stderr tells: ${logLevels.join(", ")} (else CONSOLA_LEVEL, or info)`,
    },
    json: {
      type: "boolean",
      description:
        "One JSON object a line: that it is ready, what it logs, and what /who and /info answer",
    },
  },
  async run({ args }) {
    const port = portOf("--port", args.port);
    const classic = args.classic === true;
    const extra = dialectPorts(args.listen, classic, port);
    const host = listenHost(args.host);
    if (args.files === "")
      throw new ParleyError("usage", "--files '' is no folder: try ./FILES, which may be missing");
    if (args.data === "")
      throw new ParleyError("usage", "--data '' is no file: name one, or leave --data out");
    const publicUrl = publicUrlOf(args["public-url"]);
    const json = args.json === true;
    const printLine = (line: string): void => {
      print(json ? jsonText({ event: "log", line }) : line);
    };
    voice.configure({ level: levelOf(args["log-level"]), json });
    const server = await ChatServer.start({
      host,
      port,
      webPort: args.web ? portOf("--web-port", args["web-port"]) : undefined,
      publicUrl,
      proxies: trustedProxiesOf(args["trusted-proxy"]),
      metricsPort: optionalPort("--metrics-port", args["metrics-port"]),
      files: args.files,
      data: args.data === memory ? undefined : args.data,
      synchronous: syncOf(args.sync),
      rate: numberOf("--rate", args.rate),
      maxPerAddress: numberOf("--max-per-address", args["max-per-address"]),
      extra,
      classic: classic && port === defaultPort,
      print: printLine,
      announce: say,
      log: voice.log,
    });
    // Listens before it says that it is ready: a script may stop it at once.
    const stopped = untilStopped(server, json);
    announce(server, { host, json, files: args.files, publicUrl });
    await stopped;
    if (!json) printLine("");
    printLine("Server shutting down...");
    await server.stop();
  },
});

type Announced = { host: string; json: boolean; files: string; publicUrl: URL | undefined };

function announce(server: ChatServer, given: Announced): void {
  const { host, json } = given;
  const { port, webPort, metricsPort, dialectPorts } = server;
  const exposure = exposureWarning(host);
  if (exposure !== undefined) warn(exposure);
  const areFilesMissing = folderState(given.files) === "missing";
  const ports = { port, webPort, metricsPort, dialectPorts };
  for (const line of serverBanner({ ...given, ...ports, areFilesMissing })) say(line);
  if (json) {
    const dialects = Object.fromEntries(dialectPorts);
    print(jsonText({ event: "listening", host, port, webPort, metricsPort, dialects }));
  } else {
    print(`Server listening on ${hostPortText({ host, port })}`);
  }
}

/** Resolves on SIGINT, SIGTERM, SIGHUP (its terminal was closed) or `/quit`. The end of stdin stops nothing. */
function untilStopped(server: ChatServer, json: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stopListening = onSignals(["SIGINT", "SIGTERM", "SIGHUP"], () => {
    // A second signal ends it at once.
    stopListening();
    resolve();
  });
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

function levelOf(text: string | undefined): LogLevel | undefined {
  if (text === undefined || isLogLevel(text)) return text;
  const sentence = `--log-level ${quoted(text)} is no level: use one of ${logLevels.join(", ")}`;
  throw new ParleyError("usage", sentence);
}

function optionalPort(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : portOf(flag, text);
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
