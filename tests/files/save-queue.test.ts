// Small files that arrive together are saved in slices, with the content that they arrived with.

import { expect, test } from "bun:test";
import { SaveQueue } from "../../src/files/save-queue.ts";
import { fetching as limits } from "../../src/limits.ts";
import { until } from "../until.ts";

function queue(save: (file: number, bytes: Uint8Array) => void, stopped?: Error) {
  const failures: unknown[] = [];
  let slices = 0;
  const made = new SaveQueue<number>({
    save,
    beforeSlice: () => {
      if (stopped !== undefined) throw stopped;
    },
    onSlice: () => void slices++,
    onFailure: (error) => failures.push(error),
  });
  return { made, failures, slices: () => slices };
}

test("what waits is saved later, although the memory it arrived in is used again", async () => {
  const saved = new Map<number, string>();
  const { made } = queue((file, bytes) => saved.set(file, Buffer.from(bytes).toString()));
  // A Buffer, as the cipher returns it.
  const chunk = Buffer.from("abcdefghij");
  for (let i = 0; i < chunk.length; i++) made.add(i, chunk.subarray(i, i + 1));
  expect(saved.size).toBe(0);
  expect(made.bytes).toBe(10);
  chunk.fill(0);
  await made.settled();
  expect([...saved.values()].join("")).toBe("abcdefghij");
  expect(made.bytes).toBe(0);
});

test("other work runs between slices, and within a slice files are saved immediately", async () => {
  const longerThanSlice = new SharedArrayBuffer(4);
  let saves = 0;
  const { made, slices } = queue(() => {
    saves++;
    Atomics.wait(new Int32Array(longerThanSlice), 0, 0, limits.workSliceMs + 1);
  });
  for (let i = 0; i < 10; i++) made.add(i, new Uint8Array(1));
  await made.settled();
  expect(slices()).toBe(10);
  made.startSlice();
  for (let i = 0; i < 10; i++) made.add(i, new Uint8Array(1));
  expect(saves).toBe(11);
  expect(made.bytes).toBe(9);
});

test("after a failure nothing more is saved, and everybody hears of it", async () => {
  const full = new Error("the disk is full");
  let saves = 0;
  const { made, failures } = queue(() => {
    if (++saves === 2) throw full;
  });
  for (let i = 0; i < 5; i++) made.add(i, new Uint8Array(1));
  await expect(made.settled()).rejects.toBe(full);
  await until(() => failures.length > 0);
  expect(failures).toEqual([full]);
  expect(saves).toBe(2);
  expect(() => made.add(9, new Uint8Array(1))).toThrow(full);
  await expect(made.settled()).rejects.toBe(full);
});

test("what is dropped is not saved", async () => {
  let saves = 0;
  const { made, slices } = queue(() => void saves++);
  made.add(1, new Uint8Array(1));
  made.add(2, new Uint8Array(1));
  expect(made.drop()).toEqual([1, 2]);
  await made.settled();
  await until(() => slices() > 0);
  expect(saves).toBe(0);
});

test("nothing is saved once that was stopped from outside: the folder may be being removed", async () => {
  const stopped = new Error("stopped");
  let saves = 0;
  const { made, failures } = queue(() => void saves++, stopped);
  made.add(1, new Uint8Array(1));
  await expect(made.settled()).rejects.toBe(stopped);
  while (failures.length === 0) await Bun.sleep(1);
  expect(saves).toBe(0);
});
