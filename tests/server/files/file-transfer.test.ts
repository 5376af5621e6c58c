// One file during its transfer to one client, with a fake file system and clock: which tags are
// sent, and how the transfer ends when the file changes, whatever the clock's granularity.

import { expect, test } from "bun:test";
import { chunkOpener, chunkSealer } from "../../../src/io/chunk-cipher.ts";
import { files as limits, transfer as wire } from "../../../src/limits.ts";
import { FileTransfer } from "../../../src/server/files/file-transfer.ts";
import type { OpenFile } from "../../../src/server/files/open-file.ts";
import { SealCache } from "../../../src/transfer/seal-cache.ts";
import { type Random, seeded } from "../../sim/random.ts";

const chunkBytes = wire.minChunkBytes;
const key = new Uint8Array(wire.keyBytes).fill(8);

/** A file whose times have the granularity of a file system's clock. */
class FakeFile {
  /** The system's metadata of the file: the only sign of a change. */
  stamp = "0";
  isUnsettled = false;
  reads = 0;
  checks = 0;

  constructor(
    public bytes: Uint8Array,
    readonly grainMs = 0,
  ) {}

  /** Changes bytes in place; within a tick of the clock the times stay the same. */
  change(at: number, value: number | Uint8Array, nowMs: number): void {
    if (typeof value === "number") this.bytes[at] = value;
    else this.bytes.set(value, at);
    this.stamp = String(this.grainMs === 0 ? nowMs : Math.floor(nowMs / this.grainMs));
  }

  open(): OpenFile {
    const { stamp, isUnsettled } = this;
    const size = this.bytes.length;
    return {
      name: "file",
      size,
      modified: 0,
      version: stamp,
      isUnsettled,
      path: "",
      read: (target, position) => {
        this.reads++;
        const part = this.bytes.subarray(position, Math.min(size, position + target.length));
        target.set(part);
        return part.length;
      },
      unchanged: () => {
        this.checks++;
        return this.stamp === stamp && this.bytes.length === size;
      },
      sizeNow: () => this.bytes.length,
      close() {},
    };
  }
}

type Line = Record<string, unknown>;

function serve(
  file: FakeFile,
  options: { isResumed?: boolean; leads?: boolean; cacheBytes?: number } = {},
) {
  const { isResumed = false, leads = false, cacheBytes = 1 << 20 } = options;
  const lines: Line[] = [];
  const state = { waitingBytes: 0, mustPause: false, broken: 0, closed: 0 };
  const scratch = new Uint8Array(chunkBytes);
  const transfer = new FileTransfer({
    id: 1,
    file: file.open(),
    chunkBytes,
    seal: chunkSealer(key),
    cache: new SealCache(cacheBytes),
    scratch: (bytes) => scratch.subarray(0, bytes),
    control: {
      send: (message) => lines.push({ ...message }),
      waitingBytes: () => state.waitingBytes,
      mustPause: () => state.mustPause,
    },
    isResumed,
    leads,
    onSent: () => {},
    onBroken: () => state.broken++,
    onClose: () => state.closed++,
  });
  const tagged = () =>
    lines
      .filter(({ type }) => type === "tags")
      .flatMap(({ from, data }) => {
        const count = Buffer.from(String(data), "base64").length / wire.tagBytes;
        return Array.from({ length: count }, (_, i) => Number(from) + i);
      });
  return { transfer, lines, state, tagged };
}

function readAll({ transfer }: { transfer: FileTransfer }, size: number): boolean {
  return transfer.read(0, new Uint8Array(size), 0, size) === size;
}

const message = expect.stringMatching(/^The file '[^'"]*' changed while it was being sent/);
const changed = { type: "error", code: "changed", transfer: 1, message };

test("tags are sent once their chunks have been read, and wait for a slow connection", () => {
  const served = serve(new FakeFile(new Uint8Array(4 * chunkBytes)));
  const { transfer, tagged, state } = served;
  expect([transfer.flush(0), tagged()]).toEqual(["all", []]);
  transfer.read(chunkBytes, new Uint8Array(9), 0, 9);
  expect([transfer.flush(1), tagged()]).toEqual(["all", [1]]);
  state.waitingBytes = limits.maxControlBytes + 1;
  readAll(served, 4 * chunkBytes);
  expect([transfer.flush(2), tagged()]).toEqual(["waiting", [1]]);
  state.waitingBytes = 0;
  expect([transfer.flush(3), tagged()]).toEqual(["all", [1, 0, 2, 3]]);
});

test("tags for a client far away wait for a few more, or a moment, but not for the end", () => {
  const size = 20 * chunkBytes;
  const served = serve(new FakeFile(new Uint8Array(size)), { leads: true });
  const { transfer, tagged } = served;
  const few = limits.gatheredTags - 1;
  readAll(served, few * chunkBytes);
  expect([transfer.flush(0), tagged().length]).toEqual(["waiting", 0]);
  expect(transfer.flush(limits.gatherTagsMs - 1)).toBe("waiting");
  expect([transfer.flush(limits.gatherTagsMs), tagged().length]).toEqual(["all", few]);
  transfer.read(few * chunkBytes, new Uint8Array(9), 0, 9);
  expect(transfer.flush(100)).toBe("waiting");
  readAll(served, 2 * limits.gatheredTags * chunkBytes);
  expect([transfer.flush(101), tagged().length]).toEqual(["all", 2 * limits.gatheredTags]);
  readAll(served, size - chunkBytes);
  transfer.flush(102);
  readAll(served, size);
  expect([transfer.flush(103), tagged().length]).toEqual(["all", 20]);
});

test("the file is checked before tags are sent, and not each time that they wait for more", () => {
  const file = new FakeFile(new Uint8Array(20 * chunkBytes));
  const served = serve(file, { leads: true });
  const { transfer, tagged, lines } = served;
  transfer.flush(0);
  const before = file.checks;
  readAll(served, chunkBytes);
  for (let turn = 1; turn <= 5; turn++) expect(transfer.flush(turn / 10)).toBe("waiting");
  expect(file.checks).toBe(before);
  readAll(served, limits.gatheredTags * chunkBytes);
  expect([transfer.flush(1), tagged().length]).toEqual(["all", limits.gatheredTags]);
  expect(file.checks).toBe(before + 1);
  readAll(served, (limits.gatheredTags + 1) * chunkBytes);
  file.change(0, 1, 2);
  transfer.flush(2);
  readAll(served, 2 * limits.gatheredTags * chunkBytes);
  transfer.flush(3);
  expect([tagged().length, lines.at(-1)]).toEqual([limits.gatheredTags, changed]);
});

test("tags of chunks that are pulled wait for nothing", () => {
  const served = serve(new FakeFile(new Uint8Array(20 * chunkBytes)), { leads: true });
  const { transfer, tagged } = served;
  transfer.pull(0, chunkBytes);
  transfer.sendPulled(0);
  transfer.flush(0);
  expect(tagged()).toEqual([0]);
});

test("a limited rate holds back data, and no tags: the other end could verify nothing until then", () => {
  const served = serve(new FakeFile(new Uint8Array(4 * chunkBytes)));
  const { transfer, tagged, state } = served;
  state.mustPause = true;
  readAll(served, 2 * chunkBytes);
  expect([transfer.flush(0), tagged()]).toEqual(["all", [0, 1]]);
  transfer.pull(2 * chunkBytes, chunkBytes);
  expect([transfer.flush(1), transfer.mayPull]).toEqual(["waiting", false]);
  state.mustPause = false;
  expect([transfer.flush(2), transfer.mayPull]).toEqual(["more", true]);
});

test("no tag is sent once the file has changed, and the client is notified once", () => {
  const file = new FakeFile(new Uint8Array(2 * chunkBytes));
  const served = serve(file);
  readAll(served, chunkBytes);
  file.change(5, 1, 1);
  expect(served.transfer.flush(1)).toBe("all");
  served.transfer.flush(1_000);
  expect(served.lines).toEqual([changed]);
  expect(served.state.broken).toBe(1);
});

test("a file that changes while nothing is read is noticed, too", () => {
  const file = new FakeFile(new Uint8Array(2 * chunkBytes));
  const { transfer, lines } = serve(file);
  transfer.flush(0);
  file.change(5, 1, 1);
  transfer.flush(limits.checkFileMs - 1);
  expect(lines).toEqual([]);
  transfer.flush(limits.checkFileMs);
  expect(lines).toEqual([changed]);
});

function fail(): never {
  throw Object.assign(new Error("EIO"), { code: "EIO" });
}

test.each(["reading", "looking"])("a disk that fails at %s ends the transfer", (when) => {
  const file = new FakeFile(new Uint8Array(chunkBytes));
  const open = file.open.bind(file);
  file.open = () => ({ ...open(), ...(when === "reading" ? { read: fail } : { unchanged: fail }) });
  const served = serve(file);
  readAll(served, chunkBytes);
  served.transfer.flush(0);
  expect(served.lines).toMatchObject([{ type: "error", code: "unreadable", transfer: 1 }]);
  expect(served.transfer.failure).toBe("unreadable");
});

function append(file: FakeFile, text: string): void {
  file.bytes = Buffer.concat([file.bytes, Buffer.from(text)]);
}

test("a file that has grown is confirmed by a second pass before the last tag is sent", () => {
  const file = new FakeFile(new Uint8Array(3 * chunkBytes).fill(1));
  const served = serve(file);
  const { transfer, tagged, lines } = served;
  readAll(served, 3 * chunkBytes);
  append(file, "one more line\n");
  transfer.flush(0);
  expect(tagged().length).toBe(2);
  for (let i = 0; i < 3; i++) {
    expect(transfer.isConfirming).toBe(true);
    transfer.confirmNext();
  }
  expect(transfer.isConfirming).toBe(false);
  transfer.flush(1);
  expect(new Set(tagged())).toEqual(new Set([0, 1, 2]));
  expect(lines.some(({ type }) => type === "error")).toBe(false);
});

test("a file that was rewritten and has grown counts as changed", () => {
  const file = new FakeFile(new Uint8Array(3 * chunkBytes).fill(1));
  const served = serve(file);
  readAll(served, 3 * chunkBytes);
  append(file, "one more line\n");
  served.transfer.flush(0);
  file.bytes[7] = 9;
  while (served.transfer.isConfirming) served.transfer.confirmNext();
  served.transfer.flush(1);
  expect(served.tagged().length).toBe(2);
  expect(served.lines.at(-1)).toEqual(changed);
});

test("parts from earlier transfers can't be confirmed: a file that has grown since counts as changed", () => {
  const file = new FakeFile(new Uint8Array(3 * chunkBytes));
  const served = serve(file, { isResumed: true });
  append(file, "one more line\n");
  readAll(served, chunkBytes);
  served.transfer.flush(0);
  expect(served.lines).toEqual([changed]);
});

test("a client that waits for a long second pass receives signs of progress", () => {
  const file = new FakeFile(new Uint8Array(3 * chunkBytes));
  const served = serve(file);
  readAll(served, 3 * chunkBytes);
  append(file, "more");
  served.transfer.flush(0);
  const before = served.lines.length;
  served.transfer.flush(10);
  expect(served.lines.length).toBe(before);
  served.transfer.flush(2 * limits.stillBusyMs);
  expect(served.lines.at(-1)).toEqual({ type: "tags", transfer: 1, from: 0, data: "" });
});

/** Sends all pulled data, with checks of the file in between. */
function pullAll({ transfer }: Pick<ReturnType<typeof serve>, "transfer">, nowMs: number): void {
  while (transfer.flush(nowMs) === "more") if (transfer.mayPull) transfer.sendPulled(nowMs);
}

test("pulled bytes are sent in order, a piece at a time, and their tags after a check of the file", () => {
  const file = new FakeFile(new Uint8Array(16 * chunkBytes));
  const { transfer, lines, state, tagged } = serve(file);
  transfer.pull(0, 16 * chunkBytes);
  expect(transfer.flush(0)).toBe("more");
  expect([file.reads, transfer.mayPull]).toEqual([0, true]);
  transfer.sendPulled(0);
  expect(tagged()).toEqual([]);
  expect([file.reads, lines.length]).toEqual([1, 1]);
  state.waitingBytes = limits.maxControlBytes + 1;
  const sent = lines.length;
  expect(transfer.flush(1)).toBe("waiting");
  expect(transfer.mayPull).toBe(false);
  expect(lines.length).toBe(sent);
  state.waitingBytes = 0;
  pullAll({ transfer }, 2);
  const offsets = lines.filter(({ type }) => type === "data").map(({ offset }) => Number(offset));
  expect(offsets).toEqual(offsets.map((_, i) => i * wire.pullLineBytes));
  expect(offsets.length).toBe((16 * chunkBytes) / wire.pullLineBytes);
  expect(tagged().length).toBe(16);
});

test("tags of the end are sent ahead of the data, once the end is near, and only to other machines", () => {
  const size = 3 * limits.tagLeadBytes;
  const lead = limits.tagLeadBytes / chunkBytes;
  const { transfer, tagged } = serve(new FakeFile(new Uint8Array(size)), { leads: true });
  expect(transfer.isTagDue).toBe(false);
  transfer.read(0, new Uint8Array(9), 0, 9);
  expect(transfer.isTagDue).toBe(false);
  transfer.read(limits.tagLeadBytes, new Uint8Array(9), 0, 9);
  for (let i = 0; i < lead; i++) {
    expect(transfer.isTagDue).toBe(true);
    transfer.tagNext();
  }
  expect(transfer.isTagDue).toBe(false);
  // Nobody is charged for data that was not requested.
  expect(transfer.takeSealedBytes()).toBe(0);
  transfer.flush(0);
  const last = size / chunkBytes;
  const ahead = Array.from({ length: lead }, (_, i) => last - lead + i);
  expect(tagged()).toEqual([0, lead, ...ahead]);
  const local = serve(new FakeFile(new Uint8Array(chunkBytes)));
  readAll(local, chunkBytes);
  expect(local.transfer.isTagDue).toBe(false);
});

test("a chunk whose tag was sent must have the same plaintext when it is sent", () => {
  const file = new FakeFile(new Uint8Array(4 * chunkBytes));
  const { transfer, lines } = serve(file, { leads: true });
  transfer.read(0, new Uint8Array(9), 0, 9);
  while (transfer.isTagDue) transfer.tagNext();
  transfer.flush(0);
  file.bytes[3 * chunkBytes] = 1;
  expect(transfer.read(3 * chunkBytes, new Uint8Array(9), 0, 9)).toBe(0);
  transfer.flush(1);
  expect(lines.at(-1)).toEqual(changed);
});

test("pulls are bounded in number", () => {
  const { transfer, lines } = serve(new FakeFile(new Uint8Array(chunkBytes)));
  for (let i = 0; i < 1_000; i++) transfer.pull(0, 1);
  pullAll({ transfer }, 0);
  expect(lines.filter(({ type }) => type === "data").length).toBeLessThan(100);
});

test("a client that does not read its tags is notified when it loses its slot", () => {
  const served = serve(new FakeFile(new Uint8Array(chunkBytes)));
  served.state.waitingBytes = limits.maxControlBytes + 1;
  readAll(served, chunkBytes);
  served.transfer.flush(0);
  served.transfer.giveWay();
  expect(served.lines).toMatchObject([{ type: "error", code: "stalled", transfer: 1 }]);
  expect([served.state.closed, readAll(served, 1)]).toEqual([1, false]);
});

const noise = Uint8Array.from(
  { length: 3 * chunkBytes + 1_000 },
  (_, i) => Math.imul(i, 2_654_435_761) >>> 24,
);

/** One fetch of a file that is changed in place at some moment; returns how it ended. */
function fetchWhileChanged(random: Random): "changed" | "before" | "after" {
  const below = (most: number) => Math.floor(random() * most);
  const grainMs = [0, 4, 10][below(3)] ?? 0;
  const before = noise.slice(below(1_000)).slice(0, 1 + below(3 * chunkBytes));
  const file = new FakeFile(before.slice(), grainMs);
  // The last change before the offer may have been within the same tick of the clock.
  let nowMs = 1_000 + below(20);
  const lastMs = nowMs - below(30);
  file.stamp = String(grainMs === 0 ? lastMs : Math.floor(lastMs / grainMs));
  file.isUnsettled = nowMs - lastMs < limits.settleMs;
  const served = serve(file, { cacheBytes: 1 + below(3) * chunkBytes });
  const { transfer, lines } = served;
  // In every chunk, so that no mixture equals one of the versions.
  const after = before.slice();
  for (let at = 0; at < after.length; at += chunkBytes) after[at]! ^= 1;
  const changeAtStep = below(random() < 0.5 ? 4 : 40);
  const sealed = new Uint8Array(before.length);
  const isTold = () => lines.some(({ type }) => type === "error");
  // Segments in order, with some sent again, until everything has been sent and confirmed.
  for (let step = 0, next = 0; step < 400 && !isTold(); step++) {
    if (step === changeAtStep) file.change(0, after, nowMs);
    const isRepeat = next >= before.length || random() < 0.3;
    const offset = isRepeat ? below(Math.max(1, next)) : next;
    const length = Math.min(1 + below(random() < 0.3 ? 100_000 : 12_000), before.length - offset);
    const into = new Uint8Array(length);
    const got = transfer.read(offset, into, 0, length);
    // Everything before `next` has left already.
    const repeated = into.subarray(0, Math.max(0, Math.min(got, next - offset)));
    const earlier = sealed.subarray(offset, offset + repeated.length);
    if (Buffer.compare(earlier, repeated) !== 0) throw new Error("two texts, one nonce");
    sealed.set(into.subarray(0, got), offset);
    next = Math.max(next, offset + got);
    if (random() < 0.4) transfer.flush(nowMs);
    if (transfer.isConfirming && random() < 0.5) transfer.confirmNext();
    if (random() < 0.5) nowMs += below(5);
  }
  while (transfer.isConfirming) transfer.confirmNext();
  transfer.flush(nowMs + 1_000);
  transfer.flush(nowMs + 2_000);
  if (isTold()) return "changed";
  return textOf(sealed, lines).equals(before) ? "before" : same(textOf(sealed, lines), after);
}

function same(text: Buffer, after: Uint8Array): "after" {
  if (!text.equals(after)) throw new Error("a mixture of two versions was delivered");
  return "after";
}

/** The client's final content. */
function textOf(sealed: Uint8Array, lines: readonly Line[]): Buffer {
  const open = chunkOpener(key);
  const parts: Uint8Array[] = [];
  for (const { type, from, data } of lines) {
    if (type !== "tags") continue;
    const tags = Buffer.from(String(data), "base64");
    for (let i = 0; i < tags.length / wire.tagBytes; i++) {
      const index = Number(from) + i;
      const chunk = sealed.subarray(index * chunkBytes, (index + 1) * chunkBytes);
      const tag = tags.subarray(i * wire.tagBytes, (i + 1) * wire.tagBytes);
      const text = open(index, chunk, tag);
      if (text === undefined) throw new Error(`chunk ${index} does not fit its tag`);
      parts[index] = text;
    }
  }
  const text = Buffer.concat(parts);
  if (text.length !== sealed.length) throw new Error("tags are missing");
  return text;
}

test("1 000 files changed in place: each transfer ends with `changed`, or delivers one version", () => {
  const ends = { changed: 0, before: 0, after: 0 };
  for (let seed = 1; seed <= 1_000; seed++) {
    try {
      ends[fetchWhileChanged(seeded(seed))]++;
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  // Within the tick in which the file had already been changed, a change is invisible in its times.
  // If it happened before all chunks had been read, or after, the delivered data is that one
  // version.
  expect(ends.changed).toBeGreaterThan(700);
}, 180_000);
