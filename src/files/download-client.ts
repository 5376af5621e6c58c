// Downloads files from one server: retries after lost connections and server restarts, resumes, and
// reports events. Shared by `parley fetch-file` and the terminal client; prints nothing.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import type { PathMetrics } from "../transfer/receiver.ts";
import type { FileInfo, TreePage } from "../protocol/messages.ts";
import { ControlClient, type FilePage } from "./control-client.ts";
import type { FetchEvent, FetchTarget, FileTarget } from "./fetch-events.ts";
import { Download } from "./download.ts";
import { quietly } from "./cleanup.ts";
import { lookAt } from "./file-reason.ts";
import type { Incoming } from "./incoming.ts";
import { folderName } from "./fetch-targets.ts";
import { fetchFolder } from "./folder-fetch.ts";
import { PartialFile } from "./partial-file.ts";
import { hostNotFound, type ServerAddress, socketReason } from "../io/host-port.ts";
import { applyJitHints } from "../io/jit-hints.ts";
import { compareWithLocal } from "./local-copy.ts";
import type { Attempt, AttemptOptions } from "./attempt.ts";
import { ControlAttempt } from "./control-attempt.ts";
import { DownloadAttempt, type DownloadAttemptOptions } from "./download-attempt.ts";

export interface DownloadClientOptions {
  readonly server: ServerAddress;
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
  onEvent?(event: FetchEvent): void;
}

export class DownloadClient {
  readonly #options: DownloadClientOptions;
  /** The server's addresses, the one in use first. */
  #addresses: string[] = [];
  #control: ControlClient | undefined;
  /** A parley server has answered before. */
  #isWelcomed = false;
  #path: PathMetrics | undefined;
  #udpPort: number | undefined;
  /** Datagrams do not get through. */
  #isBlocked = false;
  #current: Attempt | undefined;
  #stopped: ParleyError | undefined;
  readonly #stopping = Promise.withResolvers<never>();

  constructor(options: DownloadClientOptions) {
    this.#options = options;
    this.#stopping.promise.catch(() => {});
    applyJitHints();
  }

  /** Lists the server's files, page by page. @throws ParleyError `cannot-connect`, `protocol`, … */
  async *list(): AsyncGenerator<FileInfo> {
    let listed = 0;
    for (let after: string | undefined = ""; after !== undefined;) {
      const from = after === "" ? undefined : after;
      const page: FilePage = await this.#retryWhileLost("", async () =>
        (await this.#connect()).listFiles(from),
      );
      if (page.files.length === 0) return;
      for (const file of page.files) {
        if (isListed(file)) yield file;
        if (++listed > limits.maxListed) return;
      }
      // Names must ascend, so that a listing can't loop.
      after = page.next !== undefined && page.next > after ? page.next : undefined;
    }
  }

  /**
   * Lists all that is in a folder, from behind the path that `after` says, also after a lost
   * connection. @throws ParleyError `not-found`, `cannot-connect`, …; what `onPage` throws
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
      sender: () => this.#options.server.trust?.pin,
      onEvent,
    });
    await this.receive(name, download);
  }

  /** Downloads a file, or a folder (`photos/`), to where it goes. @throws ParleyError as `fetch` */
  save(name: string, target: FetchTarget): Promise<void> {
    if (target.kind !== "folder") return this.fetch(name, target);
    const { force = false, checksum = false, sha256 = false, onEvent = () => {} } = this.#options;
    const options = { force, byContent: checksum || sha256, sha256, onEvent };
    return fetchFolder(this, folderName(name), target.path, options);
  }

  /**
   * Makes attempts until everything is there, and closes `incoming`. @throws ParleyError as `fetch`
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

  /** @throws ParleyError the reason given to `stop` */
  throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Nobody on the way can read or change what the server sends. */
  get isSealed(): boolean {
    return this.#control?.isSecured ?? false;
  }

  /** Datagrams do not get through: the control connection carries everything. */
  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  /** Ends a running download with this error; a partial file is kept. */
  stop(reason: ParleyError): void {
    this.#stopped = reason;
    this.#stopping.reject(reason);
    this.#current?.fail(reason);
    this.close();
  }

  get #retryForMs(): number {
    return this.#options.retryForMs ?? limits.retryForMs;
  }

  close(): void {
    this.#control?.close();
    this.#control = undefined;
  }

  async #retryUntilWhole(name: string, download: Incoming): Promise<void> {
    let waitMs: number = limits.retryFirstMs;
    let seen = -1;
    let staleTries = 0;
    let progressAtMs = performance.now();
    for (;;) {
      const outcome = await this.#try(name, download);
      if (outcome === "whole") return download.finish(this.#options.force ?? false);
      if (this.#stopped !== undefined) throw this.#stopped;
      if (download.progressBytes !== seen) {
        seen = download.progressBytes;
        staleTries = 0;
        progressAtMs = performance.now();
        waitMs = limits.retryFirstMs;
      }
      if (outcome === "stale" && ++staleTries <= limits.maxStaleTries) continue;
      const reason = outcome === "stale" ? differentEachTime(name) : outcome;
      if (performance.now() - progressAtMs > this.#retryForMs) throw download.stalled(reason);
      this.#options.onEvent?.({ event: "retry", name, reason: reason.message, inMs: waitMs });
      await this.#unlessStopped(Bun.sleep(waitMs));
      waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
    }
  }

  /** Resolves as `work` does. @throws ParleyError the reason given to `stop`, at once */
  #unlessStopped<Value>(work: Promise<Value>): Promise<Value> {
    return Promise.race([work, this.#stopping.promise]);
  }

  /**
   * Runs `work`, and if a server has answered before, again after every lost connection within the
   * retry window. @throws ParleyError what `work` throws
   */
  async #retryWhileLost<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
    const startMs = performance.now();
    for (let waitMs: number = limits.retryFirstMs; ; ) {
      try {
        return await this.#unlessStopped(work());
      } catch (error) {
        if (this.#stopped !== undefined) throw this.#stopped;
        if (!this.#isRetriable(error) || performance.now() - startMs > this.#retryForMs) throw error;
        this.#options.onEvent?.({ event: "retry", name, reason: error.message, inMs: waitMs });
      }
      await this.#unlessStopped(Bun.sleep(waitMs));
      waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
    }
  }

  /**
   * Whether the connection, the route or the name server was lost and may come back. The very first
   * connection must succeed.
   */
  #isRetriable(error: unknown): error is ParleyError {
    this.#isWelcomed ||= this.#control?.isWelcomed === true;
    const isLost =
      error instanceof ParleyError && (error.code === "cannot-connect" || error.code === "stalled");
    return isLost && this.#isWelcomed;
  }

  /** Makes one attempt. Returns its outcome, or the reason to retry. */
  async #try(name: string, download: Incoming): Promise<"whole" | "stale" | ParleyError> {
    let attempt: Attempt | undefined;
    try {
      const { limitBytesPerSecond } = this.#options;
      const { host, port } = await this.#resolve();
      attempt = await this.#openAttempt(host, port, {
        name,
        ...download.wanted(),
        sha256: this.#options.sha256 ?? false,
        tagTimeoutMs: Math.min(limits.tagTimeoutMs, this.#retryForMs),
        ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
        onOffer: (offer, isSecured) => download.handleOffer(offer, isSecured),
        onTurn: () => download.handleTurn(),
      });
      this.#current = attempt;
      download.attach(attempt);
      const control = await this.#connect();
      // TCP connected to another of the server's addresses than UDP.
      if (this.#addresses[0] !== host) return "stale";
      const outcome = await attempt.run(control);
      this.#isWelcomed ||= control.isWelcomed;
      if (outcome.how === "retry") return outcome.reason;
      if (outcome.how === "whole") this.#path = attempt.pathMetrics() ?? this.#path;
      if (outcome.how === "elsewhere") this.#udpPort = outcome.udpPort;
      if (outcome.how === "blocked") {
        this.#isBlocked = true;
        const { message: reason } = outcome.reason;
        this.#options.onEvent?.({ event: "fallback", name, over: "control", reason });
      }
      return outcome.how === "whole" ? "whole" : "stale";
    } catch (error) {
      if (this.#stopped !== undefined) throw this.#stopped;
      if (this.#isRetriable(error)) return error;
      throw error;
    } finally {
      // A journal that can't be written only costs the next resume; it must not hide an error.
      quietly(() => download.detach());
      this.#current = undefined;
      quietly(() => attempt?.close());
    }
  }

  async #openAttempt(host: string, port: number, options: AttemptOptions): Promise<Attempt> {
    if (this.#isBlocked) return new ControlAttempt(options);
    const { offload } = this.#options;
    return await openAttempt({
      ...options,
      host,
      udpPort: this.#udpPort ?? port,
      ...(offload === undefined ? {} : { offload }),
      ...(this.#path === undefined ? {} : { path: this.#path }),
    });
  }

  /** Whether the same file is in place. @throws ParleyError `differs` without `force` */
  async #isUnchanged(
    name: string,
    path: string,
    onEvent: (event: FetchEvent) => void,
  ): Promise<boolean> {
    const local = lookAt(path);
    if (local === undefined) return false;
    if (!local.isFile()) {
      throw new ParleyError(
        "differs",
        `'${path}' exists and is not a regular file: save elsewhere with -o`,
      );
    }
    const { checksum = false, sha256: certify = false } = this.#options;
    const byContent = checksum || certify;
    const { size, mtimeMs } = local;
    const found = await this.#retryWhileLost(name, async () =>
      compareWithLocal(await this.#connect(), name, { path, size, mtimeMs, byContent }),
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
    const sameSize = byContent || !found.isSameSize ? "" : " in its time, and perhaps in nothing else";
    const compare = sameSize === "" ? "" : "`--checksum` compares its content, ";
    throw new ParleyError(
      "differs",
      `'${path}' exists and differs from the server's '${name}'${sameSize}: ` +
        `${compare}\`--force\` replaces it, \`-o\` saves it elsewhere.`,
    );
  }

  /** Connects to the first of the server's addresses that accepts. */
  async #connect(): Promise<ControlClient> {
    if (this.#control !== undefined && !this.#control.isClosed) return this.#control;
    for (;;) {
      const address = await this.#resolve();
      const connecting = ControlClient.connect(address);
      try {
        return (this.#control = await this.#unlessStopped(connecting));
      } catch (error) {
        void connecting.then((late) => late.close()).catch(() => {});
        // Once all have failed, the name is looked up again, since a server may move.
        this.#addresses.shift();
        if (this.#stopped !== undefined || this.#addresses.length === 0) throw error;
      }
    }
  }

  /**
   * Resolves the server's name, so that TCP and UDP use the same address.
   * @throws ParleyError `cannot-connect`
   */
  async #resolve(): Promise<ServerAddress> {
    const { server } = this.#options;
    const { host } = server;
    if (this.#addresses.length === 0)
      this.#addresses = isIP(host) === 0 ? await find(host) : [host];
    return { ...server, host: this.#addresses[0] ?? host };
  }
}

async function openAttempt(options: DownloadAttemptOptions): Promise<DownloadAttempt> {
  try {
    return await DownloadAttempt.open(options);
  } catch (error) {
    const { host, udpPort } = options;
    const why = socketReason(error);
    throw new ParleyError(
      "cannot-connect",
      `Cannot send datagrams to ${host}, port ${udpPort}: ${why}.`,
    );
  }
}

function differentEachTime(name: string): ParleyError {
  return new ParleyError("changed", `The server offers a different '${name}' each time.`);
}

async function find(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true, order: "ipv4first" });
    return [...new Set(found.map(({ address }) => address))];
  } catch {
    throw hostNotFound(host);
  }
}

function isTime(unixMs: number): boolean {
  return !Number.isNaN(new Date(unixMs).getTime());
}

/** Whether an entry can be a real file. */
function isListed({ size, modified }: FileInfo): boolean {
  return size <= wire.maxFileBytes && isTime(modified);
}
