// The ad-hoc signature of macOS executables: every page's hash, the numbers around them, and files
// that can't be signed. The reader here shares no code with the writer.

import { describe, expect, test } from "bun:test";
import { signAdHoc } from "../../src/release/macho-signature.ts";
import { readSignature } from "./macho-reader.ts";

const header = 32;
const segmentBytes = 72;

/** The smallest executable that can be signed: two segments, and a place for a signature. */
function executable(contentBytes: number, oldSignatureBytes: number): Uint8Array {
  const bytes = new Uint8Array(contentBytes + oldSignatureBytes);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31) % 251;
  const view = new DataView(bytes.buffer);
  [0xfeedfacf, 0x0100000c, 0, 2, 3, 2 * segmentBytes + 16, 0, 0].forEach((value, index) =>
    view.setUint32(index * 4, value, true),
  );
  const segment = (at: number, name: string, fileAt: number, fileBytes: number) => {
    view.setUint32(at, 0x19, true);
    view.setUint32(at + 4, segmentBytes, true);
    bytes.set(new TextEncoder().encode(name.padEnd(16, "\0")), at + 8);
    view.setBigUint64(at + 32, 0n, true);
    view.setBigUint64(at + 40, BigInt(fileAt), true);
    view.setBigUint64(at + 48, BigInt(fileBytes), true);
  };
  segment(header, "__TEXT", 0, 4096);
  segment(header + segmentBytes, "__LINKEDIT", 4096, bytes.length - 4096);
  const signatureAt = header + 2 * segmentBytes;
  [0x1d, 16, contentBytes, oldSignatureBytes].forEach((value, index) =>
    view.setUint32(signatureAt + index * 4, value, true),
  );
  return bytes;
}

describe.each([
  { what: "whole pages", contentBytes: 3 * 4096, pages: 3 },
  { what: "a last page that is not full", contentBytes: 3 * 4096 + 16, pages: 4 },
])("$what", ({ contentBytes, pages }) => {
  const unsigned = executable(contentBytes, 5_000);
  const signed = signAdHoc(unsigned, "parley");

  test("every hash matches its page, and the rest is what macOS expects", () => {
    expect(readSignature(signed)).toEqual({
      identifier: "parley",
      isAdHoc: true,
      version: 0x20400,
      pages,
      wrongPages: [],
      signedBytes: contentBytes,
      text: { at: 0, bytes: 4096 },
      isMainBinary: true,
      endsWithFile: true,
      linkEditEndsWithFile: true,
    });
  });

  test("one changed bit invalidates exactly its page", () => {
    for (const at of [400, 4096, contentBytes - 1]) {
      const changed = signed.slice();
      changed[at]! ^= 1;
      expect(readSignature(changed).wrongPages).toEqual([Math.floor(at / 4096)]);
    }
  });

  test("only the commands and the signature have changed", () => {
    const commandsEnd = header + 2 * segmentBytes + 16;
    expect(signed.slice(commandsEnd, contentBytes)).toEqual(
      unsigned.slice(commandsEnd, contentBytes),
    );
    expect(signAdHoc(signed, "parley")).toEqual(signed);
  });
});

test("files that can't be signed are reported", () => {
  const whole = executable(2 * 4096, 0);
  const renamed = whole.slice();
  renamed[header + segmentBytes + 8] = 0;
  const crooked = executable(2 * 4096 + 8, 0);
  expect(() => signAdHoc(new Uint8Array(64), "parley")).toThrow("not a 64-bit Mach-O file");
  expect(() => signAdHoc(renamed, "parley")).toThrow("no place for a signature");
  expect(() => signAdHoc(crooked, "parley")).toThrow("can't begin at 8200");
});
