// The flags of `parley server`, and the settings derived from them.

import type { ArgsDef, ParsedArgs } from "citty";
import { ParleyError } from "../errors.ts";
import { connections, relay, sender } from "../limits.ts";
import type { ServerOptions } from "../server/chat-server.ts";
import { isLogLevel, type LogLevel, logLevels } from "../terminal/output/diagnostics.ts";
import { isDatabaseUrl, parseDatabaseUrl } from "../store/postgres/database-url.ts";
import { parseRate } from "../terminal/output/units.ts";
import { quoted } from "../text.ts";
import { stateFolder } from "../tls/folders.ts";
import { defaultPort, hostPortText, isEveryAddress, parseHostPort } from "../io/host-port.ts";
import { portOf } from "./flags.ts";
import { listenHost } from "./host-flag.ts";
import { dialectNames, dialectPorts } from "./listen-flag.ts";
import { retentionOf } from "./retention-flags.ts";
import { publicUrlOf, trustedProxiesOf } from "./proxy-flags.ts";
import { sharingOf } from "./sharing-flags.ts";
import { surroundings } from "./trust-flags.ts";

/** SQLite's name for an in-memory database. */
const memory = ":memory:";

export const serverFlags = {
  host: { type: "string", default: "127.0.0.1", description: "Address to listen on" },
  port: {
    type: "string",
    alias: "p",
    default: String(defaultPort),
    valueHint: "N",
    description: "TCP port for chat and UDP port for transfers; 0 picks a free one",
  },
  "web-port": {
    type: "string",
    default: "8000",
    valueHint: "N",
    description: "Port of the page; 0 picks a free one",
  },
  web: {
    type: "boolean",
    default: true,
    description: "Serve the page for browsers",
    negativeDescription: "Do not serve the page",
  },
  "public-url": {
    type: "string",
    valueHint: "URL",
    description: "URL of the page, if it is behind a reverse proxy",
  },
  "trusted-proxy": {
    type: "string",
    valueHint: "CIDR…",
    description: "Trust X-Forwarded-For or Forwarded from this reverse proxy; may be repeated",
  },
  "proxy-protocol": {
    type: "boolean",
    description: "Expect a PROXY header from --trusted-proxy on the chat ports (for TCP proxies)",
  },
  "metrics-port": {
    type: "string",
    valueHint: "N",
    description: "Serve /metrics for Prometheus on this port of 127.0.0.1; 0 picks a free one",
  },
  files: { type: "string", default: "./FILES", valueHint: "DIR", description: "Shared folder" },
  quota: {
    type: "string",
    valueHint: "SIZE",
    description:
      "Let people share files in the shared folder, up to this much, such as 500M or 20G (default: they can't)",
  },
  "keep-shared": {
    type: "string",
    valueHint: "AGE",
    description: "Remove what people have shared after this time, such as 30d (default: never)",
  },
  data: {
    type: "string",
    valueHint: "PATH|URL",
    description:
      "Keep messages and names in this SQLite file, or in postgres://… (default: in memory)",
  },
  "cluster-address": {
    type: "string",
    valueHint: "HOST:PORT",
    description:
      "With --data postgres://…: where clients reach this server (default: --host, if it is one address)",
  },
  sync: {
    type: "string",
    default: "normal",
    valueHint: "normal|full",
    description:
      "With --data: acknowledged messages survive a crash; with full, a power failure too",
  },
  "keep-age": {
    type: "string",
    valueHint: "AGE",
    description: "Delete messages older than this, such as 12h or 90d (default: 30d)",
  },
  "keep-messages": {
    type: "string",
    valueHint: "N",
    description: "Keep at most this many messages of each room (default: 1000000; in memory 10000)",
  },
  "keep-size": {
    type: "string",
    valueHint: "SIZE",
    description: "With --data: keep at most this much, such as 500M or 2G (default: 17G)",
  },
  state: {
    type: "string",
    valueHint: "DIR",
    description:
      "Keep the server's key here and, without --data, names and operators' decisions (default: PATH-state of --data, else $XDG_STATE_HOME/parley)",
  },
  "password-file": {
    type: "string",
    valueHint: "FILE",
    description: "Require everybody to give the password in this file (its first line)",
  },
  "members-only": {
    type: "boolean",
    description: "Admit only members and people with a pass",
  },
  motd: {
    type: "string",
    valueHint: "FILE",
    description: "Greet everybody with this file, the message of the day",
  },
  plain: {
    type: "boolean",
    description: "Allow other machines to connect without TLS",
  },
  cert: {
    type: "string",
    valueHint: "FILE",
    description: "Certificate of the page (by HTTPS) and of ircs; read again when it changes",
  },
  key: { type: "string", valueHint: "FILE", description: "The key of --cert" },
  listen: {
    type: "string",
    valueHint: "DIALECT=PORT…",
    description: `Open a port for one dialect: ${dialectNames.join(", ")}; may be repeated`,
  },
  "irc-name": {
    type: "string",
    valueHint: "NAME",
    description: "The server's name in IRC (default: parley)",
  },
  classic: {
    type: "boolean",
    description: "Open the port of every dialect of the five old systems, such as 8080 and 1234",
  },
  relay: {
    type: "string",
    default: `${relay.bytesPerSecond / 1e6}M`,
    valueHint: "SIZE/s",
    description:
      "Bytes per second to relay between people who send each other files and have no direct path; 0 for none",
  },
  rate: {
    type: "string",
    default: String(sender.messagesPerSecond),
    valueHint: "N",
    description: "Messages per second that one sender may sustain; 0 for no limit",
  },
  "max-per-address": {
    type: "string",
    default: String(connections.maxPerAddress),
    valueHint: "N",
    description: "Connections from one address, except loopback; 0 for no limit",
  },
  "log-level": {
    type: "string",
    valueHint: "LEVEL",
    description: `Log on stderr: ${logLevels.join(", ")} (default: CONSOLA_LEVEL, else info)`,
  },
  json: {
    type: "boolean",
    description: "Print one JSON object per line instead of text, on stdout and stderr",
  },
} as const satisfies ArgsDef;

export type ServerSettings = Omit<
  ServerOptions,
  | "print"
  | "announce"
  | "log"
  | "key"
  | "certificate"
  | "state"
  | "secretFiles"
  | "password"
  | "motd"
  | "reload"
> & {
  passwordFile: string | undefined;
  motdFile: string | undefined;
  json: boolean;
  /** Where the server's key is stored. */
  state: string;
  /** Whether that folder was set with `--state`. */
  stateIsGiven: boolean;
  plain: boolean;
  /** Files with the page's own certificate and its key. */
  certificateFiles: { cert: string; key: string } | undefined;
  /** Undefined: the default. */
  logLevel: LogLevel | undefined;
};

const isUrl = /^[a-z][a-z\d+.-]*:\/\//i;

function notADatabase(data: string): ParleyError {
  return usage(
    `--data ${quoted(data)} is not a database that parley knows: name a file, or use postgres://…`,
  );
}

/** @throws ParleyError `usage` */
export function serverSettings(args: ParsedArgs<typeof serverFlags>): ServerSettings {
  const port = portOf("--port", args.port);
  const proxies = trustedProxiesOf(args["trusted-proxy"]);
  const proxyProtocol = args["proxy-protocol"] === true;
  if (proxyProtocol && proxies.isEmpty) {
    throw usage("--proxy-protocol needs --trusted-proxy: only proxies that you name are believed");
  }
  const classic = args.classic === true;
  if (args.files === "") {
    throw usage("--files '' is not a folder: try ./FILES, which need not exist");
  }
  if (args.data === "") throw usage("--data '' is not a file: name one, or omit --data");
  if (args.data !== undefined && isUrl.test(args.data)) {
    if (!isDatabaseUrl(args.data)) throw notADatabase(args.data);
    parseDatabaseUrl(args.data, "");
  }
  const webPort = portOf("--web-port", args["web-port"]);
  const data = args.data === memory ? undefined : args.data;
  const synchronous = syncOf(args.sync);
  const { "keep-age": age, "keep-messages": messages, "keep-size": size } = args;
  const retention = retentionOf({ age, messages, size });
  if (data === undefined && synchronous === "full") throw needsData("--sync full");
  if (data === undefined && size !== undefined) throw needsData("--keep-size");
  return {
    host: listenHost(args.host),
    port,
    webPort: args.web ? webPort : undefined,
    publicUrl: publicUrlOf(args["public-url"]),
    proxies,
    proxyProtocol,
    metricsPort: optionalPort("--metrics-port", args["metrics-port"]),
    files: args.files,
    sharing: sharingOf(args.quota, args["keep-shared"]),
    data,
    clusterAddress: clusterAddressOf(args["cluster-address"], args.data),
    retention,
    stateIsGiven: args.state !== undefined,
    state: stateOf(args.state, data),
    passwordFile: args["password-file"],
    motdFile: args.motd,
    membersOnly: args["members-only"] === true,
    plain: args.plain === true,
    certificateFiles: certificateOf(args.cert, args.key),
    synchronous,
    relay: relayRateOf(args.relay),
    rate: numberOf("--rate", args.rate),
    maxPerAddress: numberOf("--max-per-address", args["max-per-address"]),
    extra: dialectPorts(args.listen, classic, port),
    ircName: ircNameOf(args["irc-name"]),
    classic: classic && port === defaultPort,
    json: args.json === true,
    logLevel: levelOf(args["log-level"]),
  };
}

function needsData(flag: string): ParleyError {
  return usage(`${flag} needs --data: without it nothing is kept on disk`);
}

function clusterAddressOf(given: string | undefined, data: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (data === undefined || !isDatabaseUrl(data)) {
    throw usage("--cluster-address is for servers of one database: add --data postgres://…");
  }
  const address = parseHostPort(given);
  if (address === undefined || isEveryAddress(address.host)) {
    throw usage(`--cluster-address ${quoted(given)} is not HOST:PORT of this server`);
  }
  return hostPortText(address);
}

function stateOf(given: string | undefined, data: string | undefined): string {
  if (given === "") throw usage("--state '' is not a folder: name one, which need not exist");
  const folder = given ?? besideData(data) ?? stateFolder(surroundings());
  if (folder !== undefined) return folder;
  throw usage("There is no home folder to keep the server's key in: choose a folder with --state");
}

/** The state folder of a data file; undefined: the data is not in a file. */
export function besideData(data: string | undefined): string | undefined {
  return data === undefined || isDatabaseUrl(data) ? undefined : `${data}-state`;
}

function certificateOf(
  cert: string | undefined,
  key: string | undefined,
): ServerSettings["certificateFiles"] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return { cert, key };
  throw usage("--cert and --key go together: give both, or neither");
}

function ircNameOf(name: string | undefined): string | undefined {
  if (name === undefined || /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/.test(name)) return name;
  throw usage(`--irc-name ${quoted(name)} is not a name: use letters, digits, '-' and '.'`);
}

function levelOf(text: string | undefined): LogLevel | undefined {
  if (text === undefined || isLogLevel(text)) return text;
  throw usage(`--log-level ${quoted(text)} is not a level: use one of ${logLevels.join(", ")}`);
}

function optionalPort(flag: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : portOf(flag, text);
}

function syncOf(word: string): "normal" | "full" {
  if (word === "normal" || word === "full") return word;
  throw usage(`--sync ${quoted(word)} is neither normal nor full`);
}

function numberOf(flag: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usage(`${flag} ${quoted(text)} is not a whole number from 0 to 999999999`);
}

function relayRateOf(text: string): number {
  const bare = text.replace(/\/s$/, "");
  const bytesPerSecond = bare === "0" ? 0 : parseRate(bare);
  if (bytesPerSecond !== undefined) return bytesPerSecond;
  throw usage(
    `--relay ${quoted(text)} is not a rate: use bytes per second, such as 500k/s or 20M/s, or 0 for none`,
  );
}

function usage(sentence: string): ParleyError {
  return new ParleyError("usage", sentence);
}
