// A server that speaks another protocol is recognized by its first bytes, and reported.

import { expect, test } from "bun:test";
import { BannerCheck } from "../../src/io/banner-check.ts";
import { run } from "../cli/run.ts";
import { noteTime } from "../times.ts";

function judged(...pieces: string[]): string | undefined {
  const words = new BannerCheck();
  for (const piece of pieces) words.handleData(Buffer.from(piece));
  return words.problem("h:1")?.message;
}

test.each([
  ["nothing yet", []],
  ["blanks", ["\n", " "]],
  ["a welcome", ['{"type":"welcome"}\n']],
  ["its first byte", ["{"]],
  ["a prompt on a line of its own before it", ["Send a name:", '\n{"type":"wel']],
])("%s is no problem", (_, pieces) => expect(judged(...pieces)).toBeUndefined());

test.each([
  ["text", ["Please, Enter Your ig name"]],
  ["lines of text", ["SSH-2.0-x\r\n", "more\n"]],
  ["escapes", ["\u001b[2Jx"]],
  ["a flood", ["x".repeat(1 << 20), "{"]],
])("%s is a problem", (_, pieces) => {
  expect(judged(...pieces)).toMatch(
    /^h:1 answers, but not as a parley server's main port: '[^\u001b]{1,60}/,
  );
});

test("a web port is recognized, and the error names the right port", () => {
  expect(judged("HTTP/1.1 400 Bad Request\r\n", "\r\n")).toMatch(/^h:1 is a web port.*55000/);
});

/**
 * Answers the first bytes with a text, like a port of another dialect, and keeps the connection
 * open unless told otherwise.
 */
function stranger(text: string, ends: boolean) {
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.write(text);
        if (ends) socket.end();
      },
    },
  });
}

test.each([
  ["which keeps the connection", false],
  ["which ends the connection", true],
])("commands end with 6 and a sentence at a port of another dialect, %s", async (_, ends) => {
  using listener = stranger("The name '{' is invalid", ends);
  const address = `127.0.0.1:${listener.port}`;
  const startedMs = performance.now();
  const ended = await Promise.all([
    run(["client", address, "--name", "bot"], { input: "hi\n" }),
    run(["fetch-file", address, "--list"]),
    run(["fetch-file", address, "a.txt"]),
  ]);
  for (const { code, err } of ended) {
    expect(err).toContain(`${address} answers, but not as a parley server's main port: 'The name`);
    expect(code).toBe(6);
  }
  noteTime("commands at a port of another dialect", performance.now() - startedMs, 8_000);
});
