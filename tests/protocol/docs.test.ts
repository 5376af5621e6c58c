// docs/protocol.md matches the code: every line in it is a message, every code is in its table, and
// its example bot runs.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ErrorCode, isErrorCode } from "../../src/errors.ts";
import {
  client,
  clientSocket,
  connections,
  history,
  message,
  names,
  protocol,
  passwords,
} from "../../src/limits.ts";
import { decodeClient } from "../../src/protocol/decode-client.ts";
import { decodeServer } from "../../src/protocol/decode-server.ts";
import { encodeClient } from "../../src/protocol/encode.ts";
import type { ClientMessage, ServerMessage } from "../../src/protocol/messages.ts";
import { LineSplitter } from "../../src/line-splitter.ts";
import { Parley } from "../parley.ts";
import { python3 } from "../python.ts";
import { skipUnless } from "../skip.ts";

const docs = readFileSync(join(import.meta.dir, "../../docs/protocol.md"), "utf8");

/** Placeholder for omitted text. */
function filledIn(example: string): string {
  return example
    .replaceAll('"secret":"…"', '"secret":"0123456789abcdef"')
    .replaceAll(/,…/g, "")
    .replaceAll('"key":"…"', `"key":"${"A".repeat(43)}"`)
    .replaceAll('"proof":"…"', `"proof":"${"A".repeat(43)}"`)
    .replaceAll('"signature":"…"', `"signature":"${"A".repeat(86)}"`)
    .replaceAll("[…]", "[]")
    .replaceAll('"…"', '"x"')
    .replaceAll(":…", ":1");
}

test("every line in it is a message", () => {
  const inline = [...docs.matchAll(/`(\{"type":[^`]*\})`/g)].map(([, line = ""]) => line);
  const blocks = [...docs.matchAll(/^ {4}\{"type":.*(?:\n {5,}.*)*/gm)].flatMap(([block]) =>
    /\n {5,}/.test(block) ? block.replaceAll(/\n */g, "") : block.split("\n"),
  );
  const examples = [...inline, ...blocks].map((line) => filledIn(line.trim()));
  expect(examples.length).toBeGreaterThan(40);
  for (const example of examples) {
    // An `offer` and a `fetch` are shown in transfer.md.
    if (/^\{"type":"(?:offer|fetch)"/.test(example)) continue;
    const decoded = [decodeClient(example), decodeServer(example)];
    const problems = decoded.flatMap((one) => (one.type === "undecodable" ? [one.message] : []));
    expect({ example, problems: problems.length < 2 ? [] : problems }).toEqual({
      example,
      problems: [],
    });
  }
});

/** Every code that a server sends. */
const sentCodes = [
  "protocol",
  "version",
  "full",
  "tls-required",
  "rate",
  "storage",
  "login-timeout",
  "password-required",
  "members-only",
  "banned",
  "muted",
  "not-allowed",
  "name-taken",
  "name-registered",
  "wrong-password",
  "no-identity",
  "name-invalid",
  "room-invalid",
  "text-invalid",
  "unknown-user",
  "not-in-room",
  "room-banned",
  "room-key",
  "room-full",
  "invite-only",
  "is-there",
  "not-there",
  "elsewhere",
  "not-found",
  "changed",
  "unreadable",
  "stalled",
  "slow-reader",
] as const satisfies readonly ErrorCode[];

test("every error code is in its table and in errors.ts", () => {
  const [, table = ""] = docs.split("## Errors");
  const codes = [...table.matchAll(/^\| `([a-z-]+)`/gm)].map(([, code]) => code);
  expect(codes.toSorted()).toEqual(sentCodes.toSorted());
  for (const code of codes) expect(isErrorCode(code)).toBe(true);
});

test("its numbers are those of limits.ts", () => {
  const sentences = [
    `at most ${message.maxLineBytes / 1024} KiB`,
    `at most ${clientSocket.maxServerLineBytes / 1024 ** 2} MiB`,
    `nest at most ${protocol.maxDepth} deep`,
    `at most ${protocol.maxClientValues} values`,
    `at most ${protocol.maxRefChars} characters`,
    `at most ${names.maxRoomsPerSession}`,
    `at most ${message.maxRecipients}`,
    `at most ${names.pageNames} names`,
    `latest ${history.pageMessages} messages`,
    `${client.windowMessages} is plenty`,
    `held for ${history.mailHoldMs / 60_000} minutes`,
    `within ${connections.idleCloseMs / 1_000} s`,
    `a password of ${passwords.minChars} to ${passwords.maxChars} characters`,
    `"rooms":${names.maxRoomsPerSession},`,
  ];
  const text = docs.replaceAll(/\s+/g, " ");
  expect(sentences.filter((sentence) => !text.includes(sentence))).toEqual([]);
});

/**
 * A server and a connection to it that sends `first` and passes on everything it receives until
 * `isOver`.
 */
async function converse(
  first: string,
  hear: (message: ServerMessage, send: (message: ClientMessage) => void) => boolean,
  meanwhile?: (port: number) => Disposable,
): Promise<void> {
  await using server = new Parley("server", "--port", "0", "--no-web", "--files", import.meta.dir);
  const port = Number((await server.line(/^Server listening on /)).split(":").at(-1));
  using _ = meanwhile?.(port) ?? { [Symbol.dispose]() {} };
  const over = Promise.withResolvers<void>();
  const lines = new LineSplitter(clientSocket.maxServerLineBytes);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(first),
      data: (socket, bytes) => {
        lines.push(bytes, (line) => {
          const message = decodeServer(line);
          if (message.type === "undecodable") over.reject(new Error(`${message.message}: ${line}`));
          else if (hear(message, (answer) => void socket.write(encodeClient(answer))))
            over.resolve();
          return true;
        });
      },
      close: () => over.resolve(),
    },
  });
  await over.promise;
  socket.end();
}

test("the lines for `nc` form a session", async () => {
  const typed = /((?: {4}\{.*\}\n){3})/.exec(docs)?.[1]?.replaceAll(/^ +/gm, "") ?? "";
  const [hello = "", say = "", bye = ""] = typed.split(/(?<=\n)/);
  const types: string[] = [];
  await converse(hello + say, ({ type }, send) => {
    types.push(type);
    const last = decodeClient(bye.trimEnd());
    if (type === "message" && last.type !== "undecodable") send(last);
    return false;
  });
  expect(types).toEqual(["welcome", "joined", "message"]);
});

skipUnless(python3 !== undefined, "no python3: the bot in docs/protocol.md is not run")(
  "the bot answers in both of its rooms",
  async () => {
    const program = /```python\n(.*?)```/s.exec(docs)?.[1] ?? "";
    const hello = encodeClient({
      type: "hello",
      name: "Ann",
      rooms: [{ room: "lobby" }, { room: "den" }],
    });
    const heard: string[] = [];
    const answered = new Set<string>();
    await converse(
      hello,
      (message, send) => {
        if (message.type === "joined" && message.name === "Bot") {
          send({ type: "say", room: message.room, text: "ping" });
        }
        if (message.type !== "message") return false;
        heard.push(`${message.room} ${message.from}: ${message.text}`);
        if (message.from === "Bot") answered.add(message.room);
        return answered.size === 2;
      },
      (port) => {
        const bot = Bun.spawn([python3 ?? "", "-c", program.replace("55000", String(port))], {
          stdout: "inherit",
          stderr: "inherit",
        });
        return { [Symbol.dispose]: () => bot.kill() };
      },
    );
    for (const room of ["lobby", "den"]) {
      expect(heard.filter((line) => line.startsWith(room))).toEqual([
        `${room} Ann: ping`,
        `${room} Bot: pong`,
      ]);
    }
  },
);
