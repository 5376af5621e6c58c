// `parley client --to` and `--json-in`: the commands of programs, and the answers to them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

type Printed = Readonly<Record<string, unknown>>;

const folder = testFolder("commands");
const state = join(folder, "state");
const home = { XDG_CONFIG_HOME: join(folder, "config") };
let server: Parley;
let address: string;

beforeAll(async () => {
  writeFileSync(join(folder, "a.txt"), "content");
  server = new Parley("server", "--no-web", "--files", folder, "--port", "0", "--state", state);
  const line = await server.line(/^Server listening on /);
  address = `127.0.0.1:${line.split(":").at(-1)}`;
});

afterAll(() => server[Symbol.asyncDispose]());

async function listener(name: string): Promise<Parley> {
  const client = new Parley("client", address, "--name", name, "--follow", "--json");
  await client.line(/"online"/);
  return client;
}

/** The answers to commands, by their kind and the command's `ref`. */
async function answers(...commands: readonly (object | string)[]): Promise<{
  code: number;
  answered: Printed[];
  events: Printed[];
}> {
  const lines = commands.map((one) => (typeof one === "string" ? one : JSON.stringify(one)));
  const args = ["client", address, "--name", "bot", "--json-in", "--downloads", folder];
  const { code, out } = await run(args, { input: `${lines.join("\n")}\n`, env: home });
  const events = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Printed);
  const answered = events.filter(({ event, ref, line }) => {
    return (event === "done" || event === "error") && (ref ?? line) !== undefined;
  });
  return { code, answered, events };
}

describe("--to", () => {
  test("sends every line only to those users, literally", async () => {
    await using ann = await listener("Ann");
    await using bob = await listener("Bob");
    const input = "one\n/quit\n";
    const sent = await run(["client", address, "--name", "bot", "--to", "Ann,Bob"], {
      input,
      env: home,
    });
    expect(sent.code).toBe(0);
    for (const client of [ann, bob]) {
      await client.line(/"text":"\/quit"/);
      const lines = client.lines.map((line) => JSON.parse(line) as Printed);
      const heard = lines.filter(({ event }) => event === "private" || event === "message");
      expect(heard.map(({ event, text, sealed }) => ({ event, text, sealed }))).toEqual([
        { event: "private", text: "one", sealed: false },
        { event: "private", text: "/quit", sealed: false },
      ]);
    }
  });

  test("names the line that did not reach somebody, and fails", async () => {
    await using ann = await listener("Ann");
    const args = ["client", address, "--name", "bot", "--to", "Ann", "--to", "Nobody"];
    const { code, err } = await run(args, { input: "hi\n", env: home });
    expect(code).toBe(5);
    expect(err).toContain("Line 1 of the input was refused");
    await ann.line(/"private"/);
  });

  test.each([
    [["--to", ""], "--to"],
    [["--to", "a b"], "--to"],
    [["--to", "ALL"], "ALL"],
    [["--to", "Ann", "--json-in"], "--json-in"],
  ])("%p is refused", async (flags, named) => {
    const { code, err } = await run(["client", address, ...flags], { input: "hi\n", env: home });
    expect(code).toBe(2);
    expect(err).toContain(named);
  });
});

describe("--json-in", () => {
  test("answers each command by its ref", async () => {
    await using ann = await listener("Ann");
    const { code, answered } = await answers(
      { say: "hello", ref: 1 },
      { say: "again", ref: "two" },
      { to: ["Ann"], text: "psst", ref: 3 },
      { enter: "den", ref: 4 },
      { part: "den", ref: 5 },
      { get: "a.txt", ref: 6 },
    );
    expect(code).toBe(0);
    const byRef = new Map(answered.map((answer) => [answer["ref"], answer]));
    expect([...byRef.keys()].map(String).toSorted()).toEqual(["1", "3", "4", "5", "6", "two"]);
    const first = Number(byRef.get(1)?.["seq"]);
    expect(byRef.get(1)).toEqual({ event: "done", ref: 1, room: "lobby", seq: first });
    expect(byRef.get("two")).toEqual({ event: "done", ref: "two", room: "lobby", seq: first + 1 });
    expect(byRef.get(3)).toEqual({ event: "done", ref: 3, to: ["Ann"], sealed: false });
    expect(byRef.get(4)).toEqual({ event: "done", ref: 4, room: "den" });
    expect(byRef.get(5)).toEqual({ event: "done", ref: 5, room: "den" });
    expect(byRef.get(6)).toMatchObject({ event: "done", ref: 6, name: "a.txt", size: 7 });
    expect(readFileSync(String(byRef.get(6)?.["path"]), "utf8")).toBe("content");
    await ann.line(/"psst"/);
  });

  test("says everything in a room before it leaves it, however much that is", async () => {
    const says = Array.from({ length: 600 }, (_, i) => ({ say: `${i}`, room: "loft", ref: i }));
    const { code, answered } = await answers({ enter: "loft" }, ...says, {
      part: "loft",
      ref: "left",
    });
    expect(code).toBe(0);
    expect(answered.map(({ ref }) => ref)).toEqual([...says.map(({ ref }) => ref), "left"]);
    expect(answered.slice(0, -1).every(({ seq }) => typeof seq === "number")).toBe(true);
  });

  test("reports an invalid command, carries out the others, and fails", async () => {
    await using ann = await listener("Ann");
    const { code, answered } = await answers(
      "not json",
      { sing: "la", ref: 2 },
      { say: "x", enter: "den", ref: 3 },
      { say: 7, ref: 4 },
      { to: ["Ann", "Nobody"], text: "hi", ref: 5 },
      { say: "x", room: "attic", ref: 6 },
      { part: "attic", ref: 7 },
      { get: "nothing", ref: 8 },
      { say: "heard all the same" },
    );
    expect(code).toBe(2);
    const problems = answered.map(({ event, ref, line, code }) => ({ event, ref, line, code }));
    expect(problems.toSorted((a, b) => Number(a.line) - Number(b.line))).toEqual([
      { event: "error", ref: undefined, line: 1, code: "usage" },
      { event: "error", ref: 2, line: 2, code: "usage" },
      { event: "error", ref: 3, line: 3, code: "usage" },
      { event: "error", ref: 4, line: 4, code: "usage" },
      { event: "error", ref: 5, line: 5, code: "unknown-user" },
      { event: "error", ref: 6, line: 6, code: "not-in-room" },
      { event: "error", ref: 7, line: 7, code: "not-in-room" },
      { event: "error", ref: 8, line: 8, code: "not-found" },
    ]);
    const byLine = new Map(answered.map((answer) => [answer["line"], answer]));
    expect(String(byLine.get(2)?.["message"])).toContain('"say", "to", "enter", "part", "get"');
    expect(byLine.get(5)?.["to"]).toEqual(["Nobody"]);
    await ann.line(/heard all the same/);
    await ann.line(/"private"/);
  });
});
