// `parley send-file`: reads its flags and offers files to a person, to everyone on a server, or to
// anyone who knows a code.

import { existsSync } from "node:fs";
import { type ArgsDef, defineCommand, type ParsedArgs } from "citty";
import { lobby, roomProblem } from "../../chat/names/grammar.ts";
import { personNameProblem } from "../../dialects/reserved-names.ts";
import { ParleyError } from "../../errors.ts";
import { endedBy, onSignals } from "../../io/end-signals.ts";
import { withStdin } from "../../terminal/stdin-file.ts";
import {
  addressOf,
  defaultAddress,
  fullAddress,
  isServerTyped,
  withPortHint,
  type WrittenAddress,
} from "../address.ts";
import { accessOf, loginFlags } from "../access-flags.ts";
import { directFlag } from "../direct-flag.ts";
import { existingIdentityOf, identityOf, passwordOf } from "../identity-flag.ts";
import { IgnoredFile } from "../../terminal/ignored-file.ts";
import { rateFlag, rateOf } from "../rate-flag.ts";
import { trusted } from "../trust-flags.ts";
import { visitorOf } from "../visitor-flag.ts";

const flags = {
  path: {
    type: "positional",
    required: false,
    valueHint: "PATH…",
    description:
      "Files and folders, or - for stdin; the first may be HOST:PORT or HOST:PORT#PIN of the server",
  },
  to: { type: "string", valueHint: "NAME", description: "Who the files are for" },
  share: {
    type: "boolean",
    description: "Put them into the server's shared folder, for everybody",
  },
  room: {
    type: "string",
    valueHint: "ROOM",
    description: `With --share: the room to tell about it (default ${lobby})`,
  },
  code: {
    type: "boolean",
    description: "Send them to whoever has a code (the default)",
  },
  keep: { type: "boolean", description: "With a code: serve several people, each with a new code" },
  as: {
    type: "string",
    valueHint: "NAME",
    description: "With -: the name of what comes from stdin (default stdin)",
  },
  server: {
    type: "string",
    valueHint: "ADDRESS",
    description:
      "HOST:PORT or HOST of the server, with #PIN to check its key (default 127.0.0.1:55000)",
  },
  name: {
    type: "string",
    alias: "n",
    valueHint: "NAME",
    description: "Your name (default: your user name)",
  },
  "limit-rate": rateFlag,
  direct: directFlag,
  ...loginFlags,
  json: {
    type: "boolean",
    description: "Print one JSON object per line: offered, accepted, progress, sent, shared, …",
  },
  quiet: { type: "boolean", alias: "q", description: "Print nothing but errors" },
} as const satisfies ArgsDef;

export default defineCommand({
  meta: {
    name: "send-file",
    description: "Send files and folders to a person, to a server, or with a code",
  },
  args: flags,
  async run({ args }) {
    const { server, paths, unlikelyPath } = readWords(args._, args.server);
    if (paths.length === 0) {
      throw new ParleyError("usage", "Which file? Name one or more files or folders");
    }
    check(args);
    const preparing = new Preparation();
    const spooled = await withStdin(paths, args.as, preparing.interrupted);
    try {
      const send = args.to === undefined && args.share !== true ? sendByCode : sendTo;
      const sent = send(args, server, spooled.paths, () => preparing.end());
      await Promise.race([sent, preparing.interrupted]);
    } catch (error) {
      throw withPortHint(error, unlikelyPath);
    } finally {
      spooled.remove();
    }
  },
});

/** Signals end the command before anything is sent; what comes from stdin must not stay behind. */
class Preparation {
  readonly interrupted: Promise<never>;
  /** Whoever sends listens for signals from now on. */
  readonly end: () => void;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.interrupted = promise;
    this.end = onSignals((signal) => reject(endedBy(signal, "nothing was sent")));
  }
}

type Args = ParsedArgs<typeof flags>;

/** @throws ParleyError `usage`, before anything is read */
function check(args: Args): void {
  const { to: recipient, code = false, keep = false, share = false } = args;
  if (share && recipient !== undefined) {
    throw new ParleyError("usage", "--share is for everybody: leave out --to, or --share");
  }
  if (args.room !== undefined && !share) {
    throw new ParleyError("usage", "--room is told about what --share shares: add --share");
  }
  rateOf(args["limit-rate"]);
  if (recipient === undefined && !share) return;
  if (code || keep) {
    const sentence = "--to and --share say who is to get it: leave out --code and --keep";
    throw new ParleyError("usage", sentence);
  }
  const problemOfRoom = roomProblem(args.room ?? lobby);
  if (problemOfRoom !== undefined) throw new ParleyError("room-invalid", problemOfRoom);
  for (const name of [recipient, args.name].filter((name) => name !== undefined)) {
    const problem = personNameProblem(name);
    if (problem !== undefined) throw new ParleyError("name-invalid", problem);
  }
}

/** To a person, or with `--share` to everybody. */
async function sendTo(
  args: Args,
  server: WrittenAddress | undefined,
  paths: readonly string[],
  onListening: () => void,
): Promise<void> {
  const password = passwordOf(args["password-file"]);
  const quiet = args.quiet === true;
  const limitBytesPerSecond = rateOf(args["limit-rate"]);
  const { runSend } = await import("../../terminal/files/run-send.ts");
  await runSend({
    to: trusted(server ?? defaultAddress, {
      plain: args.plain,
      quiet,
      access: accessOf(password, args.pass),
    }),
    name: args.name,
    room: args.share === true ? (args.room ?? lobby) : undefined,
    downloads: "",
    follow: false,
    json: args.json ?? false,
    identity: identityOf(args.identity),
    password,
    ignored: new IgnoredFile(undefined),
    recipient: args.to,
    paths,
    onListening,
    quiet,
    limitBytesPerSecond,
    direct: args.direct,
  });
}

/**
 * The first word is the server if it ends in `:PORT` or `:PORT#PIN` and no such file exists.
 * `unlikelyPath`: a first word that is taken for a file, and is none.
 */
function readWords(
  words: readonly string[],
  given: string | undefined,
): {
  server: WrittenAddress | undefined;
  paths: readonly string[];
  unlikelyPath?: string | undefined;
} {
  if (given !== undefined && isServerTyped("send-file", given)) {
    return { server: addressOf("--server", given), paths: words };
  }
  const [first] = words;
  const unlikelyPath = first === undefined || existsSync(first) ? undefined : first;
  const typed = unlikelyPath === undefined ? undefined : fullAddress(unlikelyPath);
  if (typed !== undefined) return { server: typed, paths: words.slice(1) };
  const server = given === undefined ? undefined : addressOf("--server", given);
  return { server, paths: words, ...(words.length > 1 && { unlikelyPath }) };
}

/**
 * Uses the given server; otherwise serves from this machine, and through a server on it as well.
 */
async function sendByCode(
  args: Args,
  server: WrittenAddress | undefined,
  paths: readonly string[],
  onListening: () => void,
): Promise<void> {
  const { keep = false, json = false, quiet = false, plain, pass } = args;
  const limitBytesPerSecond = rateOf(args["limit-rate"]);
  if (server === undefined && limitBytesPerSecond !== undefined) {
    throw new ParleyError("usage", withoutRate);
  }
  const password = passwordOf(args["password-file"]);
  const access = accessOf(password, pass);
  const to = trusted(server ?? defaultAddress, { plain, quiet, access });
  const identity = existingIdentityOf(args.identity, args.pass);
  const visitor = visitorOf(args.name, password);
  const { runCodeSend } = await import("../../terminal/files/run-code-send.ts");
  await runCodeSend({
    paths,
    onListening,
    keep,
    json,
    quiet,
    limitBytesPerSecond,
    direct: args.direct,
    server: { ...to, identity, visitor },
    isServerOptional: server === undefined,
  });
}

const withoutRate =
  "Without a server only the recipient can limit the rate: give --limit-rate to fetch-file";
