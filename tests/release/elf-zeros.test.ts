// A Linux executable without the zeros that Bun writes: identical in memory, smaller on disk, and
// it runs. The reader here shares no code with the writer.

import { beforeAll, describe, expect } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withoutZeros } from "../../src/release/elf-zeros.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const onLinux = skipUnless(process.platform === "linux", "ELF executables are for Linux");

type Loaded = { address: number; bytes: Uint8Array };

/**
 * The memory the kernel creates from the segments: their content, with zeros where the file has
 * none.
 */
function loaded(executable: Uint8Array): Loaded[] {
  const file = Buffer.from(executable.buffer, executable.byteOffset, executable.length);
  const segments: Loaded[] = [];
  const tableAt = Number(file.readBigUInt64LE(0x20));
  const headersEnd = tableAt + 0x38 * file.readUInt16LE(0x38);
  for (let at = tableAt; at < headersEnd; at += 0x38) {
    if (file.readUInt32LE(at) !== 1) continue;
    const [offset, address, , fileBytes, memoryBytes, align] = [8, 16, 24, 32, 40, 48].map(
      (field) => Number(file.readBigUInt64LE(at + field)),
    ) as [number, number, number, number, number, number];
    expect(offset % align).toBe(address % align);
    expect(offset + fileBytes).toBeLessThanOrEqual(file.length);
    const bytes = new Uint8Array(memoryBytes);
    bytes.set(file.subarray(offset, offset + fileBytes));
    // The headers are in the first segment, and differ.
    if (offset === 0) bytes.fill(0, 0, headersEnd);
    segments.push({ address, bytes });
  }
  segments.reduce((before, after) => {
    expect(before.address + before.bytes.length).toBeLessThanOrEqual(after.address);
    return after;
  });
  return segments;
}

/** The content of each section that has any, by its name. */
function contents(executable: Uint8Array): Map<string, Buffer> {
  const file = Buffer.from(executable.buffer, executable.byteOffset, executable.length);
  const tableAt = Number(file.readBigUInt64LE(0x28));
  const headers = Array.from({ length: file.readUInt16LE(0x3c) }, (_, i) =>
    file.subarray(tableAt + 64 * i, tableAt + 64 * (i + 1)),
  );
  const content = (header: Buffer): Buffer => {
    const from = Number(header.readBigUInt64LE(24));
    return file.subarray(from, from + Number(header.readBigUInt64LE(32)));
  };
  const names = content(headers[file.readUInt16LE(0x3e)]!);
  const found = headers
    .filter((header) => header.readUInt32LE(4) !== 8)
    .map((header): [string, Buffer] => {
      const nameAt = header.readUInt32LE(0);
      return [names.toString("latin1", nameAt, names.indexOf(0, nameAt)), content(header)];
    });
  return new Map(found);
}

describe("an executable compiled by Bun", () => {
  const folder = testFolder("elf");
  const path = join(folder, "program");
  let before = new Uint8Array();
  let after = new Uint8Array();

  beforeAll(async () => {
    if (process.platform !== "linux") return;
    const source = join(folder, "program.ts");
    writeFileSync(source, 'console.log("it runs", process.argv.at(-1));');
    await Bun.build({ entrypoints: [source], compile: { outfile: path } });
    before = new Uint8Array(readFileSync(path));
    after = new Uint8Array(withoutZeros(before));
  });

  onLinux("is the same in memory", () => {
    const memory = loaded(after);
    expect(memory).toHaveLength(loaded(before).length + 1);
    for (const segment of loaded(before)) {
      const end = segment.address + segment.bytes.length;
      const parts = memory.filter(({ address }) => address >= segment.address && address < end);
      const joined = new Uint8Array(segment.bytes.length);
      for (const { address, bytes } of parts) joined.set(bytes, address - segment.address);
      expect([segment.address, Buffer.compare(joined, segment.bytes)]).toEqual([
        segment.address,
        0,
      ]);
    }
  });

  onLinux("has the same sections", () => {
    const sections = contents(after);
    for (const [name, content] of contents(before)) {
      expect([name, sections.get(name)?.equals(content)]).toEqual([name, true]);
    }
  });

  onLinux("is smaller, and nothing more can be taken out", () => {
    expect(before.length - after.length).toBeGreaterThan(1e6);
    expect(withoutZeros(after)).toBe(after);
  });

  onLinux("runs", () => {
    writeFileSync(path, after);
    chmodSync(path, 0o755);
    const { stdout, exitCode } = Bun.spawnSync([path, "well"]);
    expect([stdout.toString(), exitCode]).toEqual(["it runs well\n", 0]);
  });

  onLinux(
    "is left alone if what looks like zeros is not, or there is no place for a segment",
    () => {
      const zeroAt = contents(before).get(".bun")!.byteOffset - 4096;
      expect(before[zeroAt]).toBe(0);
      const other = before.slice();
      other[zeroAt] = 1;
      const noteAt = Number(new DataView(before.buffer).getBigUint64(0x20, true)) + 0x38 * 8;
      expect(new DataView(before.buffer).getUint32(noteAt, true)).toBe(4);
      const full = before.slice();
      full[noteAt] = 0;
      for (const changed of [other, full]) expect(withoutZeros(changed)).toBe(changed);
    },
  );

  onLinux("is refused if it is something else, or cut off", () => {
    expect(() => withoutZeros(new Uint8Array(100))).toThrow(RangeError);
    expect(() => withoutZeros(before.slice(0, 1000))).toThrow(RangeError);
  });
});
