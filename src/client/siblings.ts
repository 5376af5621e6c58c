// Which of the keys under a user's own name belong to devices that this one knows by itself: those
// that a code has connected it to, and those that they vouch for. The server's word is not enough:
// it could add a key of its own, and read what is sealed for it. Pure.

import { sealed as limits } from "../limits.ts";
import { publicKeyForm } from "../trust/login-proof.ts";
import { backText, type Verify, type Vouch, vouchedKeys } from "../trust/device-vouch.ts";
import type { OwnDeviceNews, OwnDevices } from "../trust/own-devices.ts";

/** The store of the user's own devices. `find` and `add` may throw a `ParleyError`. */
export type OwnKeys = {
  find(name: string): OwnDevices;
  add(name: string, news: OwnDeviceNews): void;
  /** HMAC-SHA256 in base64url. */
  authenticate(secret: string, text: string): string;
};

type Device = { readonly key: string; readonly verify: Verify; readonly own: OwnKeys };

/**
 * `listed` and `vouches`: what the server says about `name`, the user's own. Remembers devices that
 * it comes to know, and those that are no longer listed.
 */
export function siblingsOf(
  name: string,
  device: Device,
  listed: readonly string[],
  vouches: readonly Vouch[],
): readonly string[] {
  const { key: self, verify, own } = device;
  if (!listed.includes(self)) return [];
  const proved = provedKeys(device, own.find(name).secret, vouches);
  for (const key of proved) own.add(name, { key });
  const { keys, gone } = own.find(name);
  const left = keys.filter((key) => !listed.includes(key));
  for (const key of left) own.add(name, { gone: key });
  const isGone = new Set([...gone, ...left]);
  const known = keys.filter((key) => !isGone.has(key));
  const counting = vouches.filter(({ key, by }) => !isGone.has(key) && !isGone.has(by));
  const trusted = vouchedKeys(name, [self, ...known], counting, verify);
  const siblings = [...new Set(listed)].filter(
    (key) => key !== self && trusted.has(key) && publicKeyForm.test(key),
  );
  for (const key of siblings) if (!known.includes(key)) own.add(name, { key });
  return siblings.slice(0, limits.maxBoxes);
}

/** Keys that are authenticated by the secret of the code that this device has joined with. */
function provedKeys(
  { key: self, own }: Device,
  secret: string | undefined,
  vouches: readonly Vouch[],
): string[] {
  if (secret === undefined) return [];
  return vouches.flatMap(({ key, by, proof }) => {
    const isProved = key === self && proof === own.authenticate(secret, backText(by, self));
    return isProved && publicKeyForm.test(by) ? [by] : [];
  });
}
