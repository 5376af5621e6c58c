// Assembles `parley fetch-file --code`: finds the sender, authenticates, and saves all files. Knows
// no flags.

import { basename, dirname } from "node:path";
import { CodeEntry } from "../../codes/code-guest.ts";
import { find } from "../../codes/lan.ts";
import { LinkedGuest } from "../../codes/linked-guest.ts";
import { ElsewhereError, ParleyError } from "../../errors.ts";
import { ControlClient } from "../../files/control-client.ts";
import { DownloadClient, type DownloadClientOptions } from "../../files/download-client.ts";
import type { FetchEvent } from "../../files/fetch-events.ts";
import { makeFolder } from "../../files/fetch-targets.ts";
import { ServerSource } from "../../files/server-source.ts";
import { pathName } from "../../handover/handover-events.ts";
import {
  checkReceivedName,
  reasonForSender,
  savingFailures,
  SavePlace,
} from "../../handover/save-as.ts";
import { endedBy, type EndSignal, onSignals } from "../../io/end-signals.ts";
import { hostPortText, parseHostPort, type ServerAddress, siblingOf } from "../../io/host-port.ts";
import { codes as limits, offers } from "../../limits.ts";
import type { FileInfo } from "../../protocol/messages.ts";
import { ServerTrust } from "../../tls/server-trust.ts";
import type { Path } from "../../transfer/paths/path-finder.ts";
import { type Code, codeText } from "../../trust/code.ts";
import { admittedAt } from "../admitted.ts";
import { say } from "../output/diagnostics.ts";
import type { FetchReport } from "./fetch-report.ts";
import { stderr, stdout } from "../output/output.ts";

export type CodeFetchOptions = Omit<DownloadClientOptions, "server" | "source" | "onEvent"> & {
  readonly code: Code;
  /** Undefined: search the local network. */
  readonly place: ServerAddress | undefined;
  /** The server to try if nobody is found there. */
  readonly fallback: ServerAddress;
  /** The folder for the files or, unless `isFolder`, the path of a single file. */
  readonly output: string;
  readonly isFolder: boolean;
  readonly quiet: boolean;
  /** False: through the server alone. */
  readonly direct: boolean;
  readonly report: FetchReport;
};

/** @throws ParleyError `not-found`, `integrity`, and as `DownloadClient.save` does */
export async function runCodeFetch(options: CodeFetchOptions): Promise<void> {
  const { report } = options;
  let entered: Entered | undefined;
  let isStopped = false;
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  const stopListening = onSignals((signal: EndSignal) => {
    isStopped = true;
    const reason = endedBy(signal, "what has arrived is kept");
    entered?.sayStopped();
    entered?.client.stop(reason);
    interruption.reject(reason);
  });
  try {
    entered = await open(options, interruption.promise);
    const { length: count } = entered.files;
    const target = targetOf(entered.files, options);
    let saved = 0;
    try {
      await saveAll(entered, target, report, () => saved++);
      await Promise.race([entered.tell(), interruption.promise]);
    } catch (error) {
      await tellFailure(entered, Math.max(1, count - saved), target, error);
      throw error;
    } finally {
      entered.close();
    }
  } finally {
    stopListening();
    report.end();
    // Whoever stops it does not wait for a reader that has stopped.
    if (!isStopped) await stdout.emptied();
    await stderr.flush();
  }
}

/** The sender, and the offered files. */
type Entered = {
  client: DownloadClient;
  files: readonly FileInfo[];
  /** One of the files is in place. */
  saved(file: FileInfo): void;
  /** Tells the sender that the user has stopped it. */
  sayStopped(): void;
  /** Resolves when the sender knows that everything is in place, or what is not. */
  tell(failure?: { failed: number; reason: string }): Promise<void>;
  close(): void;
};

/** Accepts any key: the code proves who the other end is, and is bound to its key. */
export function anyKey(place: { host: string; port: number }): ServerAddress {
  const server = hostPortText(place);
  return {
    ...place,
    trust: new ServerTrust({ server, pin: undefined, file: undefined, say() {} }),
  };
}

/** Authenticates at the given place, or at the first one on the network that knows the code. */
async function open(options: CodeFetchOptions, interrupted: Promise<never>): Promise<Entered> {
  const { code, quiet, place, fallback } = options;
  if (place !== undefined) return await Promise.race([enter(options, place), interrupted]);
  if (!quiet) say(`Searching this network for ${codeText({ ...code, words: "…" })}`);
  const ending = AbortSignal.timeout(limits.findMs);
  let failure: unknown;
  let unreachable: unknown;
  const places = find(code.number, ending);
  for (;;) {
    const next = await Promise.race([places.next(), interrupted]);
    if (next.done === true) break;
    try {
      return await Promise.race([enter(options, anyKey(next.value)), interrupted]);
    } catch (error) {
      // Anybody can announce any number; the next one may be the right one.
      const isReached = !(error instanceof ParleyError) || error.code !== "cannot-connect";
      if (isReached) failure ??= error;
      else unreachable ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  const control = await Promise.race([codesAt(fallback), interrupted]);
  if (control === undefined) throw unreachable ?? nobodyHere(code);
  if (!quiet) say(`Not found on this network: trying the server at ${hostPortText(fallback)}`);
  return await Promise.race([enterThrough(options, fallback, control), interrupted]);
}

/** A connection to a server that relays files by code; undefined if there is none. */
async function codesAt(server: ServerAddress): Promise<ControlClient | undefined> {
  try {
    const control = await ControlClient.connect(server);
    await control.admitted();
    if (control.passesCodes) return control;
    control.close();
  } catch {
    // The user did not ask for that server.
  }
  return undefined;
}

function nobodyHere(code: Code): ParleyError {
  const sentence = `No sender with the code ${codeText(code)} on this network: is it still running? If it uses a server or another network, put its HOST:PORT before --code`;
  return new ParleyError("not-found", sentence);
}

/** Authenticates through a server, or directly at a machine that serves the files itself. */
async function enter(options: CodeFetchOptions, place: ServerAddress): Promise<Entered> {
  const { control, server } = await admittedAt(place);
  if (control.passesCodes) return await enterThrough(options, server, control);
  control.close();
  const entry = new CodeEntry(options.code);
  const source = new ServerSource(server, options.offload, (other) => entry.enter(other));
  const { report } = options;
  const onEvent = (event: FetchEvent): void => report.handleEvent(event);
  const client = new DownloadClient({ ...options, source, onEvent });
  try {
    await client.enter();
  } catch (error) {
    client.close();
    throw error;
  }
  return {
    client,
    files: entry.files,
    saved() {},
    sayStopped: () => source.tell({ type: "code-failed", failed: entry.files.length, reason: "" }),
    async tell(failure) {
      const known = await source.connect();
      known.send(
        failure === undefined ? { type: "code-done" } : { type: "code-failed", ...failure },
      );
      // The other end has received it once it answers.
      await known.ping().catch(() => {});
    },
    close: () => client.close(),
  };
}

/** If several servers act as one, the code may have been made at another one. */
async function joinAnywhere(
  options: CodeFetchOptions,
  server: ServerAddress,
  control: ControlClient,
): Promise<LinkedGuest> {
  const { code, report } = options;
  const settings = {
    isDirectAllowed: options.direct,
    onPath: (path: Path | undefined) => report.path(pathName(path)),
  };
  try {
    return await LinkedGuest.join(code, { server, control, ...settings });
  } catch (error) {
    const at = error instanceof ElsewhereError ? parseHostPort(error.at) : undefined;
    const other = at && siblingOf(server, at);
    if (other === undefined) throw error;
    const there = await ControlClient.connect(other);
    return await LinkedGuest.join(code, { server: other, control: there, ...settings });
  }
}

async function enterThrough(
  options: CodeFetchOptions,
  server: ServerAddress,
  control: ControlClient,
): Promise<Entered> {
  const { report } = options;
  const guest = await joinAnywhere(options, server, control);
  let client: DownloadClient | undefined;
  try {
    const source = await guest.entered();
    const progress = new Progress(guest);
    client = new DownloadClient({
      ...options,
      source,
      retryForMs: offers.waitMs,
      onEvent(event) {
        report.handleEvent(event);
        progress.handleEvent(event);
      },
    });
    const files: FileInfo[] = [];
    const listing = client;
    guest.failed.catch((error: ParleyError) => listing.stop(error));
    for await (const file of client.list()) files.push(file);
    let bytes: number = offers.slackBytes;
    for (const { size } of files) bytes += size;
    source.allow({ files: Number.POSITIVE_INFINITY, bytes });
    return {
      client,
      files,
      saved: ({ size }) => progress.add(size),
      // Leaving says it.
      sayStopped() {},
      tell: ({ failed, reason } = { failed: 0, reason: "" }) =>
        guest.tellReceived({ files: files.length - failed, failed, reason }),
      close() {
        listing.close();
        guest.close();
      },
    };
  } catch (error) {
    client?.close();
    guest.close();
    throw error;
  }
}

/** Reports progress to the sender. */
class Progress {
  readonly #guest: LinkedGuest;
  #doneBytes = 0;
  #saidMs = 0;

  constructor(guest: LinkedGuest) {
    this.#guest = guest;
  }

  add(bytes: number): void {
    this.#doneBytes += bytes;
  }

  handleEvent(event: FetchEvent): void {
    if (event.event !== "progress") return;
    const nowMs = performance.now();
    if (nowMs - this.#saidMs < offers.progressMs) return;
    this.#saidMs = nowMs;
    this.#guest.tellProgress(this.#doneBytes + event.verifiedBytes);
  }
}

type Target = {
  folder: string;
  /** Instead of the name that the sender gives it. */
  name: string | undefined;
};

function targetOf(
  [first, ...others]: readonly FileInfo[],
  { output, isFolder }: CodeFetchOptions,
): Target {
  const isFile = first !== undefined && others.length === 0 && !first.name.endsWith("/");
  if (isFolder || !isFile) return { folder: output, name: undefined };
  return { folder: dirname(output), name: basename(output) };
}

/** The whole list is checked before anything is saved. */
async function saveAll(
  { client, files, saved }: Entered,
  { folder, name: chosen }: Target,
  report: FetchReport,
  onSaved: () => void,
): Promise<void> {
  const removeFolder = makeFolder(folder, "another -o");
  try {
    for (const { name } of files) checkReceivedName(name, "The sender");
    const place = new SavePlace(folder, "The sender");
    for (const file of files) {
      const kind = file.name.endsWith("/") ? "folder" : "file";
      try {
        const named = { ...file, name: chosen ?? file.name };
        await place.save(named, (path) => client.save(file.name, { kind, path }));
        saved(file);
        onSaved();
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

/** Tells the sender why not everything is in place. */
async function tellFailure(
  { tell }: Entered,
  failed: number,
  { folder }: Target,
  error: unknown,
): Promise<void> {
  if (!(error instanceof ParleyError) || !savingFailures.has(error.code)) return;
  const told = tell({ failed, reason: reasonForSender(error.message, folder) });
  await Promise.race([told.catch(() => {}), Bun.sleep(limits.farewellMs)]);
}
