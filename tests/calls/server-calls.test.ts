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

function serve(answer: Answer): number {
  const data = (socket: Bun.Socket<undefined>, bytes: Buffer) => {
    for (const text of bytes.toString().split("\n").filter(Boolean)) {
      const line: Line = JSON.parse(text);
      const lines = line["type"] === "hello" ? [welcome()] : answer(line);
      const ref = line["ref"];
      socket.write(lines.map((one) => `${JSON.stringify({ ref, ...one })}\n`).join(""));
    }
  };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
  closing.push(() => listener.stop(true));
  return listener.port;
}

function callsTo(port: number): ServerCalls {
  const calls = new ServerCalls({ host: "127.0.0.1", port }, () => {});
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
