// A person's key on this device: created on first use and stored in one file that only its owner
// can read. Knows no protocol.

import type { KeyObject } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { ClientIdentity } from "../client/events.ts";
import { ParleyError, systemReason } from "../errors.ts";
import { quoted } from "../text.ts";
import type { MessageSealer } from "../client/sealed-text.ts";
import { type ChannelSealer, channelSealer } from "./channel-sealer.ts";
import { DeviceKeys } from "./device-keys.ts";
import { sealerOf } from "./message-sealer.ts";
import { createSecretFile, readSecretFile } from "./secret-file.ts";

export type DeviceKey = ClientIdentity & {
  readonly path: string;
  readonly sealer: MessageSealer;
  readonly channelSealer: ChannelSealer;
};

const content = "the key to your names";

/** Loaded when a key is used: that takes 9 ms, and many fetches are without one. */
const crypto = () => process.getBuiltinModule("node:crypto");

/**
 * Reads the Ed25519 key in that file (PKCS #8, PEM), or creates one.
 * @throws ParleyError `failed`
 */
export function openIdentity(path: string): DeviceKey {
  try {
    const existing = readSecretFile(path, content);
    if (existing !== undefined) return identityOf(path, existing);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    createSecretFile(path, newKey());
    // Another client started at the same moment may have created it first.
    return identityOf(path, readSecretFile(path, content) ?? "");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const message = systemReason(error);
    throw new ParleyError(
      "failed",
      `Your key can't be kept in ${quoted(path, 300)} (${message}): choose another file with --identity`,
    );
  }
}

function newKey(): string {
  const { privateKey } = crypto().generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function identityOf(path: string, pem: string): DeviceKey {
  const privateKey = parse(pem);
  const { x, d } = privateKey?.export({ format: "jwk" }) ?? {};
  if (privateKey === undefined || x === undefined || d === undefined) {
    throw new ParleyError(
      "failed",
      `${quoted(path, 300)} is not an Ed25519 key: restore it from a backup. ` +
        "Without it a new one is made, which your names do not belong to",
    );
  }
  const keys = new DeviceKeys(Buffer.from(d, "base64url"));
  return {
    path,
    sealer: sealerOf(keys),
    channelSealer: channelSealer(keys),
    key: x,
    sign: (text) => crypto().sign(null, Buffer.from(text), privateKey).toString("base64url"),
  };
}

function parse(pem: string): KeyObject | undefined {
  try {
    const key = crypto().createPrivateKey(pem);
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch {
    return undefined;
  }
}
