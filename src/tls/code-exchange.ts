// Two ends prove to each other that they know a code (cpace.ts). On a direct TLS session the
// exchange is bound to that session; through a server, to what both ends have contributed. A man in
// the middle has one guess at each end. Afterwards both ends share a secret, with which the guest
// authenticates again when it reconnects.

import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { fromBase64Url, isSameBytes, toBase64Url } from "../bytes.ts";
import { secretBytes } from "../secrets.ts";
import type { Code } from "../trust/code.ts";
import { CpaceParty, shareBytes } from "./cpace.ts";

/** The value that identifies the TLS session: 32 bytes of its exporter, the same at both ends. */
export const codeExporterLabel = "EXPORTER-parley-code";

/**
 * Where the two ends meet; an exchange of one kind is worthless in the other. `session` is the
 * exporter for `connection`, and the nonces of host and guest for `through-server`.
 */
export type CodeWay = "connection" | "through-server";

/** In base64url, as on the wire. */
export type CodeShare = { readonly share: string };
export type CodeProof = { readonly proof: string };

const proofBytes = 32;
const none = new Uint8Array();

/** The end that created the code and offers files for it. Good for one guest. */
export class CodeHost {
  readonly #party: CpaceParty;
  #keys: Keys | undefined;

  constructor(code: Code, session: Uint8Array, way: CodeWay = "connection") {
    this.#party = partyOf("responder", code, session, way);
  }

  /** Undefined if the share is invalid. The code is used up either way. */
  answer({ share }: CodeShare): (CodeShare & CodeProof) | undefined {
    const keys = keysWith(this.#party, share);
    if (keys === undefined) return undefined;
    this.#keys = keys;
    return { share: toBase64Url(this.#party.message.share), proof: toBase64Url(keys.host) };
  }

  /** The secret shared with the guest; undefined if the guest does not know the code. */
  check({ proof }: CodeProof): Uint8Array | undefined {
    const keys = this.#keys;
    return keys !== undefined && isSame(proof, keys.guest) ? keys.again : undefined;
  }
}

/** The end that was given the code. */
export class CodeGuest {
  readonly #party: CpaceParty;

  constructor(code: Code, session: Uint8Array, way: CodeWay = "connection") {
    this.#party = partyOf("initiator", code, session, way);
  }

  get share(): string {
    return toBase64Url(this.#party.message.share);
  }

  /**
   * The proof for the host that this end knows the code; undefined if the host does not know it.
   */
  check({ share, proof }: CodeShare & CodeProof): (CodeProof & { secret: Uint8Array }) | undefined {
    const keys = keysWith(this.#party, share);
    if (keys === undefined || !isSame(proof, keys.host)) return undefined;
    return { proof: toBase64Url(keys.guest), secret: keys.again };
  }
}

/** Proves on another TLS session that this is the same guest. */
export function proofAgain(secret: Uint8Array, exported: Uint8Array): string {
  return toBase64Url(hmac(sha256, secret, exported));
}

export function isGuestAgain(secret: Uint8Array, exported: Uint8Array, proof: string): boolean {
  return isSame(proof, hmac(sha256, secret, exported));
}

type Keys = { host: Uint8Array; guest: Uint8Array; again: Uint8Array };

function partyOf(
  role: "initiator" | "responder",
  { number, words }: Code,
  session: Uint8Array,
  way: CodeWay,
): CpaceParty {
  const channel = utf8(`parley code ${number}${way === "connection" ? "" : " through a server"}`);
  const input = { password: utf8(words), channel, session };
  return new CpaceParty(role, input, none, secretBytes(shareBytes));
}

function keysWith(party: CpaceParty, share: string): Keys | undefined {
  const shared = party.keyWith({
    share: fromBase64Url(share) ?? none,
    data: none,
  });
  if (shared === undefined) return undefined;
  const key = (info: string): Uint8Array =>
    hkdf(sha256, shared, none, utf8(`parley code: ${info}`), proofBytes);
  return { host: key("host"), guest: key("guest"), again: key("again") };
}

function isSame(proof: string, expected: Uint8Array): boolean {
  return isSameBytes(fromBase64Url(proof) ?? none, expected);
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
