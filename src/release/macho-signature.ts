// Signs a Mach-O executable ad hoc: macOS on arm64 runs nothing unsigned, and no Mac runs a file
// whose signature does not match, as happens when code is added to Bun's executable. Formats:
// mach-o/loader.h and, for the signature, xnu's osfmk/kern/cs_blobs.h. Pure.

const magic64 = 0xfeedfacf;
const command = { segment64: 0x19, codeSignature: 0x1d } as const;

/** Sizes and offsets in a signature; all its numbers are big-endian. */
const superBlob = { magic: 0xfade0cc0, size: 12, indexSize: 8 } as const;
const codeDirectory = {
  magic: 0xfade0c02,
  slot: 0,
  /** The version that includes the range of the main segment, and its size. */
  version: 0x20400,
  size: 88,
  adHoc: 0x2,
  sha256: 2,
  sha256Bytes: 32,
  pageBits: 12,
  mainBinary: 1,
} as const;

type Layout = {
  /** Where the signature begins; everything before it is signed. */
  signatureAt: number;
  /** Offset of the load command that locates it. */
  signatureCommandAt: number;
  linkEditCommandAt: number;
  linkEditAt: number;
  textAt: number;
  textBytes: number;
};

/**
 * The executable with an ad-hoc signature that replaces the previous one.
 * @throws Error if it is not a 64-bit Mach-O file with room for a signature at its end
 */
export function signAdHoc(executable: Uint8Array, identifier: string): Uint8Array<ArrayBuffer> {
  const layout = layoutOf(executable);
  const { signatureAt } = layout;
  const name = new TextEncoder().encode(`${identifier}\0`);
  const pages = Math.ceil(signatureAt / 2 ** codeDirectory.pageBits);
  const hashesAt = codeDirectory.size + name.length;
  const directoryBytes = hashesAt + pages * codeDirectory.sha256Bytes;
  const headBytes = superBlob.size + superBlob.indexSize;
  const signatureBytes = headBytes + directoryBytes;

  const signed = new Uint8Array(signatureAt + signatureBytes);
  signed.set(executable.subarray(0, signatureAt));
  // The load commands are signed too, so they must be final before the hashes are computed.
  const commands = new DataView(signed.buffer);
  commands.setUint32(layout.signatureCommandAt + 12, signatureBytes, true);
  const linkEditBytes = signed.length - layout.linkEditAt;
  commands.setBigUint64(layout.linkEditCommandAt + 32, BigInt(roundUp(linkEditBytes)), true);
  commands.setBigUint64(layout.linkEditCommandAt + 48, BigInt(linkEditBytes), true);

  const head = new DataView(signed.buffer, signatureAt);
  [superBlob.magic, signatureBytes, 1, codeDirectory.slot, headBytes].forEach((value, index) =>
    head.setUint32(index * 4, value),
  );
  const directory = new DataView(signed.buffer, signatureAt + headBytes);
  const { magic, version, size } = codeDirectory;
  const numbers = [
    magic,
    directoryBytes,
    version,
    codeDirectory.adHoc,
    hashesAt,
    size,
    0,
    pages,
    signatureAt,
  ];
  numbers.forEach((value, index) => directory.setUint32(index * 4, value));
  directory.setUint8(36, codeDirectory.sha256Bytes);
  directory.setUint8(37, codeDirectory.sha256);
  directory.setUint8(39, codeDirectory.pageBits);
  directory.setBigUint64(64, BigInt(layout.textAt));
  directory.setBigUint64(72, BigInt(layout.textBytes));
  directory.setBigUint64(80, BigInt(codeDirectory.mainBinary));
  signed.set(name, signatureAt + headBytes + size);
  for (let page = 0; page < pages; page++) {
    const from = page << codeDirectory.pageBits;
    const to = Math.min(from + 2 ** codeDirectory.pageBits, signatureAt);
    const hash = new Bun.CryptoHasher("sha256").update(signed.subarray(from, to)).digest();
    signed.set(hash, signatureAt + headBytes + hashesAt + page * codeDirectory.sha256Bytes);
  }
  return signed;
}

function layoutOf(executable: Uint8Array): Layout {
  const view = new DataView(executable.buffer, executable.byteOffset, executable.byteLength);
  if (view.getUint32(0, true) !== magic64) throw new Error("This is not a 64-bit Mach-O file");
  const count = view.getUint32(16, true);
  const found: Partial<Layout> = {};
  for (let index = 0, at = 32; index < count; index++) {
    const kind = view.getUint32(at, true);
    if (kind === command.codeSignature) {
      found.signatureCommandAt = at;
      found.signatureAt = view.getUint32(at + 8, true);
    }
    if (kind === command.segment64) {
      const name = new TextDecoder().decode(executable.subarray(at + 8, at + 24));
      const fileAt = Number(view.getBigUint64(at + 40, true));
      if (name.startsWith("__LINKEDIT\0")) {
        found.linkEditCommandAt = at;
        found.linkEditAt = fileAt;
      } else if (name.startsWith("__TEXT\0")) {
        found.textAt = fileAt;
        found.textBytes = Number(view.getBigUint64(at + 48, true));
      }
    }
    at += view.getUint32(at + 4, true);
  }
  if (!isWhole(found)) throw new Error("This Mach-O file has no place for a signature");
  if (found.signatureAt % 16 !== 0 || found.signatureAt > executable.length) {
    throw new Error(`A signature can't begin at ${found.signatureAt}`);
  }
  return found;
}

function isWhole(layout: Partial<Layout>): layout is Layout {
  const { signatureAt, linkEditAt, textAt } = layout;
  return signatureAt !== undefined && linkEditAt !== undefined && textAt !== undefined;
}

/** Segments are padded to a page in memory: 16 KiB on arm64, and a multiple of what x64 needs. */
function roundUp(bytes: number): number {
  return Math.ceil(bytes / 0x4000) * 0x4000;
}
