// Whatever a server sends, neither the client in a pipe nor the one on a terminal breaks, and no
// control character of its texts gets through.

import { afterAll, beforeAll, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ParleyError } from "../../src/errors.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import { slashCommands } from "../../src/terminal/client/slash-commands.ts";
import { TerminalClient } from "../../src/terminal/client/terminal-client.ts";
import { KeyReader } from "../../src/terminal/editor/keys.ts";
import { redirect } from "../../src/terminal/output/diagnostics.ts";
import { createStyle } from "../../src/terminal/output/style.ts";
import { Writer } from "../../src/terminal/output/writer.ts";
import { PipeClient, type PipeOptions } from "../../src/terminal/pipe/pipe-client.ts";
import { anyServerMessage } from "../protocol/messages.ts";
import { SessionRig } from "./session-rig.ts";
import { turns } from "../turns.ts";

const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const said: string[] = [];
beforeAll(() => redirect((line) => void said.push(line)));
afterAll(() => redirect());

/** Lines that often fit what the client has asked for, and where it is. */
const anyLine = fc
  .tuple(anyServerMessage, fc.integer({ min: 1, max: 12 }), fc.constantFrom("lobby", "den"))
  .map(([message, number, room]) => {
    const fitting = {
      ...("ref" in message && { ref: number }),
      ...("n" in message && { n: number }),
      ...("seq" in message && { seq: number }),
      ...("room" in message && number % 2 === 0 && { room }),
    };
    return encodeServer({ ...message, ...fitting } as typeof message).trimEnd();
  });

class PipeRig extends SessionRig {
  readonly client: PipeClient;
  out = "";

  constructor(input: string, options: Partial<PipeOptions>) {
    super("Ann");
    const output = new Writer(() => ({
      write: (bytes, done) => {
        this.out += new TextDecoder().decode(bytes);
        setImmediate(done);
      },
    }));
    const applyOutputs = (): void => this.applyOutputs();
    this.client = new PipeClient(
      this.session,
      { applyOutputs, pause() {}, resume() {}, leave: async () => {} },
      {
        follow: true,
        json: false,
        input: new Response(input).body ?? new ReadableStream(),
        output,
        ...options,
      },
    );
    this.welcome();
  }
}

const none = () => Promise.reject(new ParleyError("failed", "No files here"));
const commands = [
  { say: "a", ref: 1 },
  { enter: "den", ref: 2 },
  { say: "b", room: "den", ref: 3 },
  { to: ["Bob", "Cal"], text: "c", ref: 4 },
  { part: "den", ref: 5 },
  { get: "d", ref: 6 },
  { say: "e" },
];

test.each([
  ["lines", "one\ntwo\n", {}],
  ["lines, in JSON", "one\ntwo\n", { json: true }],
  [
    "commands",
    commands.map((one) => `${JSON.stringify(one)}\n`).join(""),
    { json: true, commands: { fetch: none, send: none, share: none } },
  ],
] as const)("in a pipe with %s", async (_, input, options) => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyLine, { maxLength: 30 }), async (lines) => {
      const rig = new PipeRig(input, options);
      const ended = rig.client.run().catch((error: unknown) => error);
      for (const line of lines) {
        await turns();
        rig.session.handleLine(line, 0);
        rig.applyOutputs();
      }
      rig.client.interrupt();
      expect(await ended).toBeInstanceOf(ParleyError);
      expect(unsafe.test(rig.out)).toBe(false);
      expect(said.splice(0).filter((line) => unsafe.test(line))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

class ScreenRig extends SessionRig {
  readonly client: TerminalClient;
  readonly keys = new KeyReader();
  raw = "";

  constructor() {
    super("Ann");
    this.client = new TerminalClient({
      session: this.session,
      applyOutputs: () => this.applyOutputs(),
      write: (text) => void (this.raw += text),
      soon: (draw) => draw(),
      width: (text) => Bun.stringWidth(text),
      style: createStyle(false),
      calendar: { now: () => 0, timeOfDay: () => "12:00", date: () => "2026-11-29" },
      columns: 50,
      rows: 30,
      device: "desk",
      key: "own-key",
      wordsOf: (keys) => keys.join(" "),
      suspend: () => {},
      keepIgnored: () => undefined,
      downloads: { running: false, start: () => {}, stop: () => {} },
    });
    this.welcome();
  }
}

const anyTyped = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(...Object.keys(slashCommands)),
      fc.constantFrom("", " Bob", " lobby", " den", " Bob hi", " 5", " off", "\t", " B\t"),
    )
    .map(([command, rest]) => `${command}${rest}\r`),
  fc.constantFrom("hello\r", "\t", "\u0012he\r", "\u001b[A\r", "\u0003", "a\u001b\rb\r"),
);

test("on a terminal, whatever is typed meanwhile", () => {
  const step = fc.oneof(
    anyLine.map((line) => ({ line })),
    anyTyped.map((typed) => ({ typed })),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const rig = new ScreenRig();
      for (const one of steps) {
        if ("typed" in one) rig.client.keys(rig.keys.push(one.typed));
        else {
          rig.session.handleLine(one.line, 0);
          rig.applyOutputs();
        }
      }
      const shown = rig.raw.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|[\u0007\r]/g, "");
      expect(unsafe.test(shown)).toBe(false);
    }),
    { numRuns: 600 },
  );
});
