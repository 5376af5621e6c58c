// Files by code in the page: through lost channels, from the program's sender, and from ends that
// do not know the code, lie, or omit the sealing.

import { expect, jest, test } from "bun:test";
import { CodeDoor } from "../../src/codes/code-door.ts";
import { HostSteps } from "../../src/codes/code-steps.ts";
import { codes, offers } from "../../src/limits.ts";
import { Channel } from "../../src/handover/channel.ts";
import { decodeReceipt, proofOf } from "../../src/handover/channel-line.ts";
import { channelInfo } from "../../src/handover/exchange.ts";
import { codeStepIn, encodePart } from "../../src/handover/frames.ts";
import { CodeFetch, type CodeView } from "../../src/page/code/code-fetch.ts";
import type { FileSink, SaveTarget } from "../../src/page/handover/saving.ts";
import type { FileInfo } from "../../src/protocol/messages.ts";
import { codeSealer } from "../../src/tls/code-sealer.ts";
import type { Code } from "../../src/trust/code.ts";
import { until } from "../until.ts";

const code: Code = { number: 7, words: "olive-lamp" };
const info = (name: string, size = 5): FileInfo => ({ name, size, modified: 0 });

class Kept implements SaveTarget {
  readonly saved = "Saved";
  readonly maxTreeFiles = 0;
  readonly files = new Map<string, number>();

  async open(name: string): Promise<FileSink> {
    let bytes = 0;
    return {
      write: async (parts) => void (bytes += parts.reduce((sum, { length }) => sum + length, 0)),
      restart: async () => void (bytes = 0),
      finish: async () => void this.files.set(name, bytes),
      discard: async () => {},
    };
  }

  folder(): Promise<SaveTarget> {
    return Promise.reject(new Error("no folders"));
  }
}

type Sender = {
  /** The code that the sender believes in. */
  known?: Code;
  list?: readonly FileInfo[];
  /** Changes or drops a frame to the guest. */
  toGuest?: (data: string) => string | undefined;
  /** Answers any line but `files`. */
  answer?: (line: Record<string, unknown>, channel: Channel) => void;
};

/** A guest, and a sender that serves only lines. */
function meet({ known = code, list = [info("a.txt")], toGuest = (data) => data, answer }: Sender) {
  let view = {} as CodeView;
  const ended: string[] = [];
  const asked: string[] = [];
  const receipts: string[] = [];
  const door = new CodeDoor(known, () => {});
  const steps = new HostSteps(known, door);
  let offer = "";
  let number = 0;
  let sealed: Channel | undefined;
  const send = (channel: number, data: string): void => {
    const changed = toGuest(data);
    if (changed === undefined) return;
    queueMicrotask(() => {
      const about = { type: "passed", offer, channel, data: changed } as const;
      guest.handle({ type: "offer", about });
    });
  };
  const open = (): void => {
    const channel = ++number;
    sealed = undefined;
    guest.handle({ type: "offer", about: { type: "channel", offer, channel, with: "" } });
    send(channel, steps.hello);
    if (steps.isIn) seal(channel);
  };
  const seal = (channel: number): void => {
    const sealer = codeSealer(door.secret ?? new Uint8Array(32), "host");
    const peer = { sealer, key: "", info: channelInfo(`code ${code.number}`, channel) };
    const port = { pass: (data: string) => send(channel, data), waitingBytes: () => 0 };
    const made: Channel = new Channel(port, peer, "sender", {
      line(text) {
        const receipt = decodeReceipt(text);
        if (receipt?.type === "received") {
          receipts.push(receipt.proof === proofOf(made.exported) ? "proved" : "not proved");
        }
        const line = JSON.parse(text) as Record<string, unknown>;
        if (line["type"] === "files") {
          made.sendLine(JSON.stringify({ type: "files", files: list, ref: line["ref"] }));
        } else answer?.(line, made);
      },
      piece() {},
      broken() {},
    });
    sealed = made;
  };
  const receive = (channel: number, data: string): void => {
    if (channel !== number) return;
    const step = codeStepIn(data);
    if (step === undefined) return sealed?.receive(data);
    const reply = steps.handle(step);
    if (reply !== undefined) send(channel, reply);
    if (steps.isIn && sealed === undefined) seal(channel);
  };
  const went: string[] = [];
  const guest: CodeFetch = new CodeFetch({
    code,
    join(made) {
      offer = made;
      open();
    },
    port: {
      moveTo: (server) => server !== "unknown" && went.push(server) > 0,
      end: (_, reason) => void ended.push(reason),
      frames: (_, channel) => ({
        pass: (data) => void queueMicrotask(() => receive(channel, data)),
        waitingBytes: () => 0,
      }),
    },
    show: (change) => (view = { ...view, ...change }),
    save() {},
    askAccess: (problem) => void asked.push(problem),
  });
  const online = { name: "", rooms: [], returned: false, server: "", registered: false };
  guest.handle({ type: "online", ...online });
  return {
    guest,
    went,
    ended,
    asked,
    receipts,
    door,
    view: () => view,
    isIn: (phase: CodeView["phase"]) => until(() => view.phase === phase, phase),
    lose: () => {
      guest.handle({ type: "offer", about: { type: "channel-lost", offer, channel: number } });
      open();
    },
    end: () =>
      guest.handle({ type: "offer", about: { type: "offer-ended", offer, reason: "done" } }),
  };
}

/** Offers empty files, for which nothing must be sent. */
const empty: NonNullable<Sender["answer"]> = (line, channel) => {
  if (line["type"] !== "fetch") return;
  const bounds = { chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 65_024 };
  const file = {
    transfer: Number(line["ref"]),
    name: line["name"],
    size: 0,
    modified: 0,
    version: "v",
  };
  channel.sendLine(JSON.stringify({ type: "offer", ref: line["ref"], ...bounds, ...file }));
};

test("files are listed, saved, and proved to be received, in each channel until the sender gets it", async () => {
  const list = [info("a.txt", 0), info("b.txt", 0)];
  const { guest, view, isIn, lose, end, receipts, door } = meet({ list, answer: empty });
  await isIn("listed");
  expect([view().list, view().bytes, door.state]).toEqual([list, 0, "taken"]);
  lose();
  const target = new Kept();
  await guest.take(target);
  await isIn("done");
  expect([...target.files]).toEqual([
    ["a.txt", 0],
    ["b.txt", 0],
  ]);
  await until(() => receipts.length > 0, "a receipt");
  lose();
  await until(() => receipts.length > 1, "another");
  expect(receipts).toEqual(["proved", "proved"]);
  end();
  lose();
  expect(view().phase).toBe("done");
});

test("a code at another server is looked for there, but not for ever", () => {
  const error = { type: "error", code: "elsewhere", message: "It is at b", at: "b:1" } as const;
  const failed = { phase: "failed", detail: "It is at b" };
  const { guest, went, view } = meet({});
  for (let ref = 1; ref <= offers.maxMoves; ref++) {
    guest.handle({ ...error, ref, subject: undefined });
    expect(went).toHaveLength(ref);
    expect(view()).not.toMatchObject(failed);
  }
  guest.handle({ ...error, ref: 9, subject: undefined });
  expect(went).toHaveLength(offers.maxMoves);
  expect(view()).toMatchObject(failed);
  const stays = meet({});
  stays.guest.handle({ ...error, at: "unknown", ref: 1, subject: undefined });
  expect(stays.view()).toMatchObject(failed);
});

test("an end that does not know the code learns nothing, and is told so", async () => {
  const { view, isIn, ended, door } = meet({ known: { number: 7, words: "other-words" } });
  await isIn("failed");
  expect(view().detail).toContain("The other end does not know this code");
  expect([ended, door.state]).toEqual([["cancelled"], "tried"]);
});

test("lines that are not sealed, or were sealed for something else, end the transfer", async () => {
  const line = new TextEncoder().encode('{"type":"files","files":[],"ref":1}');
  for (const forged of [encodePart(line, true), encodePart(new Uint8Array(40), true), "AA=="]) {
    let parts = 0;
    const { view, isIn, ended } = meet({
      toGuest(data) {
        const isLine = Buffer.from(data, "base64")[0] === 1;
        return isLine && ++parts === 1 ? forged : data;
      },
    });
    await isIn("failed");
    expect(view().detail).toContain("does not keep to the protocol");
    expect(ended).toEqual(["cancelled"]);
  }
});

test("names that lead elsewhere, twice the same, or too many are not listed", async () => {
  const lists = [
    [info("../a")],
    [info("a/b")],
    [info("a"), info("a")],
    Array.from({ length: 20_001 }, (_, i) => info(String(i))),
  ];
  for (const list of lists) {
    const { view, isIn } = meet({ list });
    await isIn("failed");
    expect(view().list ?? []).toEqual([]);
    expect(view().detail).not.toBe("");
  }
});

test("a file that is larger than listed is not saved", async () => {
  const { guest, view, isIn } = meet({
    answer(line, channel) {
      if (line["type"] !== "fetch") return;
      const bounds = { chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 65_024 };
      const file = { transfer: 1, name: "a.txt", size: 2 ** 33, modified: 0, version: "v" };
      channel.sendLine(JSON.stringify({ type: "offer", ref: line["ref"], ...bounds, ...file }));
    },
  });
  await isIn("listed");
  const target = new Kept();
  await guest.take(target);
  expect([view().phase, target.files.size]).toEqual(["failed", 0]);
  expect(view().detail).toContain("more would come than was offered");
});

test("a closed server asks for its password, and the code is not used up", () => {
  const { guest, view, asked, ended } = meet({ toGuest: () => undefined });
  const message = "This server asks for a password";
  guest.handle({ type: "ended", code: "password-required", message });
  expect([asked, ended]).toEqual([[message], []]);
  expect(view().phase).toBeUndefined();
  // Later events do not matter.
  guest.cancel();
  expect(view().phase).toBeUndefined();
});

test("a server's refusal is final before the sender was connected, and retried after that", async () => {
  const error = { type: "error", code: "not-found", ref: 1, subject: undefined } as const;
  const before = meet({ toGuest: () => undefined });
  before.guest.handle({ ...error, message: "There are no files for this code" });
  expect([before.view().phase, before.view().detail]).toEqual([
    "failed",
    "There are no files for this code",
  ]);
  const after = meet({});
  await after.isIn("listed");
  after.guest.handle({ ...error, message: "There are no files for this code" });
  expect(after.view().phase).toBe("listed");
  after.guest.cancel();
});

const nothing = (): undefined => undefined;

test("whoever can't reach the server is told so, not that the sender is silent", () => {
  jest.useFakeTimers();
  try {
    const [away, silent] = [meet({ toGuest: nothing }), meet({ toGuest: nothing })];
    const lost = { reason: "refused", retryMs: 200, attempt: 1, everOnline: false };
    away.guest.handle({ type: "offline", ...lost });
    jest.advanceTimersByTime(codes.guestMs);
    expect(away.view().detail).toBe("The server does not answer");
    expect(silent.view().detail).toStartWith("The sender does not answer");
  } finally {
    jest.useRealTimers();
  }
});
