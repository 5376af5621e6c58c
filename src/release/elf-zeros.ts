// Removes the zeros from a Linux executable compiled by Bun. Bun appends the program to the data
// segment, after the zero-initialized variables (.bss), so the file includes those too: 1.8 MB.
// This gives the program a segment of its own. Format: elf(5). Pure.

const loadable = 1;
const note = 4;
const noBits = 8;
const sectionFlag = { allocated: 0x2, threadLocal: 0x400 } as const;
const header = {
  programsAt: 32,
  sectionsAt: 40,
  programCount: 56,
  sectionCount: 60,
  namesIndex: 62,
} as const;
const program = {
  bytes: 56,
  offset: 8,
  address: 16,
  physical: 24,
  inFile: 32,
  inMemory: 40,
  align: 48,
} as const;
const section = { bytes: 64, flags: 8, address: 16, offset: 24, size: 32 } as const;

type Segment = { at: number; type: number; offset: number; address: number; bytes: number };
type Section = Segment & { name: string; flags: number };

/**
 * The same executable without the zeros; unchanged if it is not laid out as Bun does it, or has
 * none.
 * @throws RangeError if it is not a complete ELF file
 */
export function withoutZeros(executable: Uint8Array): Uint8Array {
  const before = new Elf(executable);
  const { segments, sections } = before;
  const appended = sections.find(({ name }) => name === ".bun");
  const variables = segments.findLast(({ type }) => type === loadable);
  // The contents of a note that debuggers need are in the section table as well.
  const free = segments.findLast(({ type }) => type === note);
  if (appended === undefined || variables === undefined || free === undefined) return executable;
  if (free !== segments.at(-1)) return executable;

  const { address, offset } = variables;
  const align = before.number(variables.at + program.align);
  const inside = sections.filter(
    (one) =>
      (one.flags & sectionFlag.allocated) !== 0 &&
      (one.flags & sectionFlag.threadLocal) === 0 &&
      one.address >= address &&
      one.address < appended.address,
  );
  const endOf = (ones: readonly Section[]): number =>
    Math.max(address, ...ones.map((one) => one.address + one.bytes));
  const filledEnd = endOf(inside.filter(({ type }) => type !== noBits));
  const zerosEnd = endOf(inside);
  const zerosAt = offset + filledEnd - address;
  const removed = Math.floor((appended.offset - zerosAt) / align) * align;
  const isOnPages = appended.address % align === 0 && zerosEnd <= appended.address;
  if (removed <= 0 || !isOnPages) return executable;
  if (executable.subarray(zerosAt, appended.offset).some((byte) => byte !== 0)) return executable;

  const shorter = new Uint8Array(executable.length - removed);
  shorter.set(executable.subarray(0, zerosAt));
  shorter.set(executable.subarray(zerosAt + removed), zerosAt);
  const after = new DataView(shorter.buffer);
  const write = (at: number, value: number): void => after.setBigUint64(at, BigInt(value), true);
  const programBytes = offset + variables.bytes - appended.offset;
  write(variables.at + program.inFile, filledEnd - address);
  write(variables.at + program.inMemory, zerosEnd - address);
  // Type and flags are the first eight bytes, the alignment is the last.
  shorter.copyWithin(free.at, variables.at, variables.at + program.bytes);
  write(free.at + program.offset, appended.offset - removed);
  write(free.at + program.address, appended.address);
  write(free.at + program.physical, appended.address);
  write(free.at + program.inFile, programBytes);
  write(free.at + program.inMemory, programBytes);
  write(header.sectionsAt, before.number(header.sectionsAt) - removed);
  for (const one of sections) {
    if (one.offset < zerosAt + removed) continue;
    write(one.at - removed + section.offset, one.offset - removed);
  }
  return shorter;
}

/** The tables of a 64-bit little-endian ELF file. */
class Elf {
  readonly segments: readonly Segment[];
  readonly sections: readonly Section[];
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = view;
    const isElf = view.getUint32(0) === 0x7f454c46 && view.getUint16(4) === 0x0201;
    if (!isElf) throw new RangeError("Not a 64-bit little-endian ELF file");
    const programsAt = this.number(header.programsAt);
    this.segments = Array.from({ length: view.getUint16(header.programCount, true) }, (_, i) => {
      const at = programsAt + i * program.bytes;
      return {
        at,
        type: view.getUint32(at, true),
        offset: this.number(at + program.offset),
        address: this.number(at + program.address),
        bytes: this.number(at + program.inFile),
      };
    });
    this.sections = this.#readSections(bytes);
  }

  number(at: number): number {
    return Number(this.#view.getBigUint64(at, true));
  }

  #readSections(bytes: Uint8Array): readonly Section[] {
    const view = this.#view;
    const sectionsAt = this.number(header.sectionsAt);
    const count = view.getUint16(header.sectionCount, true);
    const namesAt = sectionsAt + view.getUint16(header.namesIndex, true) * section.bytes;
    const names = this.number(namesAt + section.offset);
    return Array.from({ length: count }, (_, i) => {
      const at = sectionsAt + i * section.bytes;
      const nameAt = names + view.getUint32(at, true);
      const name = bytes.subarray(nameAt, bytes.indexOf(0, nameAt));
      return {
        at,
        name: new TextDecoder().decode(name),
        type: view.getUint32(at + 4, true),
        flags: this.number(at + section.flags),
        offset: this.number(at + section.offset),
        address: this.number(at + section.address),
        bytes: this.number(at + section.size),
      };
    });
  }
}
