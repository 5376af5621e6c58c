// A server's key and certificate: made at the first start, kept in one file that only its owner can
// read, and the same ever after. Knows no sockets.

import { createPrivateKey, X509Certificate } from "node:crypto";
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../errors.ts";
import { secretText } from "../secrets.ts";
import { quoted } from "../text.ts";
import type { KeyPair } from "./certificate.ts";
import { pinOf } from "./spki-pin.ts";

export type ServerKey = KeyPair & {
  /** By which clients recognize the server. */
  readonly pin: string;
};

const fileName = "server.pem";

/**
 * Reads the key in this folder, or makes one. Both are created if missing, for their owner alone.
 * @throws ParleyError `failed`
 */
export async function openServerKey(folder: string): Promise<ServerKey> {
  const path = join(folder, fileName);
  try {
    const existing = read(path);
    if (existing !== undefined) return parse(path, existing);
    const { createKeyPair } = await import("./certificate.ts");
    const { key, cert } = await createKeyPair(Date.now());
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    publish(path, `${key}${cert}`);
    // Another server that was started at the same moment may have been first.
    return parse(path, read(path) ?? "");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const { message } = error as Error;
    throw failed(
      `The server's key can't be kept in ${quoted(path, 300)} (${message}): choose another folder with --state`,
    );
  }
}

function read(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    if (isOpenToOthers(fd) && keepsModes(path)) {
      throw failed(
        `${quoted(path, 300)} holds the server's key, and others can read it: chmod 600 it`,
      );
    }
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function isOpenToOthers(fd: number): boolean {
  return process.platform !== "win32" && (fstatSync(fd).mode & 0o077) !== 0;
}

/** On file systems without modes, such as exFAT, whoever mounts them decides who may read. */
function keepsModes(path: string): boolean {
  const probe = `${path}.${secretText(6)}`;
  try {
    const fd = openSync(probe, "wx", 0o600);
    const isOpen = isOpenToOthers(fd);
    closeSync(fd);
    unlinkSync(probe);
    return !isOpen;
  } catch {
    return true;
  }
}

function parse(path: string, pem: string): ServerKey {
  try {
    const certificate = new X509Certificate(pem);
    const key = createPrivateKey(pem);
    if (!certificate.checkPrivateKey(key)) throw new Error("the certificate is for another key");
    return {
      key: key.export({ type: "pkcs8", format: "pem" }).toString(),
      cert: certificate.toString(),
      pin: pinOf(certificate),
    };
  } catch (error) {
    const { message } = error as Error;
    throw failed(
      `${quoted(path, 300)} is not a server's key (${message}): restore it from a backup. ` +
        "Without it a new one is made, and clients refuse a server whose key has changed",
    );
  }
}

/** Puts a whole file in place, or nothing; leaves a file that is there already. */
function publish(path: string, content: string): void {
  const temporary = `${path}.${secretText(6)}`;
  try {
    const fd = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    try {
      linkSync(temporary, path);
    } catch (error) {
      if ((error as { code?: string }).code === "EEXIST") return;
      // A file system without hard links.
      copyFileSync(temporary, path, constants.COPYFILE_EXCL);
    }
  } finally {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
  }
}

function failed(sentence: string): ParleyError {
  return new ParleyError("failed", sentence);
}
