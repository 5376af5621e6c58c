// Calls through a server that relays frames: everything arrives, in order and within bounds, and
// what a malicious server or another end can do to them.

import { expect, test } from "bun:test";
import { type RelayedCall, RelayedLink } from "../../src/io/relayed-link.ts";
import { peer as limits } from "../../src/limits.ts";
import { createKeyPair } from "../../src/tls/certificate.ts";
import { until } from "../until.ts";
import { turns } from "../turns.ts";

type Side = "caller" | "called";

/** What happens to a frame on its way to that side: the frames that arrive instead. */
type Relaying = (frame: string, to: Side) => string[];

class FakeCall implements RelayedCall {
  onFrame: (data: string) => void = () => {};
  onEnded: () => void = () => {};
  onDrained: () => void = () => {};
  onCut: () => void = () => {};
  onAgain: () => void = () => {};
  readonly waitingBytes = 0;
  readonly server = "192.0.2.1";
  readonly relay = undefined;
  hasEnded = false;

  constructor(
    readonly pass: (data: string) => void,
    readonly ended: () => void,
  ) {}

  checkAlive(): void {}

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.ended();
  }
}

/** A server with both ends of a call, which have no links yet. */
function relayed(relaying: Relaying) {
  const calls: Record<Side, FakeCall> = { caller: callOf("called"), called: callOf("caller") };
  const frames: string[] = [];
  function callOf(to: Side): FakeCall {
    const deliver = (frame: string): void => {
      frames.push(frame);
      for (const one of relaying(frame, to)) {
        setImmediate(() => {
          if (!calls[to].hasEnded) calls[to].onFrame(one);
        });
      }
    };
    return new FakeCall(deliver, () => {
      setImmediate(() => {
        if (calls[to].hasEnded) return;
        calls[to].hasEnded = true;
        calls[to].onEnded();
      });
    });
  }
  return { calls, frames };
}

class End {
  heard = "";
  isOpen = false;
  isOver = false;
  readonly link: RelayedLink;

  constructor(call: RelayedCall, key?: Awaited<ReturnType<typeof createKeyPair>>) {
    this.link = new RelayedLink(call, key, () => {
      this.isOpen = true;
      return {
        data: (bytes) => (this.heard += new TextDecoder().decode(bytes)),
        ended: () => {
          this.isOver = true;
          this.link.end();
        },
      };
    });
  }
}

const key = await createKeyPair(Date.now());

async function connected(relaying: Relaying = (frame) => [frame]) {
  const { calls, frames } = relayed(relaying);
  const called = new End(calls.called, key);
  const caller = new End(calls.caller);
  await until(() => caller.isOpen && called.isOpen, "TLS");
  return { caller, called, calls, frames };
}

test("both ends have the same channel, and the server reads nothing", async () => {
  const { caller, called, frames } = await connected();
  expect(caller.link.channel).toBe(called.link.channel!);
  caller.link.send("a very secret line\n");
  called.link.send("its answer\n");
  await until(() => called.heard !== "" && caller.heard !== "", "both lines");
  expect([called.heard, caller.heard]).toEqual(["a very secret line\n", "its answer\n"]);
  const seen = frames.map((frame) => Buffer.from(frame, "base64").toString("latin1")).join("");
  expect(seen).not.toContain("secret");
  expect(seen).not.toContain("answer");
  caller.link.end();
  await Promise.all([caller.link.closed, called.link.closed]);
  expect([caller.isOver, called.isOver]).toEqual([false, true]);
});

test("an end that closes waits for a slow network, too", async () => {
  let held: string[] | undefined;
  const { caller, called, calls } = await connected((frame, to) => {
    if (held === undefined || to === "caller") return [frame];
    held.push(frame);
    return [];
  });
  const text = "0123456789".repeat(100_000);
  held = [];
  caller.link.send(text);
  caller.link.end();
  const endedMs = performance.now();
  await until(() => performance.now() - endedMs > 1.5 * limits.lingerMs);
  const late = held;
  held = undefined;
  for (const frame of late) calls.called.onFrame(frame);
  await Promise.all([caller.link.closed, called.link.closed]);
  expect(called.heard.length).toBe(text.length);
});

test("an end that closes sends everything first, however slowly the other reads", async () => {
  const { caller, called } = await connected();
  const text = "0123456789".repeat(200_000);
  called.link.pause();
  caller.link.send(text);
  caller.link.end();
  await turns(100);
  expect(caller.link.waitingBytes).toBeGreaterThan(1_000_000);
  called.link.resume();
  await Promise.all([caller.link.closed, called.link.closed]);
  expect(called.heard.length).toBe(text.length);
  expect(called.heard === text).toBe(true);
});

test("an end that asks and asks, but does not read, is disconnected", async () => {
  const { caller, called } = await connected();
  called.link.pause();
  const text = "0123456789".repeat(100_000);
  for (let sent = 0; sent <= 2 * limits.maxUnreadBytes; sent += text.length) {
    caller.link.send(text);
  }
  await turns(100);
  expect(caller.isOver).toBe(true);
  expect(caller.link.waitingBytes).toBeLessThan(limits.maxUnreadBytes);
  await called.link.closed;
});

test("a server that reads along has two channels, which the ends' signatures tell apart", async () => {
  // It sets up TLS with each end.
  const [toCaller, toCalled] = [relayed((frame) => [frame]), relayed((frame) => [frame])];
  const middle = [new End(toCaller.calls.called, key), new End(toCalled.calls.caller)];
  const caller = new End(toCaller.calls.caller);
  const called = new End(toCalled.calls.called, key);
  await until(() => [caller, called, ...middle].every(({ isOpen }) => isOpen), "TLS");
  expect(caller.link.channel).not.toBe(called.link.channel!);
});

const first = (of: string): string => Buffer.from(of, "base64").subarray(0, 1).toString("base64");

test.each<[string, Relaying]>([
  [
    "changes a byte",
    (frame) => [frame.slice(0, 40) + (frame[40] === "A" ? "B" : "A") + frame.slice(41)],
  ],
  ["drops the content", (frame) => [first(frame)]],
  [
    "makes up the content",
    (frame) => {
      const bytes = Buffer.from(frame, "base64");
      return [Buffer.concat([bytes.subarray(0, 7), Buffer.from("hello")]).toString("base64")];
    },
  ],
])("a server that %s ends the call, and nothing of it is heard", async (_, lie) => {
  let isLying = false;
  const { caller, called } = await connected((frame, to) =>
    isLying && to === "called" ? lie(frame, to) : [frame],
  );
  isLying = true;
  caller.link.send(`${"a very secret line ".repeat(8)}\n`);
  await until(() => called.isOver && caller.isOver, "the end of both");
  expect(called.heard).toBe("");
});

test("a server that repeats frames does no harm", async () => {
  const { caller, called } = await connected((frame) => [frame, frame]);
  caller.link.send("one\n");
  called.link.send("two\n");
  await until(() => called.heard !== "" && caller.heard !== "", "both lines");
  caller.link.end();
  await Promise.all([caller.link.closed, called.link.closed]);
  expect([called.heard, caller.heard]).toEqual(["one\n", "two\n"]);
});

test("a call that is cut, and cut again before it goes on, is lost once and back once", async () => {
  let isCut = false;
  const { caller, called, calls } = await connected((frame) => (isCut ? [] : [frame]));
  const states: string[] = [];
  caller.link.watchServer((state) => states.push(state));
  isCut = true;
  caller.link.send("one\n");
  calls.caller.onCut();
  // Its next connection is lost, too, before the other end has answered.
  calls.caller.onAgain();
  calls.caller.onCut();
  isCut = false;
  for (const call of [calls.caller, calls.called]) call.onAgain();
  await until(() => called.heard !== "", "the line");
  expect([called.heard, states]).toEqual(["one\n", ["lost", "back"]]);
  caller.link.end();
  await Promise.all([caller.link.closed, called.link.closed]);
});

test("a call whose other end never answers can be given up", async () => {
  const { calls } = relayed(() => []);
  const caller = new End(calls.caller);
  caller.link.cut();
  await caller.link.closed;
  expect([caller.isOpen, caller.isOver, calls.caller.hasEnded]).toEqual([false, false, true]);
});
