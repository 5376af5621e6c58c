// `parley peer`: the CPP client, on a terminal or in a pipe. Reads the flags, assembles peer,
// sockets and terminal, and runs them.

import { dirname, join } from "node:path";
import { type ArgsDef, defineCommand, type ParsedArgs } from "citty";
import { quoted } from "../../text.ts";
import { accessOf, passFlag } from "../access-flags.ts";
import { addressOf } from "../address.ts";
import { portOf } from "../flags.ts";
import { defaultDownloads, downloadsFolder } from "../folder-flag.ts";
import { parseId } from "../../cpp/codec.ts";
import { exitCode, ParleyError, unwritable } from "../../errors.ts";
import { names } from "../../limits.ts";
import { isLoopback } from "../../addresses.ts";
import {
  type Address,
  callableHost,
  hostPortText,
  outwardHost,
  type ServerAddress,
} from "../../io/host-port.ts";
import { isParleyAt } from "../../io/registry-probe.ts";
import { withAskedPassword } from "../../terminal/admitted.ts";
import { ServerCalls } from "../../calls/server-calls.ts";
import { PeerDriver, type Shown } from "../../io/peer-driver.ts";
import { Peer } from "../../cpp/peer.ts";
import type { PeerStyle } from "../../cpp/peer-stream.ts";
import type { ExitReason, Interruption } from "../../cpp/peer-output.ts";
import { isTerminal } from "../../terminal/output/is-terminal.ts";
import { jsonLine } from "../../terminal/output/json-line.ts";
import { stdout } from "../../terminal/output/output.ts";
import { redirect, say, warn } from "../../terminal/output/diagnostics.ts";
import { peerCommands, peerStatus } from "../../terminal/peer/peer-lines.ts";
import { completePeerLine } from "../../terminal/peer/peer-completion.ts";
import { PeerFiles } from "../../terminal/peer/peer-files.ts";
import { canAsk } from "../../terminal/editor/ask-secret.ts";
import { PeerVerify } from "../../terminal/peer/peer-verify.ts";
import { PeerPrompt } from "../../terminal/peer/peer-prompt.ts";
import { isPlain } from "../../terminal/editor/plain-terminal.ts";
import { terminalSize } from "../../terminal/output/terminal-size.ts";
import { Tty } from "../../terminal/output/tty.ts";
import { typedLines } from "../../terminal/editor/typed-lines.ts";
import { type EndSignal, onSignals } from "../../io/end-signals.ts";
import { listenHost } from "../host-flag.ts";
import { createKeyPair } from "../../tls/certificate.ts";
import type { DeviceKey } from "../../tls/identity-key.ts";
import { KnownKeysFile } from "../../tls/known-keys-file.ts";
import { PeerTrust } from "../../tls/peer-trust.ts";
import { identityFlag, identityOf, passwordFlag, passwordOf } from "../identity-flag.ts";
import { plainFlag, trusted } from "../trust-flags.ts";
import { visitorOf } from "../visitor-flag.ts";

const flags = {
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
    description: "HOST:PORT or HOST of the server whose registry to use; #PIN checks its key",
  },
  host: {
    type: "string",
    default: "127.0.0.1",
    description: "Address to listen on, and to register",
  },
  duplex: {
    type: "boolean",
    description: "Chat without turns with parley (the default in protected calls)",
  },
  turns: { type: "boolean", description: "Take turns in protected calls, too" },
  downloads: {
    type: "string",
    default: defaultDownloads,
    valueHint: "DIR",
    description: "Where /get saves files",
  },
  direct: {
    type: "boolean",
    default: true,
    description: "Call, and send files, directly where possible",
    negativeDescription: "Call, and send files, through the server only",
  },
  name: {
    type: "string",
    valueHint: "NAME",
    description: "Your registered name at the server, proved by your key or its password",
  },
  identity: identityFlag,
  "password-file": passwordFlag,
  pass: passFlag,
  style: {
    type: "string",
    default: "message",
    valueHint: "STYLE",
    description: "Style of calls: message, or bare for programs that send bare text",
  },
  plain: plainFlag,
  json: { type: "boolean", description: "Print one JSON object per line instead of text" },
} as const satisfies ArgsDef;

export default defineCommand({
  meta: {
    name: "peer",
    description:
      "Chat from terminal to terminal, with peers found through a server's registry. " +
      "Commands: /register, /bridge [NAME], /chat, /id, /help, /quit; " +
      "with another parley /send PATH, /get, /decline, /verify",
  },
  args: flags,
  async run({ args }) {
    const id = parseId(args.id);
    if (id === undefined) {
      throw new ParleyError(
        "name-invalid",
        `--id ${quoted(args.id)} is not valid: use 1 to ${names.maxChars} letters and digits`,
      );
    }
    downloadsFolder(args.downloads);
    if (args.duplex === true && args.turns === true) {
      throw new ParleyError("usage", "--duplex and --turns exclude each other: leave out one");
    }
    const screen: Screen = { prompt: undefined };
    const talk = await assemble({ id, style: styleOf(args.style) }, args, screen);
    const onTerminal = isTerminal(0) && isTerminal(1) && args.json !== true;
    if (onTerminal) say(peerCommands);
    if (!onTerminal || isPlain(process.env)) return converse(talk);
    const tty = new Tty(() => screen.prompt);
    const prompt = newPrompt(talk, tty);
    screen.prompt = prompt;
    redirect((line) => prompt.print(line));
    tty.open();
    try {
      return await converse(talk, prompt);
    } finally {
      prompt.hide();
      redirect();
      tty.close();
    }
  },
});

/** The prompt, once it exists. */
type Screen = { prompt: PeerPrompt | undefined };

type Args = ParsedArgs<typeof flags>;
type Caller = { id: string; style: PeerStyle };

/**
 * Starts listening; calls are not answered yet. @throws ParleyError `usage`, `port-in-use`; as
 * `withAccess` does
 */
async function assemble({ id, style }: Caller, args: Args, screen: Screen): Promise<Talk> {
  const port = portOf("--port", args.port);
  const host = listenHost(args.host);
  const given = registryOf(args);
  const onIdle = (): void => {
    peer?.handleExtra(performance.now());
    driver.applyOutputs();
  };
  const isJson = args.json === true;
  const files = filesOf(args, screen, onIdle);
  const keys = peerKeys(args.identity, given);
  const registry = await withAccess({ ...given, identity: keys?.identity });
  const verify = keys && verifyOf(keys, id, isJson);
  let peer: Peer | undefined;
  const openFiles = (): void => openCallFiles({ files, keys, id, peer, driver });
  const driver: PeerDriver = new PeerDriver({
    registry,
    calls: new ServerCalls(registry, warn),
    secure: keys && {
      ...keys,
      id,
      duplex: args.turns !== true,
      isDirectAllowed: args.direct,
      key: await createKeyPair(Date.now()),
      say: warn,
      onOffer: (connection, message) => {
        openFiles();
        files.handleOffer(connection, message);
      },
      onDrained: () => files.handleDrained(),
      onBack: (connection) => files.handleBack(connection),
      onClosed: (connection) => files.close(connection),
    },
    onExtra(line) {
      if (/^\s*\/help(?:\s|$)/.test(line)) return say(peerCommands);
      const word = /^\s*\/(verify|verified)(?:\s|$)/.exec(line)?.[1];
      if (word !== undefined) {
        const link = driver.secured(peer?.chatConnection ?? 0);
        return verify?.handleTyped(word === "verify" ? word : "verified", link?.peer);
      }
      openFiles();
      files.handleTyped(line);
    },
    show: (shown) => show(shown, isJson, screen),
  });
  const listening = driver.listen(host, port);
  const place = { host, listening, registry, hasKey: keys !== undefined };
  warnOfPlace(place);
  peer = new Peer(
    { id, ip: callableHost(host), port: listening },
    {
      ...(isCalledThroughServer(place) ? { registeredIp: outwardHost(registry.host) } : {}),
      duplex: args.duplex ?? false,
      style,
      isBusy: () => files.isBusy,
      isKeyKnown: (other) => keys?.trust.isKnown(other) === true,
    },
  );
  return { driver, peer, files };
}

function filesOf({ downloads, json }: Args, screen: Screen, onIdle: () => void): PeerFiles {
  const progress = (text: string | undefined): void => screen.prompt?.showProgress(text);
  return new PeerFiles({ downloads, isJson: json === true, say, progress, onIdle });
}

/** @throws ParleyError `usage`; `failed` if the password can't be read */
function registryOf({ server, plain, pass, name, "password-file": file }: Args): ServerAddress {
  const password = passwordOf(file);
  const access = accessOf(password, pass);
  const visitor = visitorOf(name, password);
  return { ...trusted(addressOf("--server", server), { plain, access }), visitor };
}

/** Errors after which no request to the registry would succeed. All others are told by requests. */
const unanswered: ReadonlySet<string> = new Set([
  "password-required",
  "wrong-password",
  "name-registered",
  "interrupted",
  "usage",
]);

/** Asks for a password if the server wants one. @throws ParleyError if it is not given */
async function withAccess(registry: ServerAddress): Promise<ServerAddress> {
  try {
    // An original program has no passwords, and could take offence at our greeting.
    const mayAsk = canAsk() && (registry.trust !== undefined || (await isParleyAt(registry)));
    return mayAsk ? await withAskedPassword(registry) : registry;
  } catch (error) {
    if (error instanceof ParleyError && !unanswered.has(error.code)) return registry;
    throw error;
  }
}

function show({ line, event }: Shown, isJson: boolean, { prompt }: Screen) {
  if (isJson) stdout.data(jsonLine(event));
  else {
    if (line !== undefined && prompt) prompt.print(line);
    else if (line !== undefined) stdout.data(`${line}\n`);
    const status = peerStatus(event, line);
    if (status !== undefined) say(status);
  }
  return stdout.pressure ? stdout.relief() : undefined;
}

function styleOf(text: string): PeerStyle {
  if (text === "message" || text === "bare") return text;
  throw new ParleyError("usage", `--style ${quoted(text)} is unknown: use message or bare`);
}

type Talk = { driver: PeerDriver; peer: Peer; files: PeerFiles };

type Keys = { identity: DeviceKey; trust: PeerTrust };

/**
 * This device's key, and those of peers, which are kept apart from people's keys: an ID is not a
 * registered name. Undefined: there is nowhere to keep a key, and calls are in plain text.
 */
function peerKeys(file: string | undefined, registry: Address): Keys | undefined {
  const identity = identityOf(file);
  if (identity === undefined) return undefined;
  const path = join(dirname(identity.path), "known_keys");
  const people = new KnownKeysFile(path, `${hostPortText(registry)}/peers`);
  return { identity, trust: new PeerTrust(people, path) };
}

function verifyOf({ identity, trust }: Keys, id: string, isJson: boolean): PeerVerify {
  const confirm = (other: string, key: string) => trust.confirm(other, key);
  return new PeerVerify({ isJson, id, key: identity.key, confirm, say });
}

/** Enables file transfers in the current call, if it is protected. */
function openCallFiles(call: {
  files: PeerFiles;
  keys: Keys | undefined;
  id: string;
  peer: Peer | undefined;
  driver: PeerDriver;
}): void {
  const { files, keys, id: self, driver } = call;
  const connection = call.peer?.chatConnection;
  const link = connection === undefined ? undefined : driver.secured(connection);
  const hello = link?.peer;
  if (connection === undefined || !link || !hello || keys === undefined) return;
  const { identity, trust } = keys;
  const isVerified = trust.isVerified(hello.id);
  files.open(connection, link, { identity, self, peer: hello.id, key: hello.key, isVerified });
}

type Place = { host: string; listening: number; registry: ServerAddress; hasKey: boolean };

/**
 * Whether only the server passes on calls of other machines. A registration with a loopback address
 * would not be handed out to them.
 */
function isCalledThroughServer({ host, registry, hasKey }: Place): boolean {
  return isLoopback(host) && registry.trust !== undefined && !isLoopback(registry.host) && hasKey;
}

function warnOfPlace(place: Place): void {
  const { host, listening, registry, hasKey } = place;
  if (!isLoopback(host)) {
    const who = hasKey ? "calls of programs other than parley" : "calls";
    const at = hostPortText({ host, port: listening });
    warn(`Warning: anyone who can reach ${at} can call you; ${who} are not encrypted.`);
  }
  if (isCalledThroughServer(place)) {
    say("Others call you through the server; --host 0.0.0.0 lets them connect directly, too");
  } else if (isLoopback(host) && !isLoopback(registry.host)) {
    warn(`Warning: only this machine can call you at ${host}; others need another --host.`);
  }
}

function newPrompt({ driver, peer }: Talk, tty: Tty): PeerPrompt {
  const act = (what: () => void) => () => {
    what();
    driver.applyOutputs();
  };
  return new PeerPrompt({
    write: (text) => void stdout.data(text),
    soon: setImmediate,
    width: (text) => Bun.stringWidth(text),
    ...terminalSize(process.stdout.columns, process.stdout.rows),
    complete: completePeerLine,
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
  untrusted: exitCode.integrity,
  interrupted: exitCode.interrupted,
  terminated: exitCode.terminated,
  "hung-up": exitCode.hungUp,
};

const interruptions: Readonly<Record<EndSignal, Interruption>> = {
  SIGHUP: "hung-up",
  SIGINT: "interrupted",
  SIGTERM: "terminated",
};

/** Runs the peer and returns the exit code. Without a prompt, lines are read from stdin. */
async function converse(talk: Talk, prompt?: PeerPrompt): Promise<number> {
  const { driver, peer, files } = talk;
  const end = (why: Interruption): void => {
    peer.handleInterrupt(why, performance.now());
    driver.applyOutputs();
  };
  const stopListening = onSignals((signal) => end(interruptions[signal]));
  stdout.onClosed(() => end("interrupted"));
  if (!prompt) void readTyped(talk);
  const code = exitCodes[await driver.run(peer).finally(stopListening)];
  files.close();
  if (stdout.failure !== undefined) throw unwritable(stdout.failure);
  return stdout.closed ? exitCode.done : code;
}

async function readTyped({ driver, peer }: Talk): Promise<void> {
  try {
    for await (const line of typedLines()) {
      peer.handleTyped(line, performance.now());
      driver.applyOutputs();
      if (driver.congested) await driver.whenUncongested();
    }
  } catch {
    // An unreadable stdin (closed, or its terminal closed) counts as the end of input.
  }
  peer.handleInputEnd(performance.now());
  driver.applyOutputs();
}
