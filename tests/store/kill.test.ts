// SIGKILL during commits: everything reported as committed is there, in whole batches only, and the
// file opens again.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { testFolder } from "../test-folder.ts";

const folder = testFolder("kill");
const rounds = Number(process.env["FAULT_ROUNDS"] ?? 5);

/**
 * Runs the appender until it has printed `lines` lines, kills it, and returns its last whole line.
 */
async function commitAndKill(path: string, lines: number): Promise<[seq: number, mail: number]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "appender.ts"), path], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    said += decoder.decode(chunk, { stream: true });
    if (said.split("\n").length > lines) child.kill("SIGKILL");
  }
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  const [seq, mail] = said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1)!.split(" ");
  return [Number(seq), Number(mail)];
}

test(`${rounds} kills while committing lose nothing that was committed`, async () => {
  const path = join(folder, "chat.db");
  for (let round = 1; round <= rounds; round++) {
    const [seq, mail] = await commitAndKill(path, 20 * round);
    const store = openSqliteStore(path);
    const { last } = store.rooms.bounds("lobby");
    expect(last).toBeGreaterThanOrEqual(seq);
    const all = store.rooms.after("lobby", 0, 1e6).map((one) => one.seq);
    expect(all).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    const session = store.sessions.load("s1");
    expect(session?.n).toBe(last);
    expect(session?.mail).toBeGreaterThanOrEqual(mail);
    expect(store.mailboxes.after("s1", session!.mail - 1, 9)).toHaveLength(1);
    store.close();
  }
}, 180_000);
