// Writes the only Python pickle that open-chat's downloads need: a tuple of bytes and a count, in
// pickle protocol 3. Pure. Pickles are programs, so nothing here reads them.

const opcode = {
  proto: 0x80,
  shortBinBytes: 0x43, // "C"
  binBytes: 0x42, // "B"
  binInt1: 0x4b, // "K"
  binInt2: 0x4d, // "M"
  binPut: 0x71, // "q"
  tuple2: 0x86,
  stop: 0x2e, // "."
} as const;

/**
 * `pickle.dumps((part, len(part)), protocol=3)`, byte for byte as Python writes it: for parts of
 * 256 bytes or more, 16 bytes longer than the part. `part` has at most 65 535 bytes. Source:
 * CPython, Lib/pickletools.py, the opcodes named above.
 */
export function picklePart(part: Uint8Array): Uint8Array {
  const count = part.length;
  const short = count < 256;
  const low = count & 0xff;
  const high = (count >> 8) & 0xff;
  const head = short
    ? [opcode.proto, 3, opcode.shortBinBytes, count]
    : [opcode.proto, 3, opcode.binBytes, low, high, 0, 0];
  const number = short ? [opcode.binInt1, count] : [opcode.binInt2, low, high];
  const tail = [opcode.binPut, 0, ...number, opcode.tuple2, opcode.binPut, 1, opcode.stop];
  const bytes = new Uint8Array(head.length + count + tail.length);
  bytes.set(head);
  bytes.set(part, head.length);
  bytes.set(tail, head.length + count);
  return bytes;
}
