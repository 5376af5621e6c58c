// `parley fetch-file`: fetches files from a server over UDP, verified and resumable. Reads its
// flags, runs the downloads and reports progress.

import { type ArgsDef, defineCommand, type ParsedArgs } from "citty";
import { quoted } from "../../text.ts";
import { ParleyError, unwritable } from "../../errors.ts";
import type { FetchTarget } from "../../files/fetch-events.ts";
import { ownFailures } from "../../files/file-reason.ts";
import type { DownloadClient, DownloadClientOptions } from "../../files/download-client.ts";
import { ServerSource } from "../../files/server-source.ts";
import { FetchReport } from "../../terminal/files/fetch-report.ts";
import {
  checkName,
  fetchTargets,
  isFileName,
  makeDefaultFolder,
  namesFolder,
  standardOutput,
} from "../../files/fetch-targets.ts";
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
import { existingIdentityOf, passwordOf } from "../identity-flag.ts";
import { rateFlag, rateOf } from "../rate-flag.ts";
import { isKnownServer, trusted } from "../trust-flags.ts";
import { visitorFlag, visitorOf } from "../visitor-flag.ts";
import { endedBy, type EndSignal, onSignals } from "../../io/end-signals.ts";
import { canAsk } from "../../terminal/editor/ask-secret.ts";
import type { ServerAddress } from "../../io/host-port.ts";
import { streamOutputOf } from "../stream-output.ts";
import { stderr, stdout } from "../../terminal/output/output.ts";
import type { Writer } from "../../terminal/output/writer.ts";
import { withNamePassword, withPassword } from "../../terminal/editor/with-password.ts";

const flags = {
  names: {
    type: "positional",
    required: false,
    valueHint: "NAME…",
    description:
      "Files to fetch, or folders with a / at the end; the first may be HOST:PORT or HOST:PORT#PIN of the server",
  },
  server: {
    type: "string",
    valueHint: "ADDRESS",
    description:
      "HOST:PORT or HOST of the server, with #PIN to check its key (default 127.0.0.1:55000)",
  },
  output: {
    type: "string",
    alias: "o",
    valueHint: "PATH|-",
    description: "Save as PATH, or write to stdout (default: into ./Downloads)",
  },
  code: {
    type: "string",
    valueHint: "CODE",
    description: "Fetch what somebody sends with this code (parley send-file)",
  },
  list: {
    type: "boolean",
    description: "List the server's files and folders, or with FOLDER/ everything in it",
  },
  resume: {
    type: "boolean",
    default: true,
    description: "Resume a partial file",
    negativeDescription: "Start over instead of resuming a partial file",
  },
  force: { type: "boolean", description: "Replace a file that differs" },
  checksum: {
    type: "boolean",
    description: "Compare an existing file by content, not by size and time",
  },
  sha256: {
    type: "boolean",
    description: "Compare the SHA-256 of each file at both ends, and show it",
  },
  "limit-rate": rateFlag,
  direct: {
    ...directFlag,
    description: "With a code: fetch directly from the sender where possible",
    negativeDescription:
      "With a code: fetch through the server only, so that the sender doesn't learn your address",
  },
  name: visitorFlag,
  ...loginFlags,
  json: {
    type: "boolean",
    description: "Print one JSON object per line: offer, progress, done, …",
  },
  quiet: { type: "boolean", alias: "q", description: "Print nothing but errors" },
} as const satisfies ArgsDef;

export default defineCommand({
  meta: {
    name: "fetch-file",
    description: "Fetch files and folders from a server or with a code, or list them",
  },
  args: flags,
  async run({ args }) {
    const { server = defaultAddress, names, hostOrName } = readWords(args._, args.server);
    const limitBytesPerSecond = rateOf(args["limit-rate"]);
    if (args.code !== undefined) return await fetchByCode(args, limitBytesPerSecond);
    if (args.list === true) checkListing(names, args.output, hostOrName);
    else checkNames(names);
    const quiet = args.quiet === true;
    const report = new FetchReport({
      json: args.json === true,
      quiet,
      dataOnStdout: args.output === standardOutput,
    });
    const stream = args.list === true ? undefined : streamOutputOf(args.output);
    const password = passwordOf(args["password-file"]);
    const access = accessOf(password, args.pass);
    const to = {
      ...trusted(server, { plain: args.plain, quiet, access }),
      identity: existingIdentityOf(args.identity, args.pass),
      visitor: visitorOf(args.name, password),
    };
    const client = await openClient(to, {
      resume: args.resume,
      force: args.force === true,
      checksum: args.checksum === true,
      sha256: args.sha256 === true,
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      onEvent: (event) => report.handleEvent(event),
    });
    const interrupted = Promise.withResolvers<never>();
    interrupted.promise.catch(() => {});
    const interrupt = (signal: EndSignal) => {
      const reason = endedBy(signal, "what has arrived is kept, fetch again to resume");
      client.stop(reason);
      interrupted.reject(reason);
    };
    let removeFolder: (() => void) | undefined;
    const stopListening = onSignals(interrupt);
    try {
      if (args.list === true) await list(client, names, report, interrupted.promise);
      else {
        const wanted = names.filter(isFileName);
        const targets = fetchTargets(wanted, args.output, stream);
        if (targets.length > 0 && args.output === undefined) removeFolder = makeDefaultFolder();
        const byName = new Map(targets.map(({ name, target }) => [name, target]));
        await fetchAll(client, new Set(names), byName, report);
      }
      await Promise.race([allWritten(stream), interrupted.promise]);
    } catch (error) {
      throw explained(error, names, hostOrName);
    } finally {
      stopListening();
      report.end();
      client.close();
      removeFolder?.();
      await stderr.flush();
    }
  },
});

/**
 * Waits for slow readers, also of stdout: listings and events are data.
 * @throws ParleyError `storage`
 */
async function allWritten(stream: Writer | undefined): Promise<void> {
  for (const output of [stream, stdout]) {
    await output?.emptied();
    if (output?.failure !== undefined) throw unwritable(output.failure);
  }
}

/** @throws ParleyError as `DownloadClient.enter` does */
function openClient(
  to: ServerAddress,
  options: Omit<DownloadClientOptions, "server">,
): Promise<DownloadClient> {
  const given = { to, password: to.visitor?.password };
  return withPassword(given, async ({ to: shown, password }) => {
    const server = withNamePassword(shown, password);
    const source = new ServerSource(server);
    // While the rest of the program is loaded.
    source.prepare();
    const { DownloadClient } = await import("../../files/download-client.ts");
    const client = new DownloadClient({ ...options, source });
    // Find out whether the server requires a password before anything is reported.
    if (canAsk()) await client.enter();
    return client;
  });
}

function explained(error: unknown, names: readonly string[], hostOrName?: string): unknown {
  const isConnected = !(error instanceof ParleyError) || error.code !== "cannot-connect";
  return isConnected || names.length === 1 ? error : withPortHint(error, hostOrName);
}

/** @throws ParleyError `usage` */
function checkNames(names: readonly string[]): void {
  if (names.length > 0) return;
  throw new ParleyError(
    "usage",
    "Which file? Name one or more, or list them with --list. " +
      "A first argument that ends in :PORT is the server, unless it follows `--`",
  );
}

/** @throws ParleyError `usage` */
function checkListing(
  names: readonly string[],
  output: string | undefined,
  hostOrName: string | undefined,
): void {
  if (output === standardOutput) {
    throw new ParleyError("usage", "--list and `-o -` both write to stdout: use one of them");
  }
  const other = names.find((name) => !name.endsWith("/"));
  if (other === undefined) return;
  const sentence = `--list lists folders, whose names end in /: ${quoted(other, 200)} does not. To fetch it, leave --list out`;
  throw withPortHint(
    new ParleyError("usage", sentence),
    other === names[0] ? hostOrName : undefined,
  );
}

/** Lists everything in these folders, or the top level. `interrupted` ends waiting for a reader. */
async function list(
  client: DownloadClient,
  folders: readonly string[],
  report: FetchReport,
  interrupted: Promise<never>,
): Promise<void> {
  for (const name of folders) {
    checkName(name);
    for await (const file of client.listFolder(name)) {
      await Promise.race([report.list(file), interrupted]);
      if (stdout.closed) return;
    }
  }
  if (folders.length > 0) return;
  let isEmpty = true;
  for await (const file of client.list()) {
    isEmpty = false;
    await Promise.race([report.list(file), interrupted]);
    if (stdout.closed) return;
  }
  if (isEmpty) report.emptyList();
}

/**
 * Fetches files one after another, continuing after failures. @throws ParleyError with the first
 * failure's code
 */
async function fetchAll(
  client: DownloadClient,
  names: ReadonlySet<string>,
  targets: ReadonlyMap<string, FetchTarget>,
  report: FetchReport,
): Promise<void> {
  const failed: ParleyError[] = [];
  const failedNames: string[] = [];
  for (const name of names) {
    try {
      const target = targets.get(name);
      if (target === undefined) checkName(name);
      else await client.save(name, target);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      const isLast = names.size === 1 || !ownFailures.has(error.code);
      report.failed(name, error, isLast);
      if (isLast) throw error;
      failed.push(error);
      failedNames.push(quoted(name, 200));
    }
  }
  const [first] = failed;
  if (first === undefined) return;
  throw new ParleyError(
    first.code,
    `${failed.length} of ${names.size} files not fetched: ${failedNames.join(", ")}`,
  );
}

/**
 * `[ADDRESS] NAME…`: the first word is the server if it ends in `:PORT` or `:PORT#PIN`, unless
 * `--server` or `--` rules that out. `hostOrName`: a first word that might have been meant as one.
 */
function readWords(
  words: readonly string[],
  given: string | undefined,
): {
  server: WrittenAddress | undefined;
  names: readonly string[];
  hostOrName?: string | undefined;
} {
  // Look at the command line itself, since citty's arguments always contain `--`.
  const separator = process.argv.indexOf("--");
  const allNames = separator >= 0 && words.length === process.argv.length - separator - 1;
  const [first] = words;
  const isName = allNames || isServerTyped("fetch-file", given);
  const typed = isName || first === undefined ? undefined : fullAddress(first);
  if (typed !== undefined) return { server: typed, names: words.slice(1) };
  const server = given === undefined ? undefined : addressOf("--server", given);
  return { server, names: words, ...(!isName && { hostOrName: first }) };
}

/**
 * The other end must prove that it knows the code, so any key will do, unless credentials are to be
 * sent to a server or its key is known.
 */
async function placeOf(
  args: ParsedArgs<typeof flags>,
  written: WrittenAddress,
): Promise<ServerAddress> {
  const { plain, pass, name } = args;
  const password = passwordOf(args["password-file"]);
  const access = accessOf(password, pass);
  const visitor = visitorOf(name, password);
  const isShown = [plain, pass, name, args["password-file"], args.identity, written.pin].some(
    (flag) => flag !== undefined,
  );
  if (!isShown && !isKnownServer(written)) {
    const { anyKey } = await import("../../terminal/files/run-code-fetch.ts");
    return anyKey(written);
  }
  const identity = existingIdentityOf(args.identity, args.pass);
  return { ...trusted(written, { plain, quiet: args.quiet === true, access }), identity, visitor };
}

/** @throws ParleyError */
async function fetchByCode(
  args: ParsedArgs<typeof flags>,
  limitBytesPerSecond: number | undefined,
): Promise<void> {
  const { codeOf } = await import("../../tls/code-words.ts");
  const code = codeOf(args.code ?? "");
  const { server, names } = readWords(args._, args.server);
  if (names.length > 0 || args.list === true || args.output === standardOutput) {
    throw new ParleyError(
      "usage",
      "With --code, everything that the code stands for is fetched: leave out names, --list and `-o -`",
    );
  }
  const quiet = args.quiet === true;
  const { runCodeFetch } = await import("../../terminal/files/run-code-fetch.ts");
  await runCodeFetch({
    code,
    place: server && (await placeOf(args, server)),
    fallback: trusted(defaultAddress, { quiet }),
    output: args.output ?? "./Downloads",
    isFolder: args.output === undefined || namesFolder(args.output),
    direct: args.direct,
    quiet,
    report: new FetchReport({ json: args.json === true, quiet, dataOnStdout: false }),
    resume: args.resume,
    force: args.force === true,
    checksum: args.checksum === true,
    sha256: args.sha256 === true,
    ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
  });
}
