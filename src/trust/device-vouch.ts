// How an existing device of an account vouches for a new one (docs/protocol.md, "Identity"): it
// signs the new key. It authenticates that key with a secret that only the two devices share,
// because the owner carried it from one to the other in the code; the server, which relays
// everything, can't substitute a key of its own. In return it proves its own key to the new device
// with the same secret. Pure; signing and verifying happen elsewhere.

import { fold } from "../chat/names/grammar.ts";
import { signatureForm, publicKeyForm } from "./login-proof.ts";

/**
 * The device with the key `by` attests that `key` is a device of the same person. `proof`
 * authenticates `by` for the device with that key.
 */
export type Vouch = { key: string; by: string; signature: string; proof?: string | undefined };

export type Verify = (key: string, text: string, signature: string) => boolean;

/** The text to sign. Names and keys contain no NUL, so it is unambiguous. */
export function vouchText(name: string, key: string): string {
  return `parley device\0${fold(name)}\0${key}`;
}

/** What the joining device authenticates with the shared secret. */
export function linkText(key: string): string {
  return `parley link\0${key}`;
}

/** What the device that vouches authenticates in return, with the key that it vouches for. */
export function backText(by: string, key: string): string {
  return `parley linked\0${by}\0${key}`;
}

/** HMAC-SHA256 in base64url. */
export const linkProofForm = /^[\w-]{43}$/;

/** The form in which the store keeps it, next to the key. */
export function vouchRecord({ by, signature, proof }: Omit<Vouch, "key">): string {
  return proof === undefined ? `${by}:${signature}` : `${by}:${signature}:${proof}`;
}

export function readVouch(key: string, record: string): Vouch | undefined {
  const [by = "", signature = "", proof] = record.split(":");
  if (!publicKeyForm.test(by) || !signatureForm.test(signature)) return undefined;
  return { key, by, signature, ...(proof !== undefined && { proof }) };
}

/** The known keys, and all that they vouch for, directly or through other vouched keys. */
export function vouchedKeys(
  name: string,
  known: readonly string[],
  vouches: readonly Vouch[],
  verify: Verify,
): ReadonlySet<string> {
  const trusted = new Set(known);
  // Each round accepts at least one more key, or is the last.
  for (let size = -1; size !== trusted.size;) {
    size = trusted.size;
    for (const { key, by, signature } of vouches) {
      if (trusted.has(key) || !trusted.has(by)) continue;
      if (verify(by, vouchText(name, key), signature)) trusted.add(key);
    }
  }
  return trusted;
}

/** Whether every key is known, or vouched for by known ones. */
export function areVouched(
  name: string,
  known: readonly string[],
  keys: readonly string[],
  vouches: readonly Vouch[],
  verify: Verify,
): boolean {
  const trusted = vouchedKeys(name, known, vouches, verify);
  return keys.every((key) => trusted.has(key));
}

/** Length of the server's part of a code; the rest is the secret, which the server never sees. */
const codeChars = 10;
export const linkSecretChars = 15;
export const linkSecretForm = /^[0-9a-z]{15}$/;

/**
 * A code as displayed: `xxxxx-xxxxx` from the server, then three groups that the server does not
 * know.
 */
export function writeLinkCode(code: string, secret: string): string {
  return [code, ...(secret.match(/.{1,5}/g) ?? [])].join("-");
}

/** Parses a typed code; without a secret if the code has none, like those from a browser. */
export function readLinkCode(typed: string): { code: string; secret: string | undefined } {
  const plain = typed.slice(0, maxTypedChars).toLowerCase().replaceAll(/[\s-]/g, "");
  const chars = plain.replaceAll("o", "0").replaceAll(/[il]/g, "1");
  if (chars.length !== codeChars + linkSecretChars) return { code: typed, secret: undefined };
  return { code: chars.slice(0, codeChars), secret: chars.slice(codeChars) };
}

const maxTypedChars = 64;
