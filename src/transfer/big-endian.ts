// Reads and writes unsigned integers of 16, 32 and 48 bits in network byte order by hand, because
// creating a DataView per datagram costs more. Pure. Values that do not fit are truncated to their
// low bits, as in a typed array; reading past the end gives 0.

export function writeU16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}

export function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function writeU48(into: Uint8Array, at: number, value: number): void {
  writeU16(into, at, Math.floor(value / 0x1_0000_0000));
  writeU32(into, at + 2, value % 0x1_0000_0000);
}

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

export function readU48(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 2);
}
