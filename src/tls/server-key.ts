// A server's key and certificate: created at the first start, stored in one file that only its
// owner can read, and never changed. Knows no sockets.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { ParleyError, systemReason } from "../errors.ts";
import { quoted } from "../text.ts";
import { createKeyPair, type KeyPair } from "./certificate.ts";
import { createSecretFile, readSecretFile } from "./secret-file.ts";
import { pinOf } from "./spki-pin.ts";

export type ServerKey = KeyPair & {
  /** Clients recognize the server by it. */
  readonly pin: string;
};

const fileName = "server.pem";
const content = "the server's key";

/**
 * Reads the key in this folder, or creates one. Folder and file are created if missing, with access
 * only for their owner. `isInFolder`: the folder that it is in must exist, which may be on a disk
 * that is not mounted.
 * @throws ParleyError `failed`
 */
export async function openServerKey(
  folder: string,
  { isInFolder = false } = {},
): Promise<ServerKey> {
  const path = join(folder, fileName);
  try {
    const existing = readSecretFile(path, content);
    if (existing !== undefined) return parse(path, existing);
    const { key, cert } = await createKeyPair(Date.now());
    if (isInFolder && !existsSync(dirname(folder))) {
      throw new Error(`there is no folder ${quoted(dirname(folder), 300)}`);
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    createSecretFile(path, `${key}${cert}`);
    // Another server started at the same moment may have created it first.
    return parse(path, readSecretFile(path, content) ?? "");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const message = systemReason(error);
    throw failed(
      `The server's key can't be kept in ${quoted(path, 300)} (${message}): choose another folder with --state`,
    );
  }
}

/**
 * Puts the file back if it was removed while the server is using the key, of which there may be no
 * other copy. Returns whether it was missing.
 * @throws ParleyError `failed` if it can't be put back
 */
export function restoreServerKey(folder: string, { key, cert }: KeyPair): boolean {
  const path = join(folder, fileName);
  try {
    // What a link leads to may be on a disk that is not mounted at the moment.
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return false;
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    createSecretFile(path, `${key}${cert}`);
    return true;
  } catch (error) {
    throw failed(
      `The server's key is no longer in ${quoted(path, 300)}, and can't be put back (${systemReason(error)}): ` +
        "restore it from a backup, or the next start makes a new one, which clients refuse",
    );
  }
}

function parse(path: string, pem: string): ServerKey {
  try {
    const certificate = new X509Certificate(pem);
    const key = createPrivateKey(pem);
    if (!certificate.checkPrivateKey(key)) throw failed("the certificate is for another key");
    return {
      key: key.export({ type: "pkcs8", format: "pem" }).toString(),
      cert: certificate.toString(),
      pin: pinOf(certificate),
    };
  } catch (error) {
    const message = error instanceof ParleyError ? error.message : "it is damaged";
    throw failed(
      `${quoted(path, 300)} is not a server's key (${message}): restore it from a backup. ` +
        "Without it a new one is made, and clients refuse a server whose key has changed",
    );
  }
}

function failed(sentence: string): ParleyError {
  return new ParleyError("failed", sentence);
}
