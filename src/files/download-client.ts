// Downloads files from one source, a server or a person: retries after lost connections and
// restarts, resumes, and reports events. Prints nothing.

import { ParleyError, RefusedForNow } from "../errors.ts";
import { fetching as limits } from "../limits.ts";
import type { FileInfo, FileOffer, TreePage } from "../protocol/messages.ts";
import type { ControlClient, FilePage } from "./control-client.ts";
import type { FetchEvent, FetchTarget, FileTarget } from "./fetch-events.ts";
import { Download } from "./download.ts";
import { quietly } from "./cleanup.ts";
import { lookAt } from "./file-reason.ts";
import type { Incoming } from "./incoming.ts";
import { folderName } from "./fetch-targets.ts";
import { isTime, type ManifestBounds, pathOf } from "../transfer/tree/manifest.ts";
import { PartialFile } from "./partial-file.ts";
import type { ServerAddress } from "../io/host-port.ts";
import { applyJitHints } from "../io/jit-hints.ts";
import { compareWithLocal } from "./local-copy.ts";
import type { Attempt, AttemptOptions } from "./attempt.ts";
import type { FileSource } from "./file-source.ts";
import { openServerAttempt } from "./server-attempt.ts";
import { ServerSource } from "./server-source.ts";

export interface DownloadClientOptions {
  /** The server that has the files; otherwise `source` is given. */
  readonly server?: ServerAddress;
  readonly source?: FileSource;
  readonly limitBytesPerSecond?: number;
  /** False: start over, even if there is a partial file. */
  readonly resume?: boolean;
  /** Replace a file that differs. */
  readonly force?: boolean;
  /** Compare an existing file by content instead of size and time. */
  readonly checksum?: boolean;
  /** Certify each file by SHA-256. */
  readonly sha256?: boolean;
  /** False: no kernel offload. */
  readonly offload?: boolean;
  /** A download is stalled after this long without progress; default limits.ts. */
  readonly retryForMs?: number;
  /** Waits before an attempt is repeated; default: that long. */
  readonly wait?: (ms: number) => Promise<void>;
  /** Upper bounds for the list of a folder. */
  readonly listBounds?: ManifestBounds;
  /** Bytes requested ahead of what has been written to a file (default: limits.ts). */
  readonly aheadBytes?: number;
  onEvent?(event: FetchEvent): void;
  /** Called while the files of a folder are being written, between other work. */
  onWork?(): void;
}

export class DownloadClient {
  readonly #options: DownloadClientOptions;
  readonly #source: FileSource;
  #current: Attempt | undefined;
  /** The other end has granted a request: a refusal from now on may pass. */
  #isUnderWay = false;
  #stopped: ParleyError | undefined;
  /** What rejects the work that is being waited for, if it is stopped. */
  readonly #waits = new Set<(reason: ParleyError) => void>();

  constructor(options: DownloadClientOptions) {
    this.#options = options;
    this.#source = sourceOf(options);
    applyJitHints();
  }

  /**
   * Connects ahead of the first request. @throws ParleyError `cannot-connect`, or the server's
   * refusal
   */
  async enter(): Promise<void> {
    const control = await this.#connect();
    await this.#unlessStopped(control.admitted());
  }

  /**
   * Lists the server's files, page by page. @throws ParleyError `cannot-connect`; `protocol`, also
   * if there are more than `maxListed`; …
   */
  async *list(): AsyncGenerator<FileInfo> {
    let listed = 0;
    for (let after: string | undefined = ""; after !== undefined;) {
      const from = after === "" ? undefined : after;
      const page: FilePage = await this.#retryWhileLost("", async () =>
        (await this.#connect()).listFiles(from),
      );
      if (page.files.length === 0) return;
      for (const file of page.files) {
        if (++listed > limits.maxListed) {
          const sentence = `There are more than ${limits.maxListed} files: the others are not listed.`;
          throw new ParleyError("protocol", sentence);
        }
        if (isTime(file.modified)) yield file;
      }
      // Names must ascend, so that a listing can't loop.
      after = page.next !== undefined && page.next > after ? page.next : undefined;
    }
  }

  /** Lists everything in a folder (`photos/`). @throws ParleyError as `list` */
  async *listFolder(name: string): AsyncGenerator<FileInfo> {
    const { manifestOf } = await import("./folder-fetch.ts");
    const manifest = await manifestOf(this, folderName(name));
    for (const node of manifest.nodes) {
      const { isFolder, size, modified } = node;
      yield { name: `${name}${pathOf(node)}${isFolder ? "/" : ""}`, size, modified };
    }
  }

  /**
   * Lists everything in a folder, starting after the path that `after` returns, and continues after
   * a lost connection. @throws ParleyError `not-found`, `cannot-connect`, …; what `onPage` throws
   */
  async listTree(
    name: string,
    after: () => string | undefined,
    onPage: (page: TreePage) => void,
  ): Promise<void> {
    await this.#retryWhileLost(name, async () =>
      (await this.#connect()).listTree(name, after(), onPage),
    );
  }

  /**
   * Downloads one file; resolves when it is complete, verified and in place, or was up to date.
   * @throws ParleyError `not-found`, `differs`, `locked`, `changed`, `integrity`, `stalled` (the
   * partial file is kept), `storage`, …
   */
  async fetch(
    name: string,
    target: FileTarget,
    onEvent = this.#options.onEvent ?? (() => {}),
  ): Promise<void> {
    if (target.kind === "file" && (await this.#isUnchanged(name, target.path, onEvent))) return;
    const download = new Download(name, target, {
      resume: this.#options.resume ?? true,
      sha256: this.#options.sha256 ?? false,
      aheadBytes: this.aheadBytes,
      sender: () => this.#source.sender,
      onEvent,
    });
    await this.receive(name, download);
  }

  /** Downloads a file or a folder (`photos/`) to its target. @throws ParleyError as `fetch` */
  async save(name: string, target: FetchTarget): Promise<void> {
    if (target.kind !== "folder") return await this.fetch(name, target);
    const { fetchFolder } = await import("./folder-fetch.ts");
    const { force = false, checksum = false, sha256 = false, onEvent = () => {} } = this.#options;
    const options = { force, byContent: checksum || sha256, sha256, onEvent };
    await fetchFolder(this, folderName(name), target.path, options);
  }

  /**
   * Makes attempts until everything has arrived, and closes `incoming`. @throws ParleyError as
   * `fetch`
   */
  async receive(name: string, incoming: Incoming): Promise<void> {
    try {
      await this.#retryUntilWhole(name, incoming);
    } catch (error) {
      quietly(() => incoming.close());
      throw error;
    }
    incoming.close();
  }

  /** @throws ParleyError the reason passed to `stop` */
  throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  get aheadBytes(): number | undefined {
    return this.#options.aheadBytes;
  }

  onWork(): void {
    this.#options.onWork?.();
  }

  get listBounds(): ManifestBounds | undefined {
    return this.#options.listBounds;
  }

  /** Nobody on the path can read or change the traffic. */
  get isSealed(): boolean {
    return this.#source.isSealed;
  }

  /** Datagrams do not get through: the control connection carries everything. */
  get isBlocked(): boolean {
    return this.#source.isBlocked;
  }

  /** Ends a running download with this error; a partial file is kept. */
  stop(reason: ParleyError): void {
    this.#stopped = reason;
    for (const reject of this.#waits) reject(reason);
    this.#current?.fail(reason);
    this.close();
  }

  get #retryForMs(): number {
    return this.#options.retryForMs ?? limits.retryForMs;
  }

  get #tagTimeoutMs(): number {
    return Math.min(limits.tagTimeoutMs, this.#retryForMs);
  }

  close(): void {
    this.#source.close();
  }

  async #retryUntilWhole(name: string, download: Incoming): Promise<void> {
    let waitMs: number = limits.retryFirstMs;
    let seen = -1;
    let staleTries = 0;
    let progressAtMs = performance.now();
    for (;;) {
      const outcome = await this.#try(name, download);
      if (outcome === "whole") {
        const finished = Promise.resolve(download.finish(this.#options.force ?? false));
        return this.#unlessStopped(finished);
      }
      if (this.#stopped !== undefined) throw this.#stopped;
      if (download.progressBytes !== seen) {
        seen = download.progressBytes;
        staleTries = 0;
        progressAtMs = performance.now();
        waitMs = limits.retryFirstMs;
      }
      if (outcome === "stale" && ++staleTries <= limits.maxStaleTries) continue;
      const reason = outcome === "stale" ? differentEachTime(name) : outcome;
      if (!this.#hasPatience(progressAtMs, reason)) throw download.stalled(reason);
      await this.#pause(name, reason, waitMs);
      waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
    }
  }

  /** Whether another attempt is due before the download, idle since then, counts as stalled. */
  #hasPatience(sinceMs: number, reason: ParleyError): boolean {
    return performance.now() - sinceMs + requestedMs(reason) <= this.#retryForMs;
  }

  /**
   * Waits before another attempt, as long as the other end asks for. @throws ParleyError the reason
   * passed to `stop`, immediately
   */
  async #pause(name: string, reason: ParleyError, waitMs: number): Promise<void> {
    const { wait = Bun.sleep, onEvent } = this.#options;
    const inMs = Math.max(waitMs, requestedMs(reason));
    onEvent?.({ event: "retry", name, reason: reason.message, inMs });
    await this.#unlessStopped(wait(inMs));
  }

  /** Resolves as `work` does. @throws ParleyError the reason passed to `stop`, immediately */
  async #unlessStopped<Value>(work: Promise<Value>): Promise<Value> {
    // A promise of its own each time: one for all would keep the outcomes of all races.
    const { promise, reject } = Promise.withResolvers<never>();
    this.#waits.add(reject);
    if (this.#stopped !== undefined) reject(this.#stopped);
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.#waits.delete(reject);
    }
  }

  /**
   * Runs `work` and, if a server has answered before, repeats it after every lost connection within
   * the retry window. @throws ParleyError what `work` throws
   */
  async #retryWhileLost<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
    const startMs = performance.now();
    for (let waitMs: number = limits.retryFirstMs; ;) {
      try {
        const value = await this.#unlessStopped(work());
        this.#isUnderWay = true;
        return value;
      } catch (error) {
        if (this.#stopped !== undefined) throw this.#stopped;
        if (!this.#isRetriable(error) || !this.#hasPatience(startMs, error)) throw error;
        await this.#pause(name, error, waitMs);
      }
      waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
    }
  }

  /**
   * Whether the connection, the route or the name server was lost and may recover, or the other end
   * refuses for the moment. The very first connection, and the first request, must succeed.
   */
  #isRetriable(error: unknown): error is ParleyError {
    if (error instanceof RefusedForNow) return this.#isUnderWay;
    const isLost =
      error instanceof ParleyError && (error.code === "cannot-connect" || error.code === "stalled");
    return isLost && this.#source.hasAnswered;
  }

  /** Makes one attempt. Returns its outcome, or the reason to retry. */
  async #try(name: string, download: Incoming): Promise<"whole" | "stale" | ParleyError> {
    let attempt: Attempt | undefined;
    try {
      const { limitBytesPerSecond } = this.#options;
      const source = this.#source;
      const options = {
        name,
        ...download.wanted(),
        sha256: this.#options.sha256 ?? false,
        tagTimeoutMs: this.#tagTimeoutMs,
        ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
        onOffer: (offer: FileOffer, isSecured: boolean) => {
          this.#isUnderWay = true;
          return download.handleOffer(offer, isSecured);
        },
        onTurn: () => download.handleTurn(),
      };
      attempt = await this.#open(options);
      this.#current = attempt;
      download.attach(attempt);
      const control = await this.#connect();
      if (!source.isCurrent) return "stale";
      const outcome = await attempt.run(control);
      source.learn(outcome, attempt);
      if (outcome.how === "retry") return outcome.reason;
      if (outcome.how === "blocked") {
        const { message: reason } = outcome.reason;
        this.#options.onEvent?.({ event: "fallback", name, over: "control", reason });
      }
      return outcome.how === "whole" ? "whole" : "stale";
    } catch (error) {
      if (this.#stopped !== undefined) throw this.#stopped;
      if (this.#isRetriable(error)) return error;
      throw error;
    } finally {
      // A journal that can't be written only costs the next resume; it must not mask an error.
      quietly(() => download.detach());
      this.#current = undefined;
      quietly(() => attempt?.close());
    }
  }

  /** @throws ParleyError as `openAttempt`; the reason passed to `stop`, immediately */
  async #open(options: AttemptOptions): Promise<Attempt> {
    const opening = this.#source.openAttempt(options, openServerAttempt);
    try {
      return await this.#unlessStopped(opening);
    } catch (error) {
      opening.then(
        (late) => late.close(),
        () => {},
      );
      throw error;
    }
  }

  /** Whether the same file is in place. @throws ParleyError `differs` without `force` */
  async #isUnchanged(
    name: string,
    path: string,
    onEvent: (event: FetchEvent) => void,
  ): Promise<boolean> {
    const local = lookAt(path);
    if (local === undefined) {
      // Said now, and not when everything has arrived.
      const isDeadLink = lookAt(path, false)?.isSymbolicLink() === true;
      if (this.#options.force === true || !isDeadLink) return false;
      throw new ParleyError(
        "differs",
        `'${path}' is a link that leads nowhere: \`--force\` replaces it, \`-o\` saves elsewhere.`,
      );
    }
    if (!local.isFile()) {
      throw new ParleyError(
        "differs",
        `'${path}' exists and is not a regular file: save elsewhere with -o`,
      );
    }
    const { checksum = false, sha256: certify = false } = this.#options;
    const byContent = checksum || certify;
    const { size, mtimeMs } = local;
    const digestTimeoutMs = this.#tagTimeoutMs;
    const file = { path, size, mtimeMs, byContent, digestTimeoutMs };
    const found = await this.#retryWhileLost(name, async () =>
      compareWithLocal(await this.#connect(), name, file),
    );
    if (found.isSame) {
      const { sha256 } = found;
      quietly(() => PartialFile.removeLeftovers(path));
      const compared = byContent ? "content" : "time";
      const event = { event: "unchanged", name, path, size, compared } as const;
      onEvent(sha256 === undefined ? event : { ...event, sha256 });
      return true;
    }
    if (this.#options.force === true) return false;
    const sameSize =
      byContent || !found.isSameSize ? "" : " in its time, and perhaps in nothing else";
    const compare = sameSize === "" ? "" : "`--checksum` compares its content, ";
    throw new ParleyError(
      "differs",
      `'${path}' exists and differs from the server's '${name}'${sameSize}: ` +
        `${compare}\`--force\` replaces it, \`-o\` saves it elsewhere.`,
    );
  }

  #connect(): Promise<ControlClient> {
    return this.#unlessStopped(this.#source.connect());
  }
}

/** @throws Error if there is neither a server nor a source */
function sourceOf({ server, source, offload }: DownloadClientOptions): FileSource {
  if (source !== undefined) return source;
  if (server !== undefined) return new ServerSource(server, offload);
  throw new Error("A download needs a server or a source");
}

/** How long the other end asks for a pause. */
function requestedMs(reason: ParleyError): number {
  return reason instanceof RefusedForNow ? reason.retryAfterMs : 0;
}

function differentEachTime(name: string): ParleyError {
  return new ParleyError("changed", `The server offers a different '${name}' each time.`);
}
