// CPace over ristretto255 with SHA-512 (draft-irtf-cfrg-cpace, suite CPACE-RISTR255-SHA512), with
// an initiator and a responder: two people who know a short code agree on a key. A man in the
// middle has one guess at the code during the exchange, and none afterwards. Works in a browser.
// Randomness is passed in.

import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { bytesToNumberLE } from "@noble/curves/utils.js";
import { sha512 as sha512Of } from "@noble/hashes/sha2.js";
import { joinedBytes } from "../bytes.ts";

type Point = InstanceType<typeof ristretto255.Point>;

/** Bytes of a public share, and of the random input for each party. */
export const shareBytes = 32;

/** Bytes in one block of SHA-512. */
const hashBlockBytes = 128;

const domain = utf8("CPaceRistretto255");
const keyDomain = utf8("CPaceRistretto255_ISK");

/** What both parties must agree on beforehand; if anything differs, their keys differ. */
export interface CpaceInput {
  /** The code (the draft's PRS). */
  readonly password: Uint8Array;
  /** Names the purpose and the ends (CI). Not transmitted. */
  readonly channel: Uint8Array;
  /** Unique to this exchange (sid). */
  readonly session: Uint8Array;
}

/** The message of one party; `data` is authenticated with it (ADa or ADb). */
export type CpaceMessage = { readonly share: Uint8Array; readonly data: Uint8Array };

export class CpaceParty {
  /** To be sent to the other party. */
  readonly message: CpaceMessage;
  readonly #input: CpaceInput;
  readonly #role: "initiator" | "responder";
  readonly #scalar: bigint;

  /** `random`: 32 bytes, never used before. */
  constructor(
    role: "initiator" | "responder",
    input: CpaceInput,
    data: Uint8Array,
    random: Uint8Array,
  ) {
    this.#role = role;
    this.#input = input;
    this.#scalar = scalarOf(random);
    this.message = { share: generatorOf(input).multiply(this.#scalar).toBytes(), data };
  }

  /**
   * The key (the draft's ISK, 64 bytes): equal at both ends if and only if all of their inputs are.
   * Undefined if the other party's share is invalid: the exchange has failed.
   */
  keyWith(other: CpaceMessage): Uint8Array | undefined {
    const secret = secretOf(this.#scalar, other.share);
    if (secret === undefined) return undefined;
    const mine = withLengths(this.message.share, this.message.data);
    const theirs = withLengths(other.share, other.data);
    const transcript = this.#role === "initiator" ? [mine, theirs] : [theirs, mine];
    return sha512(withLengths(keyDomain, this.#input.session, secret), ...transcript);
  }
}

/** `calculate_generator`: a group element that cannot be computed without the password. */
export function generatorOf(input: CpaceInput): Point {
  const { password, channel, session } = input;
  const used = withLengths(domain).length + withLengths(password).length + 1;
  const padding = new Uint8Array(Math.max(0, hashBlockBytes - used));
  const text = withLengths(domain, password, padding, channel, session);
  // RFC 9496 §4.3.4. Optional in the library's type, since not every group has such a map.
  const point = ristretto255_hasher.deriveToCurve?.(sha512(text));
  if (point === undefined) throw new Error("ristretto255 does not support element derivation.");
  return point;
}

/** `sample_scalar`: 252 bits, little endian. */
function scalarOf(random: Uint8Array): bigint {
  if (random.length !== shareBytes) {
    throw new RangeError(`A scalar is made of ${shareBytes} random bytes, not ${random.length}.`);
  }
  const bytes = Uint8Array.from(random);
  bytes[shareBytes - 1] = (bytes[shareBytes - 1] ?? 0) & 0x0f;
  return bytesToNumberLE(bytes);
}

/** `scalar_mult_vfy`: returns undefined instead of the neutral element. */
function secretOf(scalar: bigint, share: Uint8Array): Uint8Array | undefined {
  try {
    const point = ristretto255.Point.fromBytes(share).multiply(scalar);
    return point.is0() ? undefined : point.toBytes();
  } catch {
    return undefined;
  }
}

/** `lv_cat`: each part is preceded by its length in LEB128. */
function withLengths(...parts: readonly Uint8Array[]): Uint8Array {
  return joinedBytes(parts.flatMap((part) => [leb128(part.length), part]));
}

function leb128(value: number): Uint8Array {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, value]);
}

function sha512(...parts: readonly Uint8Array[]): Uint8Array {
  return sha512Of(joinedBytes(parts));
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
