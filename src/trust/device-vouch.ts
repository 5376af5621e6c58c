// How a device that is in vouches for one that joins (docs/protocol.md, "Identity"): it signs the new
// key. It learns which key that is by a secret that only the two devices share, because the owner
// has carried it from one to the other in the code; the server, which passes everything on, can't
// slip in a key of its own. Pure; signing and verifying happen elsewhere.

import { fold } from "../chat/names/grammar.ts";
import { signatureForm, publicKeyForm } from "./login-proof.ts";

/** `key` is a device of the same person, says the device with the key `by`. */
export type Vouch = { key: string; by: string; signature: string };

export type Verify = (key: string, text: string, signature: string) => boolean;

/** The text to sign. Names and keys contain no NUL, so it can be read in one way only. */
export function vouchText(name: string, key: string): string {
  return `parley device\0${fold(name)}\0${key}`;
}

/** What the joining device authenticates with the shared secret. */
export function linkText(key: string): string {
  return `parley link\0${key}`;
}

/** HMAC-SHA256 in base64url. */
export const linkProofForm = /^[\w-]{43}$/;

/** As the store keeps it, beside the key. */
export function vouchRecord({ by, signature }: Omit<Vouch, "key">): string {
  return `${by}:${signature}`;
}

export function readVouch(key: string, record: string): Vouch | undefined {
  const [by = "", signature = ""] = record.split(":");
  if (!publicKeyForm.test(by) || !signatureForm.test(signature)) return undefined;
  return { key, by, signature };
}

/** Whether every key is known, or vouched for by one that is, or that has been vouched for itself. */
export function areVouched(
  name: string,
  known: readonly string[],
  keys: readonly string[],
  vouches: readonly Vouch[],
  verify: Verify,
): boolean {
  const trusted = new Set(known);
  const wanted = new Set(keys.filter((key) => !trusted.has(key)));
  // Each round accepts one at least, or is the last.
  for (let size = -1; size !== trusted.size;) {
    size = trusted.size;
    for (const { key, by, signature } of vouches) {
      if (trusted.has(key) || !trusted.has(by)) continue;
      if (verify(by, vouchText(name, key), signature)) trusted.add(key);
    }
  }
  return [...wanted].every((key) => trusted.has(key));
}

/** The server's part of a code, and the secret that it never sees. */
const codeChars = 10;
export const linkSecretChars = 15;

/** A code as it is shown: `xxxxx-xxxxx` of the server, and three groups that it does not know. */
export function writeLinkCode(code: string, secret: string): string {
  return [code, ...(secret.match(/.{1,5}/g) ?? [])].join("-");
}

/** A code as somebody typed it; without the secret if it has none, as one from a browser. */
export function readLinkCode(typed: string): { code: string; secret: string | undefined } {
  const plain = typed.slice(0, maxTypedChars).toLowerCase().replaceAll(/[\s-]/g, "");
  const chars = plain.replaceAll("o", "0").replaceAll(/[il]/g, "1");
  if (chars.length !== codeChars + linkSecretChars) return { code: typed, secret: undefined };
  return { code: chars.slice(0, codeChars), secret: chars.slice(codeChars) };
}

const maxTypedChars = 64;
