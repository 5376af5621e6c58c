// Reads the ad-hoc signature of a Mach-O file and checks each page, like macOS before it runs one.
// Formats: mach-o/loader.h; xnu's osfmk/kern/cs_blobs.h.

export type ReadSignature = {
  identifier: string;
  isAdHoc: boolean;
  version: number;
  pages: number;
  /** The numbers of the pages whose hash differs. */
  wrongPages: number[];
  signedBytes: number;
  text: { at: number; bytes: number };
  isMainBinary: boolean;
  /** Whether the signature is the end of the file, and of the last segment. */
  endsWithFile: boolean;
  linkEditEndsWithFile: boolean;
};

export function readSignature(file: Uint8Array): ReadSignature {
  const little = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const commands: { kind: number; at: number }[] = [];
  for (let at = 32; commands.length < little.getUint32(16, true);) {
    commands.push({ kind: little.getUint32(at, true), at });
    at += little.getUint32(at + 4, true);
  }
  const signatures = commands.filter(({ kind }) => kind === 0x1d);
  if (signatures.length !== 1) throw new Error(`${signatures.length} signatures`);
  const signatureAt = little.getUint32(signatures[0]!.at + 8, true);
  const signatureBytes = little.getUint32(signatures[0]!.at + 12, true);
  const linkEdit = commands.find(
    ({ kind, at }) => kind === 0x19 && text(file, at + 8) === "__LINKEDIT",
  )!.at;
  const linkEditEnd =
    little.getBigUint64(linkEdit + 40, true) + little.getBigUint64(linkEdit + 48, true);

  const big = new DataView(file.buffer, file.byteOffset + signatureAt, signatureBytes);
  if (big.getUint32(0) !== 0xfade0cc0) throw new Error("no SuperBlob");
  if (big.getUint32(4) !== signatureBytes) throw new Error("a SuperBlob of another size");
  const slots = big.getUint32(8);
  const directorySlot = Array.from({ length: slots }, (_, slot) => 12 + 8 * slot).find(
    (at) => big.getUint32(at) === 0,
  );
  const directoryAt = big.getUint32(directorySlot! + 4);
  const number = (at: number) => big.getUint32(directoryAt + at);
  if (number(0) !== 0xfade0c02) throw new Error("no CodeDirectory");
  const [hashesAt, identifierAt, pages, signedBytes] = [
    number(16),
    number(20),
    number(28),
    number(32),
  ];
  const [hashBytes, hashType] = [big.getUint8(directoryAt + 36), big.getUint8(directoryAt + 37)];
  if (hashBytes !== 32 || hashType !== 2) throw new Error("not SHA-256");
  const pageBytes = 2 ** big.getUint8(directoryAt + 39);
  const wrongPages = Array.from({ length: pages }, (_, page) => page).filter((page) => {
    const content = file.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, signedBytes));
    const at = signatureAt + directoryAt + hashesAt + page * hashBytes;
    const expected = file.subarray(at, at + hashBytes);
    return Buffer.compare(Bun.SHA256.hash(content) as Uint8Array, expected) !== 0;
  });
  return {
    identifier: text(file, signatureAt + directoryAt + identifierAt),
    isAdHoc: (number(12) & 0x2) !== 0,
    version: number(8),
    pages,
    wrongPages,
    signedBytes,
    text: {
      at: Number(big.getBigUint64(directoryAt + 64)),
      bytes: Number(big.getBigUint64(directoryAt + 72)),
    },
    isMainBinary: big.getBigUint64(directoryAt + 80) === 1n,
    endsWithFile: signatureAt + signatureBytes === file.length,
    linkEditEndsWithFile: Number(linkEditEnd) === file.length,
  };
}

/** Up to the zero byte. */
function text(file: Uint8Array, at: number): string {
  return Buffer.from(file.subarray(at, file.indexOf(0, at))).toString();
}
