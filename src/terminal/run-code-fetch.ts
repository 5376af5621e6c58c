// Assembles `parley fetch-file --code`: finds who gives the files away, gets in, and saves them all.
// Knows no flags.

import { CodeEntry } from "../codes/code-guest.ts";
import { find, type Place } from "../codes/lan.ts";
import { ParleyError } from "../errors.ts";
import { DownloadClient, type DownloadClientOptions } from "../files/download-client.ts";
import { makeFolder } from "../files/fetch-targets.ts";
import { ServerSource } from "../files/server-source.ts";
import { pathFor } from "../handover/save-as.ts";
import { endedBy, type EndSignal, onSignals } from "../io/end-signals.ts";
import { hostPortText } from "../io/host-port.ts";
import { codes as limits } from "../limits.ts";
import { ServerTrust } from "../tls/server-trust.ts";
import { type Code, codeText } from "../trust/code.ts";
import { say } from "./diagnostics.ts";
import type { FetchReport } from "./fetch-report.ts";
import { stderr, stdout } from "./output.ts";

export type CodeFetchOptions = Omit<DownloadClientOptions, "server" | "source" | "onEvent"> & {
  readonly code: Code;
  /** Undefined: it is looked for on the local network. */
  readonly place: Place | undefined;
  /** Where the files are saved. */
  readonly folder: string;
  readonly quiet: boolean;
  readonly report: FetchReport;
};

/** @throws ParleyError `not-found`, `integrity`, and as `DownloadClient.save` does */
export async function runCodeFetch(options: CodeFetchOptions): Promise<void> {
  const { report, place } = options;
  let running: DownloadClient | undefined;
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  const stopListening = onSignals(["SIGINT", "SIGTERM"], (signal: EndSignal) => {
    const reason = endedBy(signal, "what has arrived is kept");
    running?.stop(reason);
    interruption.reject(reason);
  });
  try {
    const { client, entry, tell } = await open(options, place, interruption.promise);
    running = client;
    try {
      await saveAll(client, entry, options);
      await tell();
    } finally {
      client.close();
    }
  } finally {
    stopListening();
    report.end();
    await stdout.emptied();
    await stderr.flush();
  }
}

type Opened = { client: DownloadClient; entry: CodeEntry; tell: () => Promise<void> };

/** Gets in at the given place, or at the first one on the network that knows the code. */
async function open(
  options: CodeFetchOptions,
  place: Place | undefined,
  interrupted: Promise<never>,
): Promise<Opened> {
  if (place !== undefined) return await enter(options, place);
  const { code, quiet } = options;
  if (!quiet) say(`Looking in this network for ${codeText({ ...code, words: "…" })}`);
  const ending = AbortSignal.timeout(limits.findMs);
  let failure: unknown;
  const places = find(code.number, ending);
  for (;;) {
    const next = await Promise.race([places.next(), interrupted]);
    if (next.done === true) break;
    try {
      return await enter(options, next.value);
    } catch (error) {
      // Anybody can announce any number; the next one may be who is meant.
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  throw new ParleyError(
    "not-found",
    `Nobody in this network gives files away by ${codeText(code)}: is it still waiting there? From another network, put HOST:PORT before --code`,
  );
}

async function enter(options: CodeFetchOptions, place: Place): Promise<Opened> {
  const { code, report } = options;
  const entry = new CodeEntry(code);
  const server = hostPortText(place);
  // Any key: the code is what proves who is there, and it is bound to the key.
  const trust = new ServerTrust({ server, pin: undefined, file: undefined, say() {} });
  const source = new ServerSource({ ...place, trust }, options.offload, (control) =>
    entry.enter(control),
  );
  const client = new DownloadClient({
    ...options,
    source,
    onEvent: (event) => report.handleEvent(event),
  });
  try {
    await client.enter();
  } catch (error) {
    client.close();
    throw error;
  }
  const tell = async (): Promise<void> => {
    const control = await source.connect();
    control.send({ type: "code-done" });
    // The other end has heard it when it answers.
    await control.ping().catch(() => {});
  };
  return { client, entry, tell };
}

/** The list is checked whole before anything is saved. */
async function saveAll(
  client: DownloadClient,
  entry: CodeEntry,
  { folder, report }: CodeFetchOptions,
): Promise<void> {
  const removeFolder = makeFolder(folder, "another -o");
  try {
    const targets = entry.files.map((file) => ({
      file,
      path: pathFor(folder, file, "The sender"),
    }));
    for (const { file, path } of targets) {
      const kind = file.name.endsWith("/") ? "folder" : "file";
      try {
        await client.save(file.name, { kind, path });
      } catch (error) {
        if (error instanceof ParleyError) report.failed(file.name, error, true);
        throw error;
      }
    }
  } catch (error) {
    removeFolder();
    throw error;
  }
}
