// `parley classic`: the small clients in a pipe, against `parley server`.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { hostPortText } from "../../src/io/host-port.ts";
import { Parley } from "../parley.ts";
import { DialectServer, host } from "./sockets.ts";

let server: DialectServer;
beforeAll(async () => {
  server = await DialectServer.start();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function classic(dialect: string, ...more: string[]): Parley {
  return new Parley("classic", dialect, `${host}:${server.port(dialect)}`, ...more);
}

test("date-time", async () => {
  await using client = classic("date-time", "--count", "1");
  const port = server.port("date-time");
  const line = await client.line(/^Client received/);
  expect(line).toMatch(
    new RegExp(
      `^Client received MESSAGE = (\\d\\d/\\d\\d/\\d\\d|\\d\\d:\\d\\d:\\d\\d)  from ADDR = \\('127.0.0.1', ${port}\\)$`,
    ),
  );
  expect(await client.exit()).toBe(0);
});

test("greeting", async () => {
  await using both = classic("greeting");
  // The original client prints a space after each answer to a datagram.
  expect([await both.exit(), both.lines]).toEqual([0, ["Ok ", "Who's there?"]]);
  await using knocking = classic("greeting", "--tcp", "--json");
  await knocking.exit();
  expect(JSON.parse(knocking.lines[0] ?? "")).toEqual({
    event: "answer",
    transport: "tcp",
    text: "Who's there?",
  });
});

test("calculator: questions, warnings, results", async () => {
  await using client = classic("calculator");
  client.type("Ann", "15 + 35", "1 +", "1 ^ 2", "4.5 / -6", "1 / 0", "q");
  expect(await client.exit()).toBe(0);
  const question = "Enter a expression and Use q for Exit : ";
  expect(client.lines).toEqual([
    `Please Enter your name: ${question}Result: 50.0`,
    `${question}Incorrect format, Please Enter Right format `,
    `${question}Incorrect operator, Please Enter Right Operator`,
    `${question}Result: -0.75`,
    `${question}Result: Division by zero has no value`,
    `${question}Session Ended`,
  ]);
});

test("chat-room: two people", async () => {
  await using ann = classic("chat-room");
  ann.type("Ann", "annie");
  await ann.line("new user :Ann:annie joined ");
  await using bob = classic("chat-room");
  bob.type("Bob", "bo");
  await ann.line("new user :Bob:bo joined ");
  await bob.line("new user :Bob:bo connected!");
  ann.type("hello");
  await bob.line(":Ann:hello");
  await ann.line(":Ann:hello");
  bob.type("bye");
  bob.endInput();
  expect(await bob.exit()).toBe(0);
  expect(bob.lines).toContain(":Bob:bye");
  await ann.line(":Bob:bo left chat");
  expect(ann.lines[0]).toBe("Please, Enter Your Name:Please, Enter Your ig name");
});

test("a closed port, an unknown client, an invalid address", async () => {
  const closed = Bun.listen({ hostname: host, port: 0, socket: { data() {} } });
  const { port } = closed;
  closed.stop(true);
  for (const [args, code] of [
    [["calculator", `${host}:${port}`], 3],
    [["date-time", `${host}:${port}`], 3],
    [["calculater", `${host}:${port}`], 2],
    [["calculator", "nonsense:"], 2],
    [["date-time", `${host}:${port}`, "--count", "-1"], 2],
  ] as const) {
    await using client = new Parley("classic", ...args);
    expect([args, await client.exit()]).toEqual([args, code]);
    expect(client.stderr).not.toContain("    at ");
    if (code === 3) expect(client.stderr).toEndWith("Is parley server --classic running there?\n");
  }
});

const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
const loopbacks = [host, "::1"].filter((one) => addresses.some(({ address }) => address === one));

test.each(loopbacks)("greeting: a server at %s that closes without an answer", async (hostname) => {
  using mute = Bun.listen({
    hostname,
    port: 0,
    socket: { data: (socket) => void socket.end() },
  });
  const at = hostPortText({ host: hostname, port: mute.port });
  await using client = new Parley("classic", "greeting", at, "--tcp");
  expect([await client.exit(), client.lines]).toEqual([6, []]);
  expect(client.stderr).toContain(`${at} closed the connection without an answer`);
});

test("Ctrl-C", async () => {
  await using client = classic("date-time");
  await client.line(/^Client received/);
  client.signal("SIGINT");
  expect(await client.exit()).toBe(130);
});
