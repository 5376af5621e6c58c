// Encodes the few types of ASN.1 that a certificate needs, in DER (X.690). Encodes only. Pure.

/** Universal tags (X.690 §8.1.2), with the bit for those that hold others. */
const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

type Bytes = Uint8Array;

export function sequence(...parts: readonly Bytes[]): Bytes {
  return encode(tags.sequence, ...parts);
}

export function set(...parts: readonly Bytes[]): Bytes {
  return encode(tags.set, ...parts);
}

/** Context-specific, around whole encodings (`EXPLICIT`). */
export function explicit(number: number, content: Bytes): Bytes {
  return encode(0xa0 | number, content);
}

/** Context-specific, in place of the tag of a string (`IMPLICIT`). */
export function implicitText(number: number, text: string): Bytes {
  return encode(0x80 | number, new TextEncoder().encode(text));
}

export function yes(): Bytes {
  return encode(tags.boolean, Uint8Array.of(0xff));
}

/** `bytes`: big-endian and unsigned, at least one. */
export function integer(bytes: Bytes): Bytes {
  const first = bytes.findIndex((byte) => byte !== 0);
  const shortest = first < 0 ? bytes.subarray(-1) : bytes.subarray(first);
  // What begins with a one is negative.
  const sign = shortest[0]! >= 0x80 ? [Uint8Array.of(0)] : [];
  return encode(tags.integer, ...sign, shortest);
}

/** Of whole bytes. */
export function bitString(bytes: Bytes): Bytes {
  return encode(tags.bitString, Uint8Array.of(0), bytes);
}

export function octetString(bytes: Bytes): Bytes {
  return encode(tags.octetString, bytes);
}

export function utf8(text: string): Bytes {
  return encode(tags.utf8, new TextEncoder().encode(text));
}

/** An object identifier, as in `2.5.4.3`. */
export function oid(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return encode(tags.oid, Uint8Array.from([40 * first + second, ...rest].flatMap(base128)));
}

/** In whole seconds, in the form that RFC 5280 §4.1.2.5 asks for in that year (1950 to 9999). */
export function time(at: Date): Bytes {
  const digits = `${at.toISOString().slice(0, 19).replace(/\D/g, "")}Z`;
  const text = new TextEncoder().encode(digits);
  const isShort = at.getUTCFullYear() < 2050;
  return isShort ? encode(tags.utcTime, text.subarray(2)) : encode(tags.generalizedTime, text);
}

function encode(tag: number, ...parts: readonly Bytes[]): Bytes {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, ...lengthBytes(length)), ...parts]));
}

/** X.690 §8.1.3 and §10.1: as short as can be. */
function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return bytes;
}
