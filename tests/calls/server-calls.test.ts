// A peer's calls through a server: how they go on after cuts, against a server that follows a
// script.

import { afterEach, expect, test } from "bun:test";
import { ServerCalls } from "../../src/calls/server-calls.ts";
import { welcome } from "../protocol/welcome.ts";
import { until } from "../until.ts";

type Line = Record<string, unknown>;
/** The server's lines in answer to a line, all in one write. */
type Answer = (line: Line) => readonly object[];

let closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** `greet`: the answer to a hello. An error instead of that, or a `bye`, ends the connection. */
function serve(answer: Answer, greet: () => object = welcome): number {
  const data = (socket: Bun.Socket<undefined>, bytes: Buffer) => {
    for (const text of bytes.toString().split("\n").filter(Boolean)) {
      const line: Line = JSON.parse(text);
      const lines = line["type"] === "hello" ? [greet()] : answer(line);
      const ref = line["ref"];
      socket.write(lines.map((one) => `${JSON.stringify({ ref, ...one })}\n`).join(""));
      const isRefused = line["type"] === "hello" && "code" in lines[0]!;
      if (isRefused || lines.some((one) => "type" in one && one.type === "bye")) socket.end();
    }
  };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
  closing.push(() => listener.stop(true));
  return listener.port;
}

function callsTo(port: number, say: (text: string) => void = () => {}): ServerCalls {
  const calls = new ServerCalls({ host: "127.0.0.1", port }, say);
  closing.push(() => calls.close());
  return calls;
}

function opened({ offer, channel }: Line): object[] {
  return [
    { type: "calling", offer },
    { type: "channel", offer, channel, with: "", ref: undefined },
  ];
}

function lost({ offer }: Line): object {
  return { type: "offer-ended", offer, reason: "lost", ref: undefined };
}

const key = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

test("a call goes on that was cut off again in the same moment in which it went on", async () => {
  const channels: unknown[] = [];
  const calls = callsTo(
    serve((line) => {
      if (line["type"] !== "call") return [];
      channels.push(line["channel"]);
      return line["channel"] === 3 ? opened(line) : [...opened(line), lost(line)];
    }),
  );
  const call = await calls.call("Ann", key);
  const states: string[] = [];
  call.onCut = () => states.push("cut");
  call.onAgain = () => states.push("again");
  await until(() => channels.length === 3 && states.filter((one) => one === "again").length === 2);
  expect(channels).toEqual([1, 2, 3]);
  expect(states.at(-1)).toBe("again");
  call.end();
});

test("a peer hears that a server that has come back no longer admits it", async () => {
  const refusal = { type: "error", code: "wrong-password", message: "The password is wrong" };
  let isBack = false;
  const said: string[] = [];
  const calls = callsTo(
    serve(
      ({ id }) => {
        if (isBack) return [];
        isBack = true;
        // The connection is lost after the answer.
        return [
          { type: "taking-calls", id },
          { type: "bye", reason: "restart" },
        ];
      },
      () => (isBack ? refusal : welcome()),
    ),
    (text) => said.push(text),
  );
  calls.take("Ann");
  await until(() => said.length > 0);
  expect(said).toEqual([expect.stringContaining("Nobody can call you")]);
  expect(said[0]).toContain("The password is wrong");
});

test.each(["not-allowed", "muted"])(
  "a peer that is refused as %s is told once, and tries on",
  async (code) => {
    const message = "A later connection of yours accepts these calls";
    const asked: unknown[] = [];
    const said: string[] = [];
    const calls = callsTo(
      serve(({ id }) => {
        asked.push(id);
        return asked.length < 3
          ? [{ type: "error", code, message }]
          : [{ type: "taking-calls", id }];
      }),
      (text) => said.push(text),
    );
    calls.take("Ann");
    await until(() => asked.length === 3);
    expect(said).toEqual([expect.stringContaining(`Nobody can call you`)]);
    expect(said[0]).toContain(message);
  },
);

test("a call that was given up, and which the server opens late, is no call of somebody else", async () => {
  let offer: unknown;
  const ended: Line[] = [];
  const calls = callsTo(
    serve((line) => {
      switch (line["type"]) {
        case "call":
          offer = line["offer"];
          return [{ type: "error", code: "stalled", message: "No answer" }];
        case "registry":
          return [
            { type: "channel", offer, channel: 1, with: "", ref: undefined },
            { type: "registry", answer: "nobody" },
          ];
        default:
          ended.push(line);
          return [];
      }
    }),
  );
  const incoming: unknown[] = [];
  calls.onCall = (call) => incoming.push(call);
  await expect(calls.call("Ann", key)).rejects.toThrow("No answer");
  await calls.askRegistry("show");
  await until(() => ended.length > 0);
  expect(ended).toEqual([{ type: "end-files", offer, reason: "cancelled" }]);
  expect(incoming).toEqual([]);
});
