// Kick, ban and mute, typed at a server's own terminal: the effect on users of every port, and the
// state after a restart. The compiled program; users have their own addresses.

import { beforeAll, describe, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeRegister } from "../../src/cpp/codec.ts";
import { Parley } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { askFrom, Caller, getFrom } from "./caller.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const test = skipUnless(process.platform === "linux", "needs 127.0.0.2");
const base = testFolder("moderation");
const files = join(base, "FILES");
beforeAll(() => {
  mkdirSync(files);
  writeFileSync(join(files, "plan.txt"), "the plan\n");
});

const [good, bad] = ["127.0.0.1", "127.0.0.2"];
const social = ["open-chat", "chat-room", "line-chat", "select-chat"];
const ways = [...social, "greeting", "calculator", "date-time", "cpp"];

type Ports = { port: number; webPort: number; dialects: Record<string, number> };

async function start(...more: string[]): Promise<{ server: Parley; ports: Ports }> {
  const listen = ways.map((way) => `${way}=0`).join(",");
  const command = `server --port 0 --web-port 0 --json --listen ${listen}`;
  const server = new Parley(...command.split(" "), "--files", files, ...more);
  const ready = await server.line(/"event":"listening"/);
  return { server, ports: JSON.parse(ready) as Ports };
}

/** Types a command and waits for its answer on stderr. */
async function order(server: Parley, line: string, answer: string | RegExp): Promise<void> {
  const before = server.stderr.length;
  server.type(line);
  const fits = () => {
    const said = server.stderr.slice(before);
    return typeof answer === "string" ? said.includes(answer) : answer.test(said);
  };
  await server.until(fits, `an answer to ${line}`);
}

const hello = (name: string) =>
  `${JSON.stringify({ type: "hello", version: 2, name, secret: `${name}-0123456789abcdef` })}\n`;
const register = encodeRegister({ id: "Mallory", ip: bad, port: 7_777 });
const say = (n: number, text: string) => `${JSON.stringify({ type: "say", n, text })}\n`;

/** The answers a banned user gets at every port. */
async function everyDoor({ port, webPort, dialects }: Ports): Promise<Record<string, string>> {
  const heard: Record<string, string> = {};
  const calls: readonly (readonly [string, number | undefined, string])[] = [
    ["native", port, hello("Mallory")],
    ["native, for files", port, '{"type":"hello","version":2}\n{"type":"files"}\n'],
    ["text", port, "Mallory\nshow\n"],
    ["registry on the main port", port, register],
    ...ways
      .filter((way) => way !== "date-time" && way !== "cpp")
      .map((way) => [way, dialects[way], "Mallory\n2 + 3\nKnock knock..\n"] as const),
  ];
  for (const [way, at, text] of calls) {
    using caller = await Caller.from(bad, at ?? 0);
    heard[way] = await caller.send(text).ends();
  }
  for (const way of ["date-time", "greeting"]) {
    heard[`${way}, datagram`] = await askFrom(bad, dialects[way] ?? 0, "time");
  }
  for (const path of ["/", "/files", "/files/plan.txt", "/nothing", "/healthz"]) {
    const { status, body } = await getFrom(bad, webPort, path);
    heard[path] = `${status} ${body}`;
  }
  using socket = await Caller.from(bad, webPort);
  socket.send(
    `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${webPort}\r\nUpgrade: websocket\r\n` +
      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  heard["/ws"] = await socket.hears("banned");
  return heard;
}

describe("a ban", () => {
  test("applies to every port, leaves others alone, and survives a restart", async () => {
    const state = join(base, "state");
    const first = await start("--state", state);
    {
      await using server = first.server;
      using ann = await Caller.from(good, first.ports.port);
      await ann.send(hello("Ann") + say(1, "the secret")).hears('"ack"');
      using mallory = await Caller.from(bad, first.ports.port);
      await mallory.send(hello("Mallory")).hears("welcome");
      await order(server, `/ban ${bad} --for 1d spam`, `Banned the network ${bad} until`);
      expect(await mallory.ends()).toMatch(
        /"type":"bye","reason":"You are banned .*","code":"banned"/,
      );
      await ann.hears('"name":"Mallory","reason":"kicked"');
      for (const [way, heard] of Object.entries(await everyDoor(first.ports))) {
        expect([way, heard]).toEqual([way, expect.stringMatching(/banned from this server until/)]);
        expect([way, heard]).toEqual([
          way,
          expect.not.stringMatching(/Ann|secret|plan|lobby|--><|Name/),
        ]);
      }
      // Everyone else is served as before.
      expect(await getFrom(good, first.ports.webPort, "/files/plan.txt")).toEqual({
        status: 200,
        body: "the plan\n",
      });
      expect(await askFrom(good, first.ports.dialects["greeting"] ?? 0, "hi")).toBe("Ok");
      server.type("/quit");
      expect(await server.exit()).toBe(0);
      expect(server.stderr).toMatch(
        /"message":"banned","target":"the network 127.0.0.2","until":"[^"]+","reason":"spam","by":"console"/,
      );
    }
    const second = await start("--state", state);
    await using server = second.server;
    using again = await Caller.from(bad, second.ports.port);
    expect(await again.send(hello("Other")).ends()).toContain('"code":"banned"');
    server.type("/bans");
    const row = JSON.parse(await server.line(/"event":"ban"/)) as object;
    expect(row).toMatchObject({ id: 1, network: bad, reason: "spam", by: "console" });
    await order(server, "/unban #1", "Lifted the ban of the network 127.0.0.2");
    using back = await Caller.from(bad, second.ports.port);
    await back.send(hello("Other")).hears("welcome");
  });

  test("of a name holds in every dialect and in the registry, with --data after SIGKILL too", async () => {
    const data = join(base, "chat.db");
    const first = await start("--data", data);
    await order(first.server, "/ban Mallory", "Banned the name Mallory");
    first.server.signal("SIGKILL");
    await first.server.exit();
    const { server, ports } = await start("--data", data);
    await using _ = server;
    for (const way of social) {
      using caller = await Caller.from(bad, ports.dialects[way] ?? 0);
      expect([way, await caller.send("MALLORY\n").ends()]).toEqual([
        way,
        expect.stringContaining("You are banned from this server"),
      ]);
    }
    using peer = await Caller.from(bad, ports.dialects["cpp"] ?? 0);
    peer.send(register);
    expect(await peer.ends()).toBe("banned: You are banned from this server\n");
    await order(server, "/info", "");
    expect(server.lines.join("\n")).not.toContain('"event":"registration"');
    expect(readFileSync(data).includes("Mallory")).toBe(false);
  });
});

test("mute and kick at the terminal", async () => {
  const { server, ports } = await start("--state", join(base, "own"));
  await using _ = server;
  using ann = await Caller.from(good, ports.port);
  await ann.send(hello("Ann")).hears("welcome");
  using bob = await Caller.from(bad, ports.dialects["line-chat"] ?? 0);
  await bob.send("Bob\n");
  await ann.hears('"joined","room":"lobby","name":"Bob"');
  await order(server, "/mute Bob --for 1h shouting", "Muted the name Bob until");
  await bob.send("loud\n").hears(/You are muted until .*: shouting/);
  await order(server, "/unmute Bob", "Lifted the mute of the name Bob");
  bob.send("soft\n");
  expect(await ann.hears('"text":"soft"')).not.toContain("loud");
  await order(server, "/kick Bob enough", "Removed Bob");
  expect(await bob.ends()).toContain("console has removed you: enough");
  await order(server, "/frobnicate", "There is no command 'frobnicate'");
  await order(server, "who", "commands begin with /");
  server.type("/who --long");
  expect(JSON.parse(await server.line(/"event":"member"/))).toEqual({
    event: "member",
    name: "Ann",
    address: good,
    dialect: "native",
    tls: false,
  });
});
