// Compares a local file with the server's: by size and modification time, or by SHA-256. No file
// contents cross the network.

import { closeSync, openSync, readSync } from "node:fs";
import { ParleyError } from "../errors.ts";
import { fetching, transfer as wire } from "../limits.ts";
import { quietly } from "./cleanup.ts";
import { type ControlClient, errorOf } from "./control-client.ts";
import { readReason } from "./file-reason.ts";
import { checkOffer } from "./offer.ts";

export interface LocalFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** Compare the contents too. */
  readonly byContent: boolean;
  /** How long the server may say nothing about its SHA-256; it reports while it computes it. */
  readonly digestTimeoutMs: number;
}

export interface Comparison {
  readonly isSame: boolean;
  readonly isSameSize: boolean;
  /**
   * The SHA-256 of both files in hexadecimal, if they were compared by content and are identical.
   */
  readonly sha256?: string;
}

/** @throws ParleyError the server's error, or why the connection was lost; `stalled`, `storage` */
export async function compareWithLocal(
  control: ControlClient,
  name: string,
  local: LocalFile,
): Promise<Comparison> {
  const theirs = Promise.withResolvers<string>();
  theirs.promise.catch(() => {});
  let transfer: number | undefined;
  let heardAtMs = performance.now();
  control.onTransferMessage = (message) => {
    // It may arrive together with the offer.
    if (message.type === "tree") return;
    if (transfer !== undefined && message.transfer !== transfer) return;
    heardAtMs = performance.now();
    if (message.type === "digest") theirs.resolve(message.sha256.toLowerCase());
    else if (message.type === "error") theirs.reject(errorOf(message));
  };
  control.onLost = (reason) => theirs.reject(reason);
  const { byContent } = local;
  const request = { type: "fetch", name, check: true } as const;
  const offer = checkOffer(await control.fetch(byContent ? { ...request, sha256: true } : request));
  transfer = offer.transfer;
  let watch: Timer | undefined;
  try {
    const isSameSize = offer.size === local.size;
    if (!isSameSize) return { isSame: false, isSameSize };
    if (!byContent) return { isSame: isSameTime(local.mtimeMs, offer.modified), isSameSize };
    const ours = await hashLocal(local);
    heardAtMs = performance.now();
    watch = setInterval(() => {
      if (performance.now() - heardAtMs <= local.digestTimeoutMs) return;
      const sentence = `${control.where} does not send the SHA-256 of '${name}'.`;
      theirs.reject(new ParleyError("stalled", sentence));
    }, fetching.silenceStepMs);
    const isSame = ours === (await theirs.promise);
    return isSame ? { isSame, isSameSize, sha256: ours } : { isSame, isSameSize };
  } finally {
    clearInterval(watch);
    control.send({ type: "fetched", transfer: offer.transfer });
  }
}

/**
 * Compares in whole milliseconds, like offers; some file systems only store whole or even seconds.
 */
export function isSameTime(localMs: number, offeredMs: number): boolean {
  const isCoarse = localMs % 1_000 === 0;
  const apartMs = Math.abs(Math.floor(localMs) - offeredMs);
  return isCoarse ? apartMs < 2_000 : apartMs === 0;
}

/** In slices, between other work. @throws ParleyError `storage` */
async function hashLocal({ path }: LocalFile): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const buffer = new Uint8Array(wire.readBackBytes);
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    for (let at = 0; ;) {
      const got = readSync(fd, buffer, 0, buffer.length, at);
      if (got === 0) return hasher.digest("hex");
      hasher.update(buffer.subarray(0, got));
      at += got;
      await new Promise<void>((go) => setImmediate(go));
    }
  } catch (error) {
    const reason = readReason(error);
    throw new ParleyError("storage", `Cannot read '${path}' to compare it: ${reason}`);
  } finally {
    const opened = fd;
    if (opened !== undefined) quietly(() => closeSync(opened));
  }
}
