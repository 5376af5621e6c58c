// What `parley client` needs to seal private messages: this device's key, and two files next to it.

import { dirname, join } from "node:path";
import type { LinkingDevice } from "../../client/device-links.ts";
import type { SealingDevice } from "../../client/sealing-device.ts";
import type { OwnKeys } from "../../client/siblings.ts";
import { ParleyError } from "../../errors.ts";
import { hostPortText, type Address } from "../../io/host-port.ts";
import { secretBytes } from "../../secrets.ts";
import { quoted } from "../../text.ts";
import type { DeviceKey } from "../../tls/identity-key.ts";
import { wordsOf } from "../../tls/key-words.ts";
import { verifySignature } from "../../tls/verify-signature.ts";
import { KnownKeysFile } from "../../tls/known-keys-file.ts";
import { authenticate, newLinkSecret } from "../../tls/link-secret.ts";
import { OwnDevicesFile } from "../../tls/own-devices-file.ts";
import { SeenFile } from "../../tls/seen-file.ts";
import type { OwnDeviceNews } from "../../trust/own-devices.ts";
import { warn } from "../output/diagnostics.ts";

/** Undefined without a key. */
export function sealingDevice(
  identity: DeviceKey | undefined,
  to: Address,
): SealingDevice | undefined {
  if (identity === undefined) return undefined;
  const { key, path, sealer } = identity;
  const seenPath = `${path}.seen`;
  const seen = new SeenFile(seenPath, Date.now(), (problem) =>
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
    own: ownDevices(identity, to),
  };
}

/** What it needs to be connected to other devices of its user. */
export function linkingDevice(identity: DeviceKey, to: Address): LinkingDevice {
  const { key } = identity;
  const own = ownDevices(identity, to);
  const remember = (name: string, news: OwnDeviceNews): void => {
    try {
      own.add(name, news);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      warn(error.message);
    }
  };
  const sign = (text: string): string => identity.sign(text);
  return { key, sign, authenticate, newLinkSecret, remember, now: Date.now };
}

/** The user's other devices, as far as this one knows them. */
function ownDevices(identity: DeviceKey, to: Address): OwnKeys {
  const file = new OwnDevicesFile(`${identity.path}.devices`, hostPortText(to), Date.now);
  return {
    find: (name) => file.find(name),
    add: (name, news) => file.add(name, news),
    authenticate,
  };
}
