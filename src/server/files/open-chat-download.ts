// Ports for open-chat's stop-and-wait downloads: takes a port from the pool, serves the file part
// by part, and frees the port. dialects/open-chat/download.ts interprets the datagrams; the shared
// folder decides which names may be opened.

import { quoted } from "../../text.ts";
import { ParleyError } from "../../errors.ts";
import { OpenChatDownload } from "../../dialects/open-chat/download.ts";
import { listedName } from "../../dialects/open-chat/listed-files.ts";
import { picklePart } from "../../dialects/open-chat/pickle.ts";
import { openChatDownload as limits } from "../../limits.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { type Claim, DownloadClaims } from "./download-claims.ts";
import { plainAddress } from "../../addresses.ts";
import { UdpListener } from "../../io/udp/udp-listener.ts";

/** What a download reads from; `SharedFolder.open` returns one. */
export interface DownloadFile {
  readonly size: number;
  read(target: Uint8Array, position: number): number;
  unchanged(): boolean;
  close(): void;
}

export interface OpenChatDownloadOptions {
  /** Address to bind. */
  readonly host: string;
  /** First port of the pool; 0 picks free ports. */
  readonly firstPort?: number;
  /** A port of the pool to leave out: the transfer port. */
  readonly skipPort?: number;
  /** @throws ParleyError `not-found` */
  open(name: string): DownloadFile;
  /** A port is freed after this long without a request. */
  readonly idleMs?: number;
}

export interface DownloadRequester {
  /**
   * Limits the ports per session; unused ones are freed when the session ends (see `sessionEnded`).
   */
  readonly session?: number;
  /** Finds the file listed as `name` when no file has that name. */
  find?(name: string): Promise<string | undefined>;
  /** Address of the control connection; no other address is answered. */
  readonly address?: string;
  /** The share owner that the download counts for. */
  readonly owner?: ShareOwner;
  /**
   * The download ended before its client sent `finished`: no request arrived in time, the file
   * changed, or the disk failed. `isSent`: its last part was sent.
   */
  onFailed?(sentence: string, isSent: boolean): void;
}

type Running = { port: number; close(): void };

/** A requested download that still needs a port. */
type Request = { name: string; file: DownloadFile; requester: DownloadRequester; claim: Claim };

export class OpenChatDownloads {
  readonly #options: OpenChatDownloadOptions;
  readonly #running = new Set<Running>();
  /**
   * Ports chosen but not bound yet, so that two downloads starting at the same time do not race for
   * one.
   */
  readonly #reserved = new Set<number>();
  readonly #claims = new DownloadClaims();
  #starting = 0;
  #closed = false;

  constructor(options: OpenChatDownloadOptions) {
    this.#options = options;
  }

  /** Number of running downloads. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Opens a port for the file listed as `name`, to which the client sends its requests.
   * @throws ParleyError `not-found`; `full` if all ports are in use, or this session or owner has
   * its share
   */
  async start(
    name: string,
    requester: DownloadRequester = {},
  ): Promise<{ port: number; sizeBytes: number }> {
    const claim = this.#claims.add(requester.session, requester.owner);
    let file: DownloadFile | undefined;
    try {
      file = await this.#open(name, requester);
      const port = await this.#listen({ name, file, requester, claim });
      if (port === undefined) {
        throw new ParleyError(
          "full",
          `No port is free to send ${quoted(name)}: try again in a minute`,
        );
      }
      return { port, sizeBytes: file.size };
    } catch (error) {
      file?.close();
      this.#claims.remove(claim);
      throw error;
    }
  }

  /** Frees the session's unused ports; a download in progress continues. */
  sessionEnded(session: number): void {
    for (const claim of this.#claims.of(session)) {
      claim.orphaned = true;
      if (!claim.asked) claim.close?.();
    }
  }

  /** Finds only listed files; the refusal is worded for open-chat. */
  async #open(name: string, requester: DownloadRequester): Promise<DownloadFile> {
    if (listedName(name) === name) {
      const file = this.#tryOpen(name);
      if (file !== undefined) return file;
      const found = await requester.find?.(name);
      const other = found === undefined ? undefined : this.#tryOpen(found);
      if (other !== undefined) return other;
    }
    const sentence = `No file ${quoted(name)} on the server: get_list_file shows what there is`;
    throw new ParleyError("not-found", sentence);
  }

  #tryOpen(name: string): DownloadFile | undefined {
    try {
      return this.#options.open(name);
    } catch (error) {
      if (error instanceof ParleyError && error.code === "not-found") return undefined;
      throw error;
    }
  }

  /** Ends all downloads. */
  close(): void {
    this.#closed = true;
    for (const one of this.#running) one.close();
  }

  async #listen(request: Request): Promise<number | undefined> {
    if (this.#running.size + this.#starting >= limits.ports) return undefined;
    this.#starting++;
    try {
      return await this.#bindFree(request);
    } finally {
      this.#starting--;
    }
  }

  /** Undefined if no port of the pool is free. */
  async #bindFree(request: Request): Promise<number | undefined> {
    const first = this.#options.firstPort ?? limits.firstPort;
    for (let i = 0; i < limits.ports; i++) {
      const port = first === 0 ? 0 : first + i;
      if (port !== 0 && (port === this.#options.skipPort || this.#reserved.has(port))) continue;
      if (port !== 0) this.#reserved.add(port);
      const running = await this.#bind(port, request);
      if (running !== undefined) return running.port;
      this.#reserved.delete(port);
    }
    return undefined;
  }

  /** Undefined if another program uses the port. */
  async #bind(port: number, request: Request): Promise<Running | undefined> {
    const { name, file, requester, claim } = request;
    const idleMs = this.#options.idleMs ?? limits.idleMs;
    const address = requester.address === undefined ? undefined : plainAddress(requester.address);
    const download = new OpenChatDownload(file.size, address, performance.now(), idleMs);
    let farthest = -1;
    const end = (sentence?: string) => {
      if (!this.#running.delete(running)) return;
      running.close();
      if (sentence === undefined) return;
      const isSent = farthest >= 0 && farthest + limits.partBytes >= file.size;
      requester.onFailed?.(`${sentence}: ${quoted(name)} was not sent completely`, isSent);
    };
    let progressMs = performance.now();
    const socket = await openPort(this.#options.host, port, (datagram, from, fromPort) => {
      const step = download.receive(datagram, plainAddress(from), fromPort, performance.now());
      if (step.type === "ignore") return undefined;
      claim.asked = true;
      if (step.type === "send" && step.offset > farthest) {
        farthest = step.offset;
        progressMs = performance.now();
      }
      if (step.type === "close") return void end(step.early ? "Too many requests" : undefined);
      const part = readPart(file, step.offset, step.length);
      if (part === undefined) return void end("The file has changed or cannot be read");
      return picklePart(part);
    });
    if (socket === undefined) return undefined;
    let timer = setTimeout(check, download.deadlineMs - performance.now());
    function check() {
      // A client whose session has ended keeps its port only while it makes progress.
      const untilMs = claim.orphaned ? progressMs + idleMs : download.deadlineMs;
      const leftMs = Math.min(untilMs, download.deadlineMs) - performance.now();
      if (leftMs <= 0) end(claim.asked ? "No further requests arrived" : "No request arrived");
      else timer = setTimeout(check, leftMs);
    }
    let isOver = false;
    const running: Running = {
      port: socket.port,
      close: () => {
        if (isOver) return;
        isOver = true;
        clearTimeout(timer);
        this.#running.delete(running);
        this.#reserved.delete(running.port);
        this.#claims.remove(claim);
        socket.close();
        file.close();
      },
    };
    this.#running.add(running);
    claim.close = running.close;
    if (this.#closed || claim.orphaned) end();
    return running;
  }
}

/** A UDP port that answers requests; undefined if it is in use. */
async function openPort(
  host: string,
  port: number,
  answer: (datagram: Uint8Array, from: string, fromPort: number) => Uint8Array | undefined,
): Promise<UdpListener | undefined> {
  let listener: UdpListener | undefined;
  try {
    listener = await UdpListener.open({
      host,
      port,
      offload: false,
      onDatagrams(datagram, path) {
        const bytes = answer(datagram, path.address, path.port);
        // What the kernel does not accept is lost, and the client requests it again.
        if (bytes !== undefined) listener?.send(bytes, bytes.length, path);
      },
    });
    return listener;
  } catch {
    return undefined;
  }
}

/** Exactly these bytes of the file as it was opened, or undefined. */
function readPart(file: DownloadFile, offset: number, length: number): Uint8Array | undefined {
  const part = new Uint8Array(length);
  try {
    let filled = 0;
    while (filled < length) {
      const read = file.read(part.subarray(filled), offset + filled);
      if (read <= 0) return undefined;
      filled += read;
    }
    return file.unchanged() ? part : undefined;
  } catch {
    return undefined;
  }
}
