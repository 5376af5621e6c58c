// Fetches files from one server: tries, comes back after lost connections and restarted servers, goes on where it was, and says
// what happens. The command, the terminal client and tests use it alike; it prints nothing.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import type { PathMemory } from "../transfer/receiver-machine.ts";
import { ControlClient, type Line } from "./control-client.ts";
import type { FetchEvent, FetchTarget } from "./fetch-events.ts";
import { Fetching } from "./download.ts";
import { lookAt } from "./file-reason.ts";
import { type Address, hostNotFound, socketReason } from "../io/host-port.ts";
import { skipLastTier } from "../io/jit-hints.ts";
import { compareWithLocal } from "./local-copy.ts";
import { Pull, type PullOptions } from "./download-attempt.ts";

export interface FetcherOptions {
  readonly server: Address;
  readonly limitBytesPerSecond?: number;
  /** False: begin from nothing, whatever a `.part` holds. */
  readonly resume?: boolean;
  /** Replace a file that differs. */
  readonly force?: boolean;
  /** False: no kernel offload. */
  readonly offload?: boolean;
  /** Without progress for this long the fetch is stalled; default limits.ts. */
  readonly retryForMs?: number;
  onEvent?(event: FetchEvent): void;
}

export interface ListedFile {
  readonly name: string;
  readonly size: number;
  /** Unix milliseconds. */
  readonly modified: number;
}

export class Fetcher {
  readonly #options: FetcherOptions;
  /** The server's addresses, the one in use first. */
  #addresses: string[] = [];
  #control: ControlClient | undefined;
  #path: PathMemory | undefined;
  #udpPort: number | undefined;
  #current: Pull | undefined;
  #stopped: ParleyError | undefined;
  readonly #stopping = Promise.withResolvers<never>();

  constructor(options: FetcherOptions) {
    this.#options = options;
    this.#stopping.promise.catch(() => {});
    skipLastTier();
  }

  /** All files of the server, page by page. @throws ParleyError `cannot-connect`, `protocol`, … */
  async *list(): AsyncGenerator<ListedFile> {
    const control = await this.#connect();
    let listed = 0;
    for (let after: string | undefined = ""; after !== undefined;) {
      const page = await this.#unlessStopped(
        control.request({ type: "files", ...(after === "" ? {} : { after }) }),
      );
      const files = Array.isArray(page["files"]) ? page["files"] : [];
      if (files.length === 0) return;
      for (const file of files) {
        if (isListed(file)) yield file;
        if (++listed > limits.maxListed) return;
      }
      const { next } = page as Line;
      // names only ever go up, so a listing can't go in circles
      after = typeof next === "string" && next > after ? next : undefined;
    }
  }

  /**
   * Fetches one file; resolves when it is whole, verified and in its place (or equal to what is there already).
   * @throws ParleyError `not-found`, `differs`, `locked`, `changed`, `integrity`, `stalled` (the partial file is kept), `storage`, …
   */
  async fetch(name: string, target: FetchTarget): Promise<void> {
    if (target.kind === "file" && (await this.#isThere(name, target.path))) return;
    const fetching = new Fetching(name, target, {
      resume: this.#options.resume ?? true,
      onEvent: this.#options.onEvent ?? (() => {}),
    });
    try {
      await this.#tryUntilWhole(name, fetching);
    } finally {
      fetching.close();
    }
  }

  /** Ends what runs with this error; a partial file is kept. */
  stop(reason: ParleyError): void {
    this.#stopped = reason;
    this.#stopping.reject(reason);
    this.#current?.fail(reason);
    this.close();
  }

  close(): void {
    this.#control?.close();
    this.#control = undefined;
  }

  async #tryUntilWhole(name: string, fetching: Fetching): Promise<void> {
    const retryForMs = this.#options.retryForMs ?? limits.retryForMs;
    let waitMs: number = limits.retryFirstMs;
    let seen = -1;
    let staleTries = 0;
    let progressAtMs = performance.now();
    for (;;) {
      const outcome = await this.#try(name, fetching);
      if (outcome === "whole") return fetching.finish(this.#options.force ?? false);
      if (this.#stopped !== undefined) throw this.#stopped;
      if (fetching.receivedBytes !== seen) {
        seen = fetching.receivedBytes;
        staleTries = 0;
        progressAtMs = performance.now();
        waitMs = limits.retryFirstMs;
      }
      if (outcome === "stale" && ++staleTries <= limits.maxStaleTries) continue;
      const reason = outcome === "stale" ? differentEachTime(name) : outcome;
      if (performance.now() - progressAtMs > retryForMs) throw fetching.stalled(reason);
      this.#options.onEvent?.({ event: "retry", name, reason: reason.message, inMs: waitMs });
      await this.#unlessStopped(Bun.sleep(waitMs));
      waitMs = Math.min(waitMs * 2, limits.retryMaxMs);
    }
  }

  /** What `work` comes to. @throws ParleyError why this was stopped, as soon as it is */
  #unlessStopped<Value>(work: Promise<Value>): Promise<Value> {
    return Promise.race([work, this.#stopping.promise]);
  }

  /** A reason to try again, or how it went. The first connection of all must work. */
  async #try(name: string, fetching: Fetching): Promise<"whole" | "stale" | ParleyError> {
    const { limitBytesPerSecond, offload } = this.#options;
    const { host, port } = await this.#resolve();
    const pull = await openPull({
      host,
      udpPort: this.#udpPort ?? port,
      name,
      ...fetching.wanted(),
      ...(limitBytesPerSecond === undefined ? {} : { limitBytesPerSecond }),
      ...(offload === undefined ? {} : { offload }),
      ...(this.#path === undefined ? {} : { path: this.#path }),
      onOffer: (offer) => fetching.offered(offer),
      onTurn: () => fetching.turn(),
    });
    this.#current = pull;
    fetching.attach(pull);
    try {
      const returning = this.#control !== undefined || fetching.hasBegun;
      const control = await this.#connect().catch((error: unknown) => {
        if (returning && error instanceof ParleyError && error.code === "cannot-connect")
          return error;
        throw error;
      });
      if (control instanceof ParleyError) return control;
      // the connection went to another of the server's addresses than the datagrams
      if (this.#addresses[0] !== host) return "stale";
      const outcome = await pull.run(control);
      if (outcome.how === "again") return outcome.reason;
      if (outcome.how === "whole") this.#path = pull.receiver.pathMemory();
      if (outcome.how === "elsewhere") this.#udpPort = outcome.udpPort;
      return outcome.how === "whole" ? "whole" : "stale";
    } catch (error) {
      if (this.#stopped !== undefined) throw this.#stopped;
      // the connection broke, or nothing came, while we asked: as good as lost
      const isLost =
        error instanceof ParleyError &&
        (error.code === "cannot-connect" || error.code === "stalled");
      if (isLost && fetching.hasBegun) return error;
      throw error;
    } finally {
      fetching.detach();
      this.#current = undefined;
      pull.close();
    }
  }

  /** True if an equal file is in its place already. @throws ParleyError `differs` without `force` */
  async #isThere(name: string, path: string): Promise<boolean> {
    const local = lookAt(path);
    if (local === undefined) return false;
    if (!local.isFile()) {
      throw new ParleyError(
        "differs",
        `'${path}' is there already, and is no regular file: save elsewhere with -o`,
      );
    }
    const control = await this.#connect();
    const found = await this.#unlessStopped(compareWithLocal(control, name, path, local.size));
    if (found.sha256 !== undefined) {
      const { sha256 } = found;
      this.#options.onEvent?.({ event: "unchanged", name, path, size: local.size, sha256 });
      return true;
    }
    if (this.#options.force === true) return false;
    throw new ParleyError(
      "differs",
      `'${path}' is there already and differs from the server's '${name}': ` +
        "`--force` replaces it, `-o` saves it elsewhere.",
    );
  }

  /** To the first of the server's addresses that takes the connection. */
  async #connect(): Promise<ControlClient> {
    if (this.#control !== undefined && !this.#control.isClosed) return this.#control;
    for (;;) {
      const address = await this.#resolve();
      const connecting = ControlClient.connect(address);
      try {
        return (this.#control = await this.#unlessStopped(connecting));
      } catch (error) {
        void connecting.then((late) => late.close()).catch(() => {});
        // once the last has failed, its name is looked up again: a server may move
        this.#addresses.shift();
        if (this.#stopped !== undefined || this.#addresses.length === 0) throw error;
      }
    }
  }

  /** The server's numeric address, so that TCP and UDP go to the same one. @throws ParleyError `cannot-connect` */
  async #resolve(): Promise<Address> {
    const { host, port } = this.#options.server;
    if (this.#addresses.length === 0)
      this.#addresses = isIP(host) === 0 ? await find(host) : [host];
    return { host: this.#addresses[0] ?? host, port };
  }
}

async function openPull(options: PullOptions): Promise<Pull> {
  try {
    return await Pull.open(options);
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
  return new ParleyError("changed", `The server offers '${name}' differently each time.`);
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

function isListed(value: unknown): value is ListedFile {
  if (typeof value !== "object" || value === null) return false;
  if (!("name" in value && "size" in value && "modified" in value)) return false;
  const { name, size, modified } = value;
  const isSize = typeof size === "number" && size >= 0 && size <= wire.maxFileBytes;
  return typeof name === "string" && isSize && typeof modified === "number" && isTime(modified);
}
