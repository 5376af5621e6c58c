// Fetches a folder with everything in it: first the complete list, which is checked as a whole;
// then all files that are missing, small ones in batches, large ones one by one. Prints nothing.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { ParleyError } from "../errors.ts";
import type { FileLook } from "../io/file-calls.ts";
import { transfer as wire, tree } from "../limits.ts";
import type { TreePage } from "../protocol/messages.ts";
import { quoted } from "../text.ts";
import { isBatched } from "../transfer/tree/batch.ts";
import { planBatches, type PlannedBatch } from "../transfer/tree/batch-plan.ts";
import { Manifest, type ManifestBounds, pathOf, type TreeNode } from "../transfer/tree/manifest.ts";
import { SavedNames } from "../transfer/tree/saved-names.ts";
import { BatchDownload } from "./batch-download.ts";
import type { FetchEvent, FileTarget } from "./fetch-events.ts";
import { checkFolderOf, fileReason, lookAt, ownFailures } from "./file-reason.ts";
import { checkRoom, freeRoom } from "./free-room.ts";
import { FolderProgress } from "./folder-progress.ts";
import type { Incoming } from "./incoming.ts";
import { isSameTime } from "./local-copy.ts";
import { nameRulesOf } from "./name-probe.ts";
import { TargetTree } from "./target-tree.ts";
import { scanTree, type ScanOptions, type TreeScan } from "./tree-scan.ts";
import { WorkSlices } from "./work-slices.ts";

/** A source of folders; `DownloadClient` is one. */
export interface TreeClient {
  /** Lists a folder, starting after the path that `after` returns. @throws ParleyError */
  listTree(
    name: string,
    after: () => string | undefined,
    onPage: (page: TreePage) => void,
  ): Promise<void>;
  /** Fetches one file. @throws ParleyError */
  fetch(name: string, target: FileTarget, onEvent: (event: FetchEvent) => void): Promise<void>;
  /** Makes attempts until everything has arrived. @throws ParleyError */
  receive(name: string, incoming: Incoming): Promise<void>;
  /** @throws ParleyError if the fetch has been stopped from outside */
  throwIfStopped(): void;
  /** Nobody on the path can read or change the traffic. */
  readonly isSealed: boolean;
  /** Datagrams do not get through. */
  readonly isBlocked: boolean;
  /** Upper bounds for lists; undefined: the defaults. */
  readonly listBounds?: ManifestBounds | undefined;
  /** Bytes requested ahead of what has been written; undefined: the default. */
  readonly aheadBytes?: number | undefined;
  /** Called while something is written to the disk, between other work. */
  onWork(): void;
}

export interface FolderFetchOptions extends ScanOptions {
  /** Fetch each file separately, certified by SHA-256. */
  readonly sha256: boolean;
  onEvent(event: FetchEvent): void;
}

/**
 * Fetches the folder `name` into `path`, which is created unless it exists; its parent must exist.
 * Resolves when everything is in place.
 * @throws ParleyError `protocol` for an invalid list, before anything is written; as
 * `DownloadClient.fetch`; the first failure's code if single files could not be fetched
 */
export async function fetchFolder(
  client: TreeClient,
  name: string,
  path: string,
  options: FolderFetchOptions,
): Promise<void> {
  const startedMs = performance.now();
  const manifest = await manifestOf(client, name);
  const isNew = checkPlace(path);
  const names = SavedNames.choose(manifest, rulesOf(isNew ? dirname(path) : path));
  const target = new TargetTree(path, names);
  try {
    const scan = await scanTree(manifest.nodes, isNew ? undefined : target, options);
    const fetch = new FolderFetch({
      client,
      name,
      manifest,
      names,
      target,
      scan,
      options,
      startedMs,
    });
    checkRoomFor(isNew ? dirname(path) : path, name, scan);
    fetch.announce();
    if (isNew) makeRoot(path);
    await fetch.run();
  } finally {
    target.close();
  }
}

interface FolderFetchParts {
  readonly client: TreeClient;
  readonly name: string;
  readonly manifest: Manifest;
  readonly names: SavedNames;
  readonly target: TargetTree;
  readonly scan: TreeScan;
  readonly options: FolderFetchOptions;
  readonly startedMs: number;
}

class FolderFetch {
  readonly #parts: FolderFetchParts;
  readonly #progress: FolderProgress;
  /** Nodes that have failed since the scan. */
  readonly #failed = new Set<TreeNode>();
  #firstFailure: ParleyError | undefined;
  #failedFiles = 0;
  #files = 0;
  #bytes = 0;
  #sameContent = 0;

  constructor(parts: FolderFetchParts) {
    this.#parts = parts;
    const { options, scan } = parts;
    this.#progress = new FolderProgress(this.#shown, scan.wantedBytes, options.onEvent);
  }

  get #shown(): string {
    return `${this.#parts.name}/`;
  }

  /** Announces what will be done before anything is. */
  announce(): void {
    const { manifest, names, target, scan, options, client } = this.#parts;
    const { bytes, ...totals } = manifest.totals;
    options.onEvent({
      event: "tree",
      name: this.#shown,
      path: target.path,
      ...totals,
      size: bytes,
      renamed: names.count,
      unchanged: scan.unchanged,
      wantedBytes: scan.wantedBytes,
      sealed: client.isSealed,
    });
    for (const { path, kind } of manifest.leftOut) {
      options.onEvent({ event: "left-out", name: this.#shown + path, kind });
    }
    let named = 0;
    for (const { node, path } of names.list()) {
      if (++named > tree.maxNamed) break;
      options.onEvent({ event: "renamed", name: this.#shown + path, path: target.pathOf(node) });
    }
  }

  async run(): Promise<void> {
    const { manifest, scan, client, options } = this.#parts;
    for (const [node, error] of scan.failed) this.#fail(node, error, scan.failed);
    await this.#createAll();
    const alone: TreeNode[] = [];
    const small = new Set<TreeNode>();
    for (const node of manifest.nodes) {
      if (node.isFolder || this.#failed.has(node)) continue;
      if (scan.unsure.has(node)) alone.push(node);
      else if (!scan.wanted.has(node)) continue;
      else if (options.sha256 || !(isBatched(node.size) || node.size === 0)) alone.push(node);
      else if (node.size > 0) small.add(node);
    }
    for (const planned of planBatches(manifest.nodes, small)) {
      alone.push(...(await this.#fetchBatch(planned)));
    }
    for (const node of alone) await this.#fetchAlone(node);
    client.throwIfStopped();
    await this.#finishFolders();
    this.#report();
  }

  /** Creates folders and empty files. */
  async #createAll(): Promise<void> {
    const { manifest, scan, target, options } = this.#parts;
    const slices = new WorkSlices(() => this.#handleWork());
    for (const node of manifest.nodes) {
      const isEmpty = !node.isFolder && node.size === 0 && scan.wanted.has(node) && !options.sha256;
      if (!isEmpty && !scan.newFolders.has(node)) continue;
      if (slices.isOver) await slices.rest();
      if (isEmpty) this.#save(node, new Uint8Array());
      else this.#guard(node, () => target.makeFolder(node));
    }
  }

  /** Returns files that must be fetched separately after all. */
  async #fetchBatch(planned: PlannedBatch): Promise<Iterable<TreeNode>> {
    const { client, name } = this.#parts;
    const download = new BatchDownload({
      name,
      planned,
      aheadBytes: client.aheadBytes,
      save: (node, bytes) => this.#save(node, bytes),
      onTurn: () => this.#progress.update(this.#bytes),
      onWork: () => this.#handleWork(),
    });
    for (let tries = 0; tries < wire.maxVersions; tries++) {
      try {
        await client.receive(name, download);
        return download.lost;
      } catch (error) {
        // Files changed while they were being sent. Files already saved stay.
        if (!(error instanceof ParleyError) || error.code !== "changed") throw error;
      }
    }
    return [...download.lost, ...download.left];
  }

  async #fetchAlone(node: TreeNode): Promise<void> {
    const { client, name, target, options } = this.#parts;
    const path = target.at(node);
    const shownPath = target.pathOf(node);
    const before = this.#bytes;
    const onEvent = (event: FetchEvent): void => {
      if (event.event === "progress") this.#progress.update(before + event.receivedBytes);
      else if (event.event === "done") {
        this.#count(node);
        target.setMode(node);
        if (options.sha256) options.onEvent({ ...event, path: shownPath });
      } else if (event.event === "unchanged") {
        this.#sameContent++;
        options.onEvent({ ...event, path: shownPath });
      } else if (event.event === "retry" || event.event === "fallback") options.onEvent(event);
    };
    try {
      const mode = node.mode | 0o600;
      await client.fetch(`${name}/${pathOf(node)}`, { kind: "file", path, mode }, onEvent);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      // The file itself first, since its folder is the beginning of its path.
      const sentence = error.message
        .replaceAll(path, () => shownPath)
        .replaceAll(dirname(path), () => dirname(shownPath));
      const readable = new ParleyError(error.code, sentence);
      if (!ownFailures.has(error.code)) throw readable;
      this.#fail(node, readable);
    }
  }

  #save(node: TreeNode, bytes: Uint8Array): void {
    const { target, options } = this.#parts;
    this.#guard(node, () => {
      if (target.save(node, bytes, options.force)) this.#count(node);
      else if (isSameAs(target.look(node), node)) this.#sameContent++;
      else {
        const sentence = `'${target.pathOf(node)}' was created by another program meanwhile: \`--force\` replaces it.`;
        this.#fail(node, new ParleyError("differs", sentence));
      }
    });
  }

  #count(node: TreeNode): void {
    const { name, target, options } = this.#parts;
    this.#files++;
    this.#bytes += node.size;
    const path = target.pathOf(node);
    options.onEvent({ event: "saved", name: `${name}/${pathOf(node)}`, path, size: node.size });
  }

  /** @throws ParleyError `storage`: after one failure, further writes would fail too */
  #guard(node: TreeNode, work: () => void): void {
    try {
      work();
    } catch (error) {
      const path = this.#parts.target.pathOf(node);
      throw new ParleyError(
        "storage",
        `Cannot write '${path}': ${fileReason(error)}; what has arrived is kept, fetch again to resume`,
      );
    }
  }

  /** `others`: further failed nodes. Nodes below a failed folder are not reported. */
  #fail(
    node: TreeNode,
    error: ParleyError,
    others: ReadonlyMap<TreeNode, ParleyError> = new Map(),
  ): void {
    this.#failed.add(node);
    this.#firstFailure ??= error;
    if (!node.isFolder) this.#failedFiles++;
    if (node.parent !== undefined && others.has(node.parent)) return;
    const { code, message } = error;
    const name = `${this.#parts.name}/${pathOf(node)}`;
    this.#parts.options.onEvent({ event: "failed", name, code, message });
  }

  /** Sets folder times, innermost first. */
  async #finishFolders(): Promise<void> {
    const { manifest, target } = this.#parts;
    const slices = new WorkSlices(() => this.#handleWork());
    for (const node of manifest.nodes.toReversed()) {
      if (!node.isFolder || this.#failed.has(node)) continue;
      if (slices.isOver) await slices.rest();
      target.setFolderTime(node);
    }
  }

  /** @throws ParleyError if the fetch has been stopped from outside */
  #handleWork(): void {
    const { client } = this.#parts;
    client.throwIfStopped();
    client.onWork();
  }

  /** @throws ParleyError if files could not be fetched */
  #report(): void {
    const { manifest, names, target, scan, options, client, startedMs } = this.#parts;
    const { folders, links, others, files } = manifest.totals;
    const seconds = (performance.now() - startedMs) / 1_000;
    options.onEvent({
      event: "folder",
      name: this.#shown,
      path: target.path,
      files: this.#files,
      size: this.#bytes,
      folders,
      unchanged: scan.unchanged + this.#sameContent,
      renamed: names.count,
      links,
      others,
      failed: this.#failedFiles,
      sealed: client.isSealed,
      over: client.isBlocked ? "control" : "udp",
      seconds: Math.round(seconds * 10_000) / 10_000,
      goodputBytesPerSecond: Math.round(this.#bytes / seconds),
    });
    if (this.#firstFailure === undefined) return;
    const sentence = `${this.#failedFiles} of ${files} files of ${quoted(this.#shown, 200)} not fetched`;
    throw new ParleyError(this.#firstFailure.code, sentence);
  }
}

/** The complete list of a folder. @throws ParleyError `protocol` if it is invalid; as `listTree` */
export async function manifestOf(client: TreeClient, name: string): Promise<Manifest> {
  const manifest = new Manifest(client.listBounds);
  await client.listTree(
    name,
    () => manifest.last,
    ({ entries }) => {
      for (const entry of entries) {
        const problem = manifest.add(entry);
        if (problem === undefined) continue;
        const shown = quoted(`${name}/${entry.path}`, 200);
        throw new ParleyError(
          "protocol",
          `The server's list of ${quoted(`${name}/`, 200)} has ${problem}, ${shown}: nothing of it was saved.`,
        );
      }
    },
  );
  return manifest;
}

/** Whether `path` must be created. @throws ParleyError `storage`, `differs` */
function checkPlace(path: string): boolean {
  const found = lookAt(path);
  if (found?.isDirectory()) return false;
  if (found !== undefined) {
    throw new ParleyError(
      "differs",
      `'${path}' exists and is not a folder: save elsewhere with -o`,
    );
  }
  checkFolderOf(path);
  return true;
}

/** @throws ParleyError `storage` if nothing can be created in the folder */
function rulesOf(folder: string): ReturnType<typeof nameRulesOf> {
  try {
    return nameRulesOf(folder);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

function makeRoot(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Another fetch of the same folder has created it.
    if (lookAt(path)?.isDirectory() !== true) throw cannotWrite(path, error);
  }
}

function cannotWrite(path: string, error: unknown): ParleyError {
  return new ParleyError(
    "storage",
    `Cannot write '${path}': ${fileReason(error)}. Choose another place with -o`,
  );
}

/** @throws ParleyError `storage` if the disk has too little room */
function checkRoomFor(folder: string, name: string, scan: TreeScan): void {
  const { wanted, wantedBytes, heldBytes } = scan;
  const room = freeRoom(folder);
  // On average, half a block of each file is unused.
  const unusedBytes = (wanted.size * (room?.blockBytes ?? 0)) / 2;
  checkRoom(folder, `${name}/`, wantedBytes + unusedBytes - heldBytes, room);
}

/** Whether another fetch of the same folder has saved the file meanwhile. */
function isSameAs(found: FileLook | undefined, { size, modified }: TreeNode): boolean {
  return found?.kind === "file" && found.size === size && isSameTime(found.mtimeMs, modified);
}
