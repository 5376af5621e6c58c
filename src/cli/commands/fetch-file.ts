// `parley fetch-file`: files from a server, by UDP, verified and resumable. Reads flags, runs a client, shows what it tells.

import { defineCommand } from "citty";
import { quoted } from "../../text.ts";
import { ParleyError, unwritable } from "../../errors.ts";
import type { FetchTarget } from "../../files/fetch-events.ts";
import { DownloadClient } from "../../files/download-client.ts";
import { type Address, parseHostPort } from "../../io/host-port.ts";
import { FetchReport } from "../../terminal/fetch-report.ts";
import {
  checkName,
  fetchTargets,
  isFileName,
  makeDefaultFolder,
  removeEmptyDefaultFolder,
  standardOutput,
} from "../../terminal/fetch-targets.ts";
import { addressOf, defaultAddress } from "../address.ts";
import { endedBy, type EndSignal, onSignals } from "../end-signals.ts";
import { stderr, stdout } from "../../terminal/output.ts";
import { parseRate } from "../../terminal/units.ts";

export default defineCommand({
  meta: { name: "fetch-file", description: "Fetch files from a server, or list them" },
  args: {
    name: {
      type: "positional",
      required: false,
      valueHint: "NAME…",
      description: "Files to fetch; before them, HOST:PORT of the server",
    },
    server: {
      type: "string",
      valueHint: "ADDRESS",
      description: "HOST:PORT or HOST of the server; a first word that ends in :PORT is one too",
    },
    output: {
      type: "string",
      alias: "o",
      valueHint: "PATH|-",
      description: "Save as PATH, or write to stdout (default: into ./Downloads)",
    },
    list: { type: "boolean", description: "List the server's files" },
    resume: {
      type: "boolean",
      default: true,
      description: "Go on with a partial file",
      negativeDescription: "Start again instead of going on with a partial file",
    },
    force: { type: "boolean", description: "Replace a file that differs" },
    "limit-rate": {
      type: "string",
      valueHint: "2M",
      description: "Bytes a second at most: k, M, G are powers of 1000",
    },
    json: { type: "boolean", description: "One JSON object a line: offer, progress, done, …" },
    quiet: { type: "boolean", alias: "q", description: "Say nothing but errors" },
  },
  async run({ args }) {
    const { server, names } = readWords(args._, args.server);
    const limit = args["limit-rate"];
    const limitBytesPerSecond = limit === undefined ? undefined : parseRate(limit);
    if (limit !== undefined && limitBytesPerSecond === undefined) {
      throw new ParleyError(
        "usage",
        `--limit-rate ${quoted(limit)} is no rate: write bytes a second from 1 on, such as 500k or 2M`,
      );
    }
    if (names.length === 0 && args.list !== true) {
      throw new ParleyError(
        "usage",
        "Which file? Name one or more, or use --list to see what there is; " +
          "a first word that ends in :PORT is the server, unless it stands behind `--`",
      );
    }
    if (args.list === true && args.output === standardOutput) {
      throw new ParleyError("usage", "--list and `-o -` both write to stdout: use one of them");
    }
    const report = new FetchReport({
      json: args.json === true,
      quiet: args.quiet === true,
      dataOnStdout: args.output === standardOutput,
    });
    const client = new DownloadClient({
      server,
      resume: args.resume,
      force: args.force === true,
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      onEvent: (event) => report.tell(event),
    });
    const interrupted = Promise.withResolvers<never>();
    interrupted.promise.catch(() => {});
    const interrupt = (signal: EndSignal) => {
      const reason = endedBy(signal, "what has come is kept, fetch again to go on");
      client.stop(reason);
      interrupted.reject(reason);
    };
    const stopListening = onSignals(["SIGINT", "SIGTERM"], interrupt);
    let madeFolder = false;
    try {
      if (args.list === true) await list(client, report);
      const targets = fetchTargets(names.filter(isFileName), args.output, stdout);
      const isDefault = targets.length > 0 && args.output === undefined;
      madeFolder = isDefault && makeDefaultFolder();
      const byName = new Map(targets.map(({ name, target }) => [name, target]));
      await fetchAll(client, new Set(names), byName, report);
      // a listing, or events, are data: whoever reads them may take as long as they like
      await Promise.race([stdout.emptied(), interrupted.promise]);
      if (stdout.failure !== undefined) throw unwritable(stdout.failure);
    } finally {
      stopListening();
      report.end();
      client.close();
      if (madeFolder) removeEmptyDefaultFolder();
      await stderr.flush();
    }
  },
});

async function list(client: DownloadClient, report: FetchReport): Promise<void> {
  let count = 0;
  for await (const file of client.list()) {
    await report.list(file);
    count++;
    if (stdout.closed) return;
  }
  if (count === 0) report.emptyList();
}

/** What is wrong with one file, and need not be with the next. */
const ownFailures: ReadonlySet<string> = new Set(["not-found", "differs", "locked", "changed"]);

/** One after the other; a file that can't be had keeps none of the others back. @throws ParleyError the first such failure's code */
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
      else await client.fetch(name, target);
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
    `Not fetched, of ${names.size} files: ${failedNames.join(", ")}`,
  );
}

/** `[HOST:PORT] NAME…`: the first word is an address only if it ends in `:PORT`, and neither `--server` nor `--` says otherwise. */
function readWords(
  words: readonly string[],
  given: string | undefined,
): { server: Address; names: readonly string[] } {
  // as it was typed: what reaches a command has its flags in front of a `--` of main's own
  const separator = process.argv.indexOf("--");
  const allNames = separator >= 0 && words.length === process.argv.length - separator - 1;
  const [first] = words;
  // the environment's comes to us as the flag does, but what was typed beats it
  const isTyped = given !== undefined && given !== process.env["PARLEY_FETCH_FILE_SERVER"];
  const typed = allNames || isTyped || first === undefined ? undefined : parseHostPort(first);
  if (typed !== undefined) return { server: typed, names: words.slice(1) };
  if (given !== undefined) {
    return { server: addressOf("--server", given), names: words };
  }
  return { server: defaultAddress, names: words };
}
