// What `parley client` needs to seal private messages: this device's key, and two files next to it.

import { dirname, join } from "node:path";
import type { SealingDevice } from "../client/private-messages.ts";
import { hostPortText, type Address } from "../io/host-port.ts";
import { secretBytes } from "../secrets.ts";
import { quoted } from "../text.ts";
import type { DeviceKey } from "../tls/identity-key.ts";
import { wordsOf } from "../tls/key-words.ts";
import { verifySignature } from "../tls/verify-signature.ts";
import { KnownKeysFile } from "../tls/known-keys-file.ts";
import { SeenFile } from "../tls/seen-file.ts";
import { warn } from "./diagnostics.ts";

/** Undefined without a key. */
export function sealingDevice(
  identity: DeviceKey | undefined,
  to: Address,
): SealingDevice | undefined {
  if (identity === undefined) return undefined;
  const { key, path, sealer } = identity;
  const seenPath = `${path}.seen`;
  const seen = new SeenFile(seenPath, (problem) =>
    warn(
      `Sealed messages can't be remembered in ${quoted(seenPath, 300)} (${problem}): ` +
        "repeated ones are not detected after a restart",
    ),
  );
  return {
    key,
    sealer,
    people: new KnownKeysFile(join(dirname(path), "known_keys"), hostPortText(to)),
    seen,
    now: Date.now,
    newId: () => Buffer.from(secretBytes(16)).toString("base64url"),
    wordsOf,
    verify: verifySignature,
  };
}
