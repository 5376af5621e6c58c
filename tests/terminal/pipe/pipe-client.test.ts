// The client in a pipe, with the test in the role of the server: line numbers in errors, giving up,
// back-pressure.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { client as limits, message as messages } from "../../../src/limits.ts";
import { Writer } from "../../../src/terminal/output/writer.ts";
import { redirect } from "../../../src/terminal/output/diagnostics.ts";
import { PipeClient, type PipeOptions } from "../../../src/terminal/pipe/pipe-client.ts";
import { SessionRig } from "../session-rig.ts";
import { until } from "../../until.ts";
import { turns } from "../../turns.ts";

const nothing = () => {};

beforeAll(() => redirect(nothing));
afterAll(() => redirect());

/** An output that fails with EPIPE at the first write. */
function closedWriter(): Writer {
  const gone = Object.assign(new Error("gone"), { code: "EPIPE" });
  return new Writer(() => ({ write: (_, done) => setImmediate(() => done(gone)) }));
}

/** A pipe client between its input and the lines of a server. */
class Rig extends SessionRig {
  readonly pauses: boolean[] = [];
  readonly client: PipeClient;
  out = "";
  reading = true;
  left = false;
  #waiting: (() => void)[] = [];

  constructor(
    input: string,
    { textChars = 10, ...options }: Partial<PipeOptions> & { textChars?: number } = {},
  ) {
    super("bot");
    const output = new Writer(() => ({
      write: (bytes, done) => {
        this.out += new TextDecoder().decode(bytes);
        if (this.reading) setImmediate(done);
        else this.#waiting.push(done);
      },
    }));
    const driver = {
      applyOutputs: () => this.applyOutputs(),
      pause: () => void this.pauses.push(true),
      resume: () => void this.pauses.push(false),
      leave: () => {
        this.left = true;
        return Promise.resolve();
      },
    };
    this.client = new PipeClient(this.session, driver, {
      follow: false,
      json: false,
      input: new Response(input).body ?? new ReadableStream(),
      output,
      ...options,
    });
    this.welcome({ textChars });
  }

  says(n: number): boolean {
    return this.sent.some((line) => line["type"] === "say" && line["n"] === n);
  }

  /** The answers to commands. */
  get answers(): Record<string, unknown>[] {
    const printed = this.out.split("\n").filter((line) => line !== "");
    const objects = printed.map((line) => JSON.parse(line) as Record<string, unknown>);
    return objects.filter(({ event }) => event === "done" || event === "error");
  }

  async until(condition: () => boolean): Promise<void> {
    await until(condition);
  }

  read(): void {
    this.reading = true;
    for (const done of this.#waiting.splice(0)) done();
  }
}

describe("a client in a pipe", () => {
  test("leaves when everything is acknowledged and its last message has been received back", async () => {
    const rig = new Rig("one\ntwo");
    const run = rig.client.run();
    await rig.until(() => rig.says(2));
    rig.hear({ type: "ack", n: 2, room: "lobby", seq: 2 });
    await turns(5);
    expect(rig.left).toBe(false);
    rig.hear(
      { type: "message", room: "lobby", time: 0, seq: 1, from: "bot", text: "one", n: 1 },
      { type: "message", room: "lobby", time: 0, seq: 2, from: "bot", text: "two", n: 2 },
    );
    await run;
    expect(rig.out).toBe("bot: one\nbot: two\n");
  });

  test.each(["", "one"])("says which room it is kept out of, and why: %j", async (input) => {
    const said: string[] = [];
    redirect((line) => said.push(line));
    const rig = new Rig(input, { follow: true });
    const run = rig.client.run();
    rig.hear(
      { type: "parted", room: "lobby" },
      { type: "error", code: "room-key", message: "It needs a key", subject: "lobby" },
    );
    expect(run).rejects.toThrow("The server no longer admits you to the room lobby");
    await run.catch(nothing);
    redirect(nothing);
    expect(said.join("\n")).toContain("It needs a key");
    expect(rig.says(1)).toBe(false);
  });

  test("names the refused line, sends the others, and fails", async () => {
    const rig = new Rig("one\ntwo\nthree\n");
    const run = rig.client.run().catch((error: unknown) => error);
    await rig.until(() => rig.says(3));
    rig.hear({ type: "error", n: 2, code: "text-invalid", message: "never" });
    rig.hear({ type: "ack", n: 3 });
    expect(await run).toMatchObject({ code: "text-invalid" });
  });

  test("names the first line that is too long", async () => {
    const rig = new Rig("one\n12345678901\nthree\n");
    const run = rig.client.run().catch((error: unknown) => error);
    await rig.until(() => rig.says(1));
    rig.hear({ type: "ack", n: 1 });
    expect(await run).toMatchObject({ message: expect.stringContaining("Line 2") });
    expect(rig.says(2)).toBe(false);
  });

  test("gives up without a connection, unless it follows", async () => {
    const rig = new Rig("one\n", { giveUpMs: 20 });
    const run = rig.client.run().catch((error: unknown) => error);
    await rig.until(() => rig.says(1));
    rig.session.handleLost("gone", 0);
    rig.applyOutputs();
    expect(await run).toMatchObject({
      code: "cannot-connect",
      message: expect.stringContaining("1 message was not acknowledged"),
    });
  });

  test.each([
    ["acknowledges nothing", "one\n", false, "1 message was not acknowledged"],
    ["does not send back what it has acknowledged", "one\n", true, "No answer from the server"],
    ["executes no commands", '{"say":"one"}\n', false, "1 message was not acknowledged"],
    ["does not say whether it lets it in", '{"enter":"den"}\n', false, "No answer"],
  ] as const)("gives up on a server that %s", async (_, input, acknowledges, why) => {
    const commands = input.startsWith("{")
      ? { commands: { fetch: none, send: none, share: none }, json: true }
      : {};
    const rig = new Rig(input, { giveUpMs: 20, ...commands });
    const run = rig.client.run().catch((error: unknown) => error);
    if (acknowledges) {
      await rig.until(() => rig.says(1));
      rig.hear({ type: "ack", n: 1, room: "lobby", seq: 2 });
    }
    expect(await run).toMatchObject({ code: "stalled", message: expect.stringContaining(why) });
  });

  test("waits for a reader of its output: answers may be behind what is not read", async () => {
    let reading = nothing;
    let looks = 0;
    class Watched extends Writer {
      override get pressure(): boolean {
        looks++;
        return super.pressure;
      }
    }
    const output = new Watched(() => ({ write: (_, done) => (reading = done) }));
    const rig = new Rig("one\n", { giveUpMs: 20, output });
    const run = rig.client.run();
    await rig.until(() => rig.says(1));
    const text = "x".repeat(1_000_000);
    rig.hear({ type: "message", room: "lobby", time: 0, seq: 1, from: "Ann", text });
    expect(rig.pauses).toEqual([true]);
    await rig.until(() => looks > 2);
    rig.hear({ type: "ack", n: 1, room: "lobby", seq: 2 });
    rig.hear({ type: "message", room: "lobby", time: 0, seq: 2, from: "bot", text: "one", n: 1 });
    await rig.until(() => rig.left);
    while (!output.isIdle) {
      reading();
      await turns(1);
    }
    await run;
  });

  test("reads no more input than the queue holds", async () => {
    let pulled = 0;
    const input = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new TextEncoder().encode("line\n".repeat(100)));
      },
    });
    const rig = new Rig("", { input });
    const run = rig.client.run().catch((error: unknown) => error);
    await rig.until(() => rig.session.space === 0);
    await turns(5);
    expect(pulled).toBeLessThan(limits.queueMessages / 100 + 4);
    expect(rig.sent.length).toBeLessThanOrEqual(limits.windowMessages + 1);
    rig.client.interrupt();
    expect(await run).toMatchObject({ code: "interrupted" });
  });

  test("sends the rest of its input even if nobody reads its output any more", async () => {
    for (const follow of [false, true]) {
      const output = closedWriter();
      const rig = new Rig("one\ntwo\nthree\n", { output, follow });
      const run = rig.client.run();
      rig.hear({ type: "message", room: "lobby", time: 0, seq: 1, from: "Ann", text: "x" });
      await rig.until(() => output.closed);
      await rig.until(() => rig.says(3));
      rig.hear({
        type: "message",
        room: "lobby",
        time: 0,
        seq: 4,
        from: "bot",
        text: "three",
        n: 3,
      });
      expect(rig.left).toBe(false);
      rig.hear({ type: "ack", n: 3, room: "lobby", seq: 4 });
      await run;
    }
  });

  test("that only listens exits when nobody reads its output any more", async () => {
    const input = new ReadableStream<Uint8Array>();
    const output = closedWriter();
    const rig = new Rig("", { output, input, follow: true });
    const run = rig.client.run();
    rig.hear({ type: "message", room: "lobby", time: 0, seq: 1, from: "Ann", text: "x" });
    await run;
    expect(output.failure).toBeUndefined();
  });

  test("removes escapes from a server's output", async () => {
    const said: string[] = [];
    redirect((line) => said.push(line));
    const rig = new Rig("one\ntwo\n");
    const run = rig.client.run().catch((error: unknown) => error);
    await rig.until(() => rig.says(2));
    rig.hear({ type: "error", n: 1, code: "text-invalid", message: "no\u001b[2J\u009b31m" });
    rig.hear({ type: "joined", room: "lobby", name: "bot" });
    rig.hear({ type: "joined", room: "lobby", name: "Bob\u001b]0;x\u0007" }, { type: "ack", n: 2 });
    await run;
    redirect(nothing);
    expect(said.slice(-2)).toEqual(["Line 1 of the input was refused: no31m", "Bob has joined"]);
    for (const line of said) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  test("ends when it is interrupted, although nobody reads its output", async () => {
    for (const follow of [false, true]) {
      const rig = new Rig("", { follow });
      rig.reading = false;
      const message = { type: "message", room: "lobby", time: 0, from: "Ann", text: "x" };
      rig.hear({ ...message, seq: 1 });
      const run = rig.client.run();
      // Without `follow` it waits for its reader by now, with everything else done.
      await turns(20);
      rig.client.interrupt("SIGTERM");
      await expect(run).rejects.toMatchObject({ code: "terminated" });
    }
  });

  test("pauses the connection while nobody reads its output", async () => {
    const rig = new Rig("", { follow: true });
    void rig.client.run().catch(nothing);
    rig.reading = false;
    for (let seq = 1; !rig.pauses.includes(true); seq++) {
      rig.hear({
        type: "message",
        room: "lobby",
        time: 0,
        seq,
        from: "Ann",
        text: "x".repeat(5_000),
      });
    }
    rig.read();
    await rig.until(() => rig.pauses.at(-1) === false);
    rig.client.interrupt();
    await rig.until(() => rig.left);
  });
});

const none = () => Promise.reject(new Error("no files here"));

/** A client that reads commands, in the rooms lobby and den. */
function commanded(...commands: readonly object[]) {
  const file = Promise.withResolvers<{ path: string; size: number }>();
  const rig = new Rig(commands.map((one) => `${JSON.stringify(one)}\n`).join(""), {
    json: true,
    commands: { fetch: () => file.promise, send: none, share: none },
  });
  rig.session.join("den");
  rig.applyOutputs();
  const { ref } = rig.sent.findLast(({ type }) => type === "join") ?? {};
  rig.hear({ type: "entered", room: "den", epoch: "e", seq: 50, recovered: false, ref });
  const run = rig.client.run().catch((error: unknown) => error);
  return { rig, run, fetched: () => file.resolve({ path: "f", size: 1 }) };
}

test("no further commands are read while nobody reads the answers", async () => {
  const count = 20_000;
  let taken = 0;
  async function* commands() {
    const line = new TextEncoder().encode("no command\n");
    while (taken++ < count) yield line;
  }
  const rig = new Rig("", {
    json: true,
    input: commands(),
    commands: { fetch: none, send: none, share: none },
  });
  rig.reading = false;
  const run = rig.client.run().catch((error: unknown) => error);
  await rig.until(() => rig.pauses.includes(true));
  expect(taken).toBeLessThan(count / 2);
  rig.read();
  expect(await run).toMatchObject({ message: "Not every command was carried out" });
  expect(rig.answers.length).toBe(count);
});

const said = (room: string, seq: number, n?: number, from = "bot") => {
  return { type: "message", room, time: 0, seq, from, text: "a", n };
};

describe("commands", () => {
  test("are all answered although the server removes the client from the room meanwhile", async () => {
    const { rig, run } = commanded({ say: "a", ref: 1 }, { say: "b", ref: 2 });
    await rig.until(() => rig.says(2));
    rig.hear({ type: "parted", room: "lobby" }, { type: "ack", n: 2, room: "lobby", seq: 2 });
    await run;
    expect(rig.answers).toEqual([
      { event: "done", ref: 1, room: "lobby" },
      { event: "done", ref: 2, room: "lobby", seq: 2 },
    ]);
  });

  test("end the program whatever the numbers in other rooms are", async () => {
    const say = { say: "a", room: "den", ref: 1 };
    const { rig, run, fetched } = commanded(say, { get: "f", ref: 2 });
    await rig.until(() => rig.says(1));
    rig.hear({ type: "ack", n: 1, room: "den", seq: 51 }, said("den", 51, 1));
    rig.hear(said("lobby", 1, undefined, "Ann"));
    await turns(5);
    fetched();
    expect(await run).toBeUndefined();
  });

  test("leave a room only when everything said there is stored", async () => {
    const { rig, run } = commanded({ say: "a", room: "den", ref: 1 }, { part: "DEN", ref: 2 });
    const parts = () => rig.sent.filter(({ type }) => type === "part");
    await rig.until(() => rig.says(1));
    await turns(5);
    expect(parts()).toEqual([]);
    rig.hear(said("den", 51, 1), { type: "ack", n: 1, room: "den", seq: 51 });
    expect(await run).toBeUndefined();
    expect(parts()).toMatchObject([{ room: "den" }]);
    expect(rig.answers).toEqual([
      { event: "done", ref: 1, room: "den", seq: 51 },
      { event: "done", ref: 2, room: "den" },
    ]);
  });

  test("are answered after a return to a log that no longer has what was said", async () => {
    const { rig, run } = commanded({ say: "a", room: "den", ref: 1 }, { part: "den", ref: 2 });
    await rig.until(() => rig.says(1));
    rig.session.handleLost("cut", 0);
    rig.session.handleTimeout(limits.retryMaxMs);
    rig.session.handleConnected(limits.retryMaxMs);
    const rooms = [
      { room: "lobby", seq: 0, recovered: true },
      { room: "den", seq: 900, recovered: false },
    ];
    rig.welcomeAgain({}, { n: 1, rooms });
    expect(await run).toBeUndefined();
    expect(rig.answers).toEqual([
      { event: "done", ref: 1, room: "den" },
      { event: "done", ref: 2, room: "den" },
    ]);
  });

  test("that name no room speak in that of --room, never in another one", async () => {
    const { rig, run } = commanded(
      { part: "lobby", ref: 1 },
      { say: "a", ref: 2 },
      { share: "f", ref: 3 },
    );
    await run;
    const why = "You are not in the room lobby: enter it first";
    expect(rig.answers).toMatchObject([
      { event: "done", ref: 1 },
      { event: "error", ref: 2, code: "not-in-room", message: why },
      { event: "error", ref: 3, code: "not-in-room", message: why },
    ]);
  });

  test("say how many lines a message may have", async () => {
    const say = "\n".repeat(messages.maxTextLines);
    const rig = new Rig(`${JSON.stringify({ say, ref: 1 })}\n`, {
      json: true,
      commands: { fetch: none, send: none, share: none },
      textChars: say.length,
    });
    await rig.client.run().catch(nothing);
    expect(rig.answers).toMatchObject([
      {
        event: "error",
        code: "text-invalid",
        message: "A message has at most 200 lines: split it",
      },
    ]);
  });

  test("say that there is no room to speak in", async () => {
    const { rig, run } = commanded({ part: "den" }, { part: "lobby" }, { say: "a", ref: 1 });
    await run;
    expect(rig.answers).toMatchObject([
      { event: "error", ref: 1, message: "You are not in a room: enter one first" },
    ]);
  });
});
