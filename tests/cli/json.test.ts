// `--json` against its documentation: every printed object is in docs/json.md, with all of its
// fields.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

type Printed = Readonly<Record<string, unknown>>;

const document = await Bun.file(join(import.meta.dir, "../../docs/json.md")).text();
const folder = testFolder("json");
let server: Parley;
let ports: Record<string, number>;
let address: string;

beforeAll(async () => {
  for (const name of ["a.txt", "b.txt"]) writeFileSync(join(folder, name), "content");
  mkdirSync(join(folder, "inner"));
  for (const name of ["c.txt", "n".repeat(255)])
    writeFileSync(join(folder, "inner", name), "content");
  symlinkSync("c.txt", join(folder, "inner", "link"));
  const dialects = ["cpp", "date-time", "greeting", "calculator", "chat-room"];
  const listen = dialects.flatMap((name) => ["--listen", `${name}=0`]);
  const own = "server --json --port 0 --web-port 0 --files".split(" ");
  server = new Parley(...own, folder, ...listen, "--state", join(folder, "state"));
  const ready = JSON.parse(await server.line(/"listening"/)) as Printed;
  ports = ready["dialects"] as Record<string, number>;
  address = `127.0.0.1:${ready["port"]}`;
});

afterAll(() => server[Symbol.asyncDispose]());

/** The section of a command: the fields of each event, and all other words in backquotes. */
function documented(command: string): Map<string, Set<string>> {
  const [, section = ""] = document.split(`## \`parley ${command} --json\`\n`);
  const rows = (section.split("\n## ")[0] ?? "").matchAll(/^\| `([\w-]+)` +\|(.*)$/gm);
  return new Map(Array.from(rows, ([, event, cells]) => [event!, new Set(quotedWords(cells!))]));
}

function quotedWords(text: string): string[] {
  return Array.from(text.matchAll(/`(\w+)`/g), ([, word]) => word!);
}

function objects(text: string): Printed[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Printed);
}

/** Checks all of them, and returns the names of the events in order, each once. */
function lookUp(command: string, printed: readonly Printed[]): string[] {
  const events = documented(command);
  for (const object of printed) {
    const known = events.get(String(object.event));
    const unknown = Object.keys(object).filter((name) => name !== "event" && !known?.has(name));
    expect(object).toHaveProperty("event");
    expect({ object, documented: known !== undefined, unknown }).toEqual({
      object,
      documented: true,
      unknown: [],
    });
  }
  return [...new Set(printed.map((object) => String(object.event)))];
}

test("client", async () => {
  const { code, out } = await run(["client", address, "--name", "Ann", "--json"], { input: "hi" });
  expect({ code, types: lookUp("client", objects(out)) }).toEqual({
    code: 0,
    types: ["online", "joined", "message"],
  });
});

test("client --json-in", async () => {
  const commands = [
    { say: "hi", ref: 1 },
    { to: "Ann", text: "psst", ref: 2 },
    { to: "Nobody", text: "psst", ref: 3 },
    { enter: "den", ref: 4 },
    { get: "a.txt", ref: 5 },
  ];
  const input = `${commands.map((command) => JSON.stringify(command)).join("\n")}\n`;
  const args = ["client", address, "--name", "Ann", "--json-in", "--downloads", folder];
  const { code, out } = await run(args, { input });
  const types = lookUp("client", objects(out)).toSorted();
  expect({ code, types }).toEqual({
    code: 5,
    types: ["done", "ended", "entered", "error", "joined", "message", "online", "private"],
  });
});

/** The events of a fetch. */
async function fetched(...words: string[]): Promise<string[]> {
  const { out, err } = await run(["fetch-file", address, "--json", ...words]);
  const events = lookUp("fetch-file", objects(out === "content" ? err : out));
  // On a busy machine even a small file takes long enough to report progress.
  return events.filter((event) => event !== "progress");
}

test("fetch-file", async () => {
  const path = join(folder, "saved.txt");
  expect(await fetched("--list")).toEqual(["file"]);
  expect(await fetched("a.txt", "-o", path)).toEqual(["offer", "done"]);
  expect(await fetched("a.txt", "-o", path)).toEqual(["unchanged"]);
  expect(await fetched("a.txt", "-o", "-")).toEqual(["offer", "done"]);
  expect(await fetched("inner/", "-o", join(folder, "copy"))).toEqual([
    "tree",
    "left-out",
    "saved",
    "folder",
  ]);
  expect(await fetched("b.txt", "nothing", "-o", folder)).toEqual(["unchanged", "failed", "ended"]);
});

describe("a command that fails says so in its last object", () => {
  const closed = "127.0.0.1:1";
  test.each([
    ["server", ["--port", "x"], "usage", 2],
    ["server", ["--port", "0", "--no-web", "--files", import.meta.path], "failed", 1],
    ["fetch-file", [closed, "a.txt"], "cannot-connect", 3],
    ["fetch-file", [closed, "a.txt", "--nonsense"], "usage", 2],
    ["classic", ["calculator", closed], "cannot-connect", 3],
    ["peer", ["--id", "A b", "--port", "0", "--server", closed], "name-invalid", 2],
    ["peer", ["--id", "Ann"], "usage", 2],
  ])("%s %p: %s", async (command, args, code, exitCode) => {
    const ended = await run([command, "--json", ...args]);
    const printed = objects(ended.out);
    lookUp(command, printed);
    expect({ exitCode: ended.code, last: printed.at(-1) }).toEqual({
      exitCode,
      last: {
        event: command === "peer" ? "exit" : "ended",
        code,
        message: expect.stringMatching(/^\S.+/),
      },
    });
    expect(ended.err).toContain(String(printed.at(-1)?.["message"]).slice(0, 40));
  });

  test("but not for a file of that name", async () => {
    const { code, out } = await run(["fetch-file", closed, "--", "--json"]);
    expect({ code, out }).toEqual({ code: 3, out: "" });
  });

  test("on stderr if stdout is the file", async () => {
    const { code, out, err } = await run(["fetch-file", address, "nothing", "-o", "-", "--json"]);
    expect({ code, out }).toEqual({ code: 5, out: "" });
    const lines = err.split("\n").filter((line) => line.startsWith("{"));
    expect(objects(lines.join("\n")).at(-1)).toMatchObject({ event: "ended", code: "not-found" });
  });
});

function peer(id: string): Parley {
  const registry = `127.0.0.1:${ports["cpp"]}`;
  return new Parley("peer", "--json", "--id", id, "--port", "0", "--server", registry);
}

test("peer", async () => {
  await using ann = peer("Ann");
  await using bob = peer("Bob");
  ann.type("/id", "/register", "/bridge");
  await ann.line(/"waiting"/);
  bob.type("/nonsense", "/bridge Ann");
  await bob.line(/"connected"/);
  bob.type("/chat", "hello");
  await ann.line(/"message"/);
  ann.type("/quit");
  expect([await ann.exit(), await bob.exit()]).toEqual([0, 0]);
  const parts = [ann, bob].map(({ lines }) => lookUp("peer", objects(lines.join("\n"))));
  const all = new Set(parts.flat());
  // Nobody rejected a call, keys are only compared in calls over TLS, and only relayed calls change
  // their path, or lose the server (peer.test.ts, tests/fault/calls.test.ts).
  const unseen = ["path", "server", "words", "verified", "turned-down"];
  expect([...documented("peer").keys()].filter((name) => !all.has(name))).toEqual(unseen);
});

describe("classic", () => {
  test.each([
    ["date-time", ["--count", "1"], "", "answer"],
    ["greeting", [], "", "answer"],
    ["calculator", [], "Ann\n1 + 1\n", "line"],
    ["chat-room", [], "Ann\nann\nhello\n", "received"],
  ])("%s", async (client, flags, input, event) => {
    const args = ["classic", client, `127.0.0.1:${ports[client]}`, "--json", ...flags];
    const { code, out } = await run(args, { input });
    expect({ code, events: lookUp("classic", objects(out)) }).toEqual({ code: 0, events: [event] });
  });
});

test("server", async () => {
  await using bob = new Parley("client", address, "--name", "Bob", "--follow");
  await bob.says("You are Bob");
  server.type("/who", "/info");
  await server.line(/"member"/);
  await server.line(/"registration"/);
  server.type(
    "/ban Eve --for 1d spam",
    "/mute 198.51.100.7",
    "/bans",
    "/mutes",
    "/pass",
    "/token bot",
    "/ops",
    "/help",
  );
  await server.line(/"mute"/);
  await server.line(/"usage":"stop"/);
  const events = lookUp("server", objects(server.lines.join("\n")));
  // Nothing failed, the server has no owner, and nobody has shared anything.
  const unseen = new Set(["ended", "role", "shared-file"]);
  const expected = [...documented("server").keys()].filter((name) => !unseen.has(name));
  expect(events.toSorted()).toEqual(expected.toSorted());
});
