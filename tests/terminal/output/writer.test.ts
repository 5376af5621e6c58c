// When nobody reads, nothing freezes or grows, and nothing is lost without being counted.

import { describe, expect, test } from "bun:test";
import { terminal as limits } from "../../../src/limits.ts";
import { type Sink, Writer } from "../../../src/terminal/output/writer.ts";
import { turns } from "../../turns.ts";

/** A stream that completes a write only when told. */
class Reader implements Sink {
  text = "";
  #done: ((error?: Error | null) => void)[] = [];
  #bytes: Uint8Array[] = [];

  write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    this.#bytes.push(bytes);
    this.#done.push(done);
  }

  get waiting(): number {
    return this.#done.length;
  }

  read(error?: Error): void {
    this.text += new TextDecoder().decode(this.#bytes.shift());
    this.#done.shift()?.(error);
  }

  readAll(): string {
    while (this.waiting > 0) this.read();
    return this.text;
  }
}

describe("a writer", () => {
  test("drops log lines that nobody reads, counts them and reports it", () => {
    const reader = new Reader();
    const writer = new Writer(() => reader);
    const line = "x".repeat(999);
    for (let i = 0; i < 2_000; i++) writer.line(line);
    expect(writer.dropped).toBeGreaterThan(1_000);
    expect(reader.waiting).toBe(1);
    const { dropped } = writer;
    reader.readAll();
    writer.line("again");
    const lines = reader.readAll().trimEnd().split("\n");
    expect(lines.slice(-2)).toEqual([
      `… ${dropped} lines dropped: the reader was too slow`,
      "again",
    ]);
    expect(lines.length).toBe(2_000 - dropped + 2);
  });

  test("never drops data, but asks for a pause", async () => {
    const reader = new Reader();
    const writer = new Writer(() => reader);
    let room = true;
    let bytes = 0;
    while (room) {
      room = writer.data("y".repeat(1_000));
      bytes += 1_000;
    }
    expect(bytes).toBeLessThanOrEqual(limits.maxDataBytes + 1_000);
    let relieved = false;
    const relief = writer.relief().then(() => (relieved = true));
    await turns();
    expect(relieved).toBe(false);
    const emptied = writer.emptied();
    expect(reader.readAll().length).toBe(bytes);
    await Promise.all([relief, emptied]);
    expect(writer.pressure).toBe(false);
  });

  test("ends quietly when the reader has exited", async () => {
    const reader = new Reader();
    const writer = new Writer(() => reader);
    let closed = 0;
    writer.onClosed(() => closed++);
    writer.data("z".repeat(400_000));
    const relief = writer.relief();
    reader.read(Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
    await relief;
    writer.line("into the void");
    expect(writer.data("more")).toBe(true);
    await writer.flush();
    expect([closed, reader.waiting, writer.failure]).toEqual([1, 0, undefined]);
  });

  test("distinguishes a full disk from a reader that has exited", () => {
    const reader = new Reader();
    const writer = new Writer(() => reader);
    writer.data("a");
    reader.read(Object.assign(new Error("no space left"), { code: "ENOSPC" }));
    expect(writer.failure?.message).toBe("no space left");
  });

  test("does not wait forever at the end", async () => {
    const writer = new Writer(() => new Reader());
    writer.line("last words");
    await writer.flush(20);
    await writer.finish(20);
  });

  test("waits at the end for whoever reads data, however slowly", async () => {
    const reader = new Reader();
    const writer = new Writer(() => reader);
    writer.data("first");
    writer.data("second");
    let isOver = false;
    const finished = writer.finish(0).then(() => (isOver = true));
    const log = new Writer(() => new Reader());
    log.line("nobody reads this");
    await log.finish(0);
    expect(isOver).toBe(false);
    expect(reader.readAll()).toBe("firstsecond");
    await finished;
    writer.line("nobody reads this");
    await writer.finish(0);
  });
});
