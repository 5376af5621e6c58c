// Compares a local file with the server's by their prefix digests, in slices, up to the first chunk
// that differs. No file data crosses the network.

import { closeSync, openSync, readSync } from "node:fs";
import { ParleyError } from "../errors.ts";
import { transfer as wire } from "../limits.ts";
import { DigestCheck } from "../transfer/digests.ts";
import { quietly } from "./cleanup.ts";
import { type ControlClient, errorOf } from "./control-client.ts";
import { fileReason } from "./file-reason.ts";
import type { TransferMessage } from "../protocol/messages.ts";
import { checkOffer } from "./offer.ts";

/**
 * `sha256` (hexadecimal) if the two files are identical.
 * @throws ParleyError the server's error, or why the connection was lost
 */
export async function compareWithLocal(
  control: ControlClient,
  name: string,
  path: string,
  localBytes: number,
): Promise<{ sha256?: string }> {
  const messages: TransferMessage[] = [];
  let arrived = Promise.withResolvers<void>();
  control.onTransferMessage = (message) => {
    messages.push(message);
    arrived.resolve();
  };
  const offer = checkOffer(await control.fetch({ type: "fetch", name, check: true }));
  if (offer.size !== localBytes) {
    control.send({ type: "fetched", transfer: offer.transfer });
    return {};
  }
  const check = new DigestCheck(offer.size, offer.chunkBytes, () => new Bun.CryptoHasher("sha256"));
  const fd = openLocal(path);
  const buffer = new Uint8Array(wire.readBackBytes);
  try {
    for (;;) {
      for (const message of messages.splice(0)) {
        if (message.transfer !== offer.transfer) continue;
        if (message.type === "error") throw errorOf(message);
        if (message.type === "digests") {
          check.accept(message.from, Buffer.from(message.data, "base64"));
        } else if (message.type === "digest") {
          check.acceptWhole(Buffer.from(message.sha256, "hex"));
        }
      }
      const room = check.checkableBytes - check.hashedBytes;
      const got =
        room > 0 ? readSync(fd, buffer, 0, Math.min(room, buffer.length), check.hashedBytes) : 0;
      for (let at = 0; at < got;) at += check.update(buffer.subarray(at, got));
      if (check.compare() !== undefined || check.contradicted || (room > 0 && got === 0)) return {};
      if (check.whole !== undefined) return { sha256: Buffer.from(check.whole).toString("hex") };
      if (got > 0) await new Promise<void>((go) => setImmediate(go));
      else if (messages.length === 0) {
        const lost = await Promise.race([arrived.promise, control.lost]);
        if (lost !== undefined) throw lost;
        arrived = Promise.withResolvers<void>();
      }
    }
  } finally {
    quietly(() => closeSync(fd));
    control.send({ type: "fetched", transfer: offer.transfer });
  }
}

/** @throws ParleyError `storage` */
function openLocal(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    const reason = fileReason(error);
    throw new ParleyError("storage", `Cannot read '${path}' to compare it: ${reason}`);
  }
}
