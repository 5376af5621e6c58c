// Files offered to a user in the page by senders who break their offers: each ends with a message,
// nothing is saved that was not accepted, and memory stays bounded.

import { expect, test } from "bun:test";
import { Channel } from "../../src/handover/channel.ts";
import { pageFiles } from "../../src/limits.ts";
import type { OfferCard, OfferCards } from "../../src/page/offer-cards.ts";
import { ChunkCipher } from "../../src/page/handover/chunk-cipher.ts";
import { IncomingFiles } from "../../src/page/handover/incoming-files.ts";
import type { OfferPort } from "../../src/page/handover/offer-port.ts";
import { OwnStore } from "../../src/page/handover/own-store.ts";
import { PageHandover } from "../../src/page/handover/page-handover.ts";
import type { FileSink, SaveTarget } from "../../src/page/handover/saving.ts";
import { reduce } from "../../src/page/reducer.ts";
import { initialState, type State } from "../../src/page/state.ts";
import type { FileInfo, OfferSummary } from "../../src/protocol/messages.ts";
import { until } from "../until.ts";

const offer = "AAECAwQFBgcICQoLDA0ODw";

/** Keeps what is saved. */
class Kept implements SaveTarget {
  readonly saved = "Saved";
  readonly maxTreeFiles = 50;
  readonly files = new Map<string, number>();
  discarded = 0;

  async open(name: string): Promise<FileSink> {
    let bytes = 0;
    return {
      write: async (parts) => void (bytes += parts.reduce((sum, { length }) => sum + length, 0)),
      restart: async () => void (bytes = 0),
      finish: async () => void this.files.set(name, bytes),
      discard: async () => void this.discarded++,
    };
  }

  async folder(): Promise<SaveTarget> {
    return this;
  }
}

type Lie = {
  list: readonly FileInfo[];
  /** Answers any other line. */
  answer?: (line: Record<string, unknown>, channel: Channel) => void;
};

/** Accepts an offer of a sender whose answers lie. */
async function accepted(summary: OfferSummary, { list, answer }: Lie) {
  const shown: Partial<OfferCard>[] = [];
  const ended: string[] = [];
  const target = new Kept();
  const toSender: string[] = [];
  const port: OfferPort = {
    offer: () => 1,
    answer: (_, accept) =>
      void (accept && files.handleOffer({ type: "channel", offer, channel: 1, with: "Eve" })),
    moveTo: () => false,
    end: (_, reason) => void ended.push(reason),
    frames: () => ({
      pass: (data) => void queueMicrotask(() => eve.receive(data)),
      waitingBytes: () => 0,
    }),
  };
  const back = (data: string) => files.handleOffer({ type: "passed", offer, channel: 1, data });
  const eve: Channel = new Channel({ pass: back, waitingBytes: () => 0 }, undefined, "sender", {
    line(text) {
      toSender.push(text);
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line["type"] === "files")
        eve.sendLine(JSON.stringify({ type: "files", files: list, ref: line["ref"] }));
      else answer?.(line, eve);
    },
    piece() {},
    broken() {},
  });
  const show = (change: Partial<OfferCard>) => void shown.push(change);
  const options = { offer, from: "Eve", summary, port, show, download: () => "", onOver() {} };
  const files: IncomingFiles = new IncomingFiles(options);
  await files.accept(target);
  const card = (): OfferCard => Object.assign({}, ...shown) as OfferCard;
  return { card: card(), now: card, ended, target, toSender, files };
}

const one: OfferSummary = { files: 1, bytes: 100, names: ["a.txt"] };
const info = (name: string, size = 100): FileInfo => ({ name, size, modified: 0 });

test("the list must match the offer", async () => {
  const lies: readonly (readonly FileInfo[])[] = [
    [info("b.exe")],
    [info("a.txt"), info("b.exe")],
    [info("a.txt"), info("a.txt")],
    [info("a.txt", 2 ** 40)],
    [info("a.txt"), info("more/")],
    [],
  ];
  for (const list of lies) {
    const { card, ended, target } = await accepted(one, { list });
    expect([card.phase, card.detail]).toEqual([
      "failed",
      "Stopped: what would come is not what was offered; nothing was saved",
    ]);
    expect([ended, target.files.size]).toEqual([["cancelled"], 0]);
  }
});

test("a name that leads elsewhere is refused", async () => {
  for (const name of [
    "../x",
    "a/b",
    "a\\b",
    "..",
    ".",
    "a\u0000",
    "line\nbreak",
    "x".repeat(2_000),
  ]) {
    const { card, target } = await accepted({ ...one, names: [name] }, { list: [info(name)] });
    expect(card.detail).toContain("is not a file name; nothing was saved");
    expect(target.files.size).toBe(0);
  }
});

/** Offers `size` bytes for each `fetch`. */
const offering =
  (size: number, more: Record<string, unknown> = {}): NonNullable<Lie["answer"]> =>
  (line, channel) => {
    if (line["type"] !== "fetch") return;
    const bounds = { chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 65_024 };
    const file = { transfer: 1, name: "a.txt", size, modified: 0, version: "v" };
    channel.sendLine(
      JSON.stringify({ type: "offer", ref: line["ref"], ...bounds, ...file, ...more }),
    );
  };

test("a false size, or impossible bounds, end the transfer", async () => {
  const list = [info("a.txt")];
  const larger = await accepted(one, { list, answer: offering(2 ** 33) });
  expect(larger.card.detail).toContain("more would come than was offered");
  expect(larger.target.discarded).toBe(1);
  const bounds = await accepted(one, { list, answer: offering(100, { chunkBytes: 2 ** 30 }) });
  expect(bounds.card.detail).toContain("outside the protocol's bounds");
});

test("data that fails to decrypt is requested a few times, and never saved", async () => {
  let pulls = 0;
  const { card, target } = await accepted(one, {
    list: [info("a.txt")],
    answer(line, channel) {
      offering(100)(line, channel);
      if (line["type"] !== "pull") return;
      pulls++;
      const data = Buffer.alloc(16).toString("base64");
      channel.sendLine(JSON.stringify({ type: "tags", transfer: 1, from: 0, data }));
      channel.sendPiece({ transfer: 1, offset: 0, bytes: new Uint8Array(100) });
    },
  });
  expect(card.detail).toContain("came damaged 3 times");
  expect([pulls, target.files.size, target.discarded]).toEqual([3, 0, 1]);
});

test("a pending write at the end does not restart the transfer", async () => {
  const shown: Partial<OfferCard>[] = [];
  const port: OfferPort = {
    offer: () => 1,
    answer: () => files.handleOffer({ type: "channel", offer, channel: 1, with: "Eve" }),
    moveTo: () => false,
    end() {},
    frames: () => ({ pass: (data) => eve.receive(data), waitingBytes: () => 0 }),
  };
  const back = (data: string) => files.handleOffer({ type: "passed", offer, channel: 1, data });
  const eve: Channel = new Channel({ pass: back, waitingBytes: () => 0 }, undefined, "sender", {
    line(text) {
      const line = JSON.parse(text) as Record<string, unknown>;
      if (line["type"] === "files") {
        eve.sendLine(
          JSON.stringify({ type: "files", files: [info("a.txt", 100_000)], ref: line["ref"] }),
        );
      }
      if (line["type"] === "fetch") token = String(line["token"]);
      offering(100_000)(line, eve);
    },
    piece() {},
    broken() {},
  });
  const chunkBytes = 65_536;
  let token = "";
  const writing = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  const target: SaveTarget = {
    saved: "Saved",
    maxTreeFiles: 0,
    open: async () => ({
      async write() {
        writing.resolve();
        await written.promise;
      },
      async restart() {},
      finish: async () => undefined,
      async discard() {},
    }),
    folder: () => Promise.reject(new Error("no folders")),
  };
  const files: IncomingFiles = new IncomingFiles({
    offer,
    from: "Eve",
    summary: { ...one, bytes: 100_000 },
    port,
    show: (change) => void shown.push(change),
    download: () => "",
    onOver() {},
  });
  const accepted = files.accept(target);
  await until(() => token !== "", "a fetch");
  const key = await ChunkCipher.derive(Buffer.from(token, "base64url").slice(), 1);
  const sealed = await key.seal(0, new Uint8Array(chunkBytes));
  const data = Buffer.from(sealed.subarray(chunkBytes)).toString("base64");
  eve.sendLine(JSON.stringify({ type: "tags", transfer: 1, from: 0, data }));
  eve.sendPiece({ transfer: 1, offset: 0, bytes: sealed.subarray(0, 32_768) });
  eve.sendPiece({ transfer: 1, offset: 32_768, bytes: sealed.subarray(32_768, chunkBytes) });
  await writing.promise;
  files.handleOffer({ type: "offer-ended", offer, reason: "cancelled" });
  written.resolve();
  await accepted;
  const phases = shown.flatMap(({ phase }) => phase ?? []);
  expect(phases.at(-1)).toBe("cancelled");
});

test("invalid frames, and endless lines, end the transfer", async () => {
  const list = [info("a.txt")];
  const endless = await accepted(one, {
    list,
    answer(_, channel) {
      channel.sendLine(`{"type":"offer","x":"${"x".repeat(200_000)}"}`);
    },
  });
  expect(endless.card.detail).toContain("it sent too long a line");
  expect(endless.ended).toEqual(["cancelled"]);
});

test("an empty file and a missing one are told apart", async () => {
  const empty = await accepted(
    { ...one, bytes: 0 },
    { list: [info("a.txt", 0)], answer: offering(0) },
  );
  expect([empty.card.phase, [...empty.target.files]]).toEqual(["done", [["a.txt", 0]]]);
  expect(empty.toSender.at(-1)).toContain('"type":"received","files":1,"failed":0');
  const gone = await accepted(one, {
    list: [info("a.txt")],
    answer(line, channel) {
      const error = { type: "error", code: "not-found", message: "it is gone", ref: line["ref"] };
      if (line["type"] === "fetch") channel.sendLine(JSON.stringify(error));
    },
  });
  expect(gone.card.detail).toBe(`1 of 1 could not be saved. 'a.txt': it is gone`);
  expect(gone.toSender.at(-1)).toContain('"failed":1');
});

test("files that have arrived stay so when the session ends before their sender knows", async () => {
  const offered = { list: [info("a.txt", 0)], answer: offering(0) };
  const { files, now, ended } = await accepted({ ...one, bytes: 0 }, offered);
  files.handleOffline();
  files.fail("Stopped: you have disconnected");
  expect([now().phase, now().detail, ended]).toEqual(["done", "Saved", []]);
});

const number = (i: number): string => String(i).padStart(22, "0");

test("a flood of offers creates a bounded number of cards, and each can still be answered", () => {
  let state: State = initialState;
  const declined: string[] = [];
  const port: OfferPort = {
    offer: () => 1,
    answer: (id, accept) => void (accept || declined.push(id)),
    moveTo: () => false,
    end() {},
    frames: () => ({ pass() {}, waitingBytes: () => 0 }),
  };
  Object.assign(globalThis, { window: globalThis });
  const handover = new PageHandover({
    port,
    dispatch: (action) => (state = reduce(state, action)),
    cards: (): OfferCards => state.offers,
    download: () => "",
    isUploading: () => false,
    announce() {},
    store: new OwnStore(),
  });
  for (let i = 0; i < 300; i++) {
    const about = { type: "offered", offer: number(i), from: `Eve${i}`, summary: one } as const;
    handover.handle({ type: "offer", about });
  }
  expect(state.offers.size).toBe(pageFiles.maxCards);
  expect(state.log.entries.filter(({ kind }) => kind === "offer").length).toBe(pageFiles.maxCards);
  for (const id of state.offers.keys()) handover.decline(id);
  expect(declined.length).toBe(pageFiles.maxCards);
  // Finished ones make room for others.
  for (let i = 300; i < 310; i++) {
    const about = { type: "offered", offer: number(i), from: "Eve", summary: one } as const;
    handover.handle({ type: "offer", about });
  }
  expect(state.offers.size).toBe(pageFiles.maxCards);
  expect([...state.offers.values()].filter(({ phase }) => phase === "asking").length).toBe(10);
});

test("an offer that is sealed for devices explains what to do", async () => {
  let state: State = initialState;
  const port: OfferPort = {
    offer: () => 1,
    answer() {},
    moveTo: () => false,
    end() {},
    frames: () => ({ pass() {}, waitingBytes: () => 0 }),
  };
  const handover = new PageHandover({
    port,
    dispatch: (action) => (state = reduce(state, action)),
    cards: () => state.offers,
    download: () => "",
    isUploading: () => false,
    announce() {},
    store: new OwnStore(),
  });
  const sealed = { key: "k", id: "i", signature: "s", nonce: "n", text: "t", boxes: [] };
  const about = { type: "offered", offer, from: "Eve", sealed } as never;
  handover.handle({ type: "offer", about });
  await until(() => state.offers.size === 1, "a card");
  // The server repeats it after each lost connection.
  handover.handle({ type: "offer", about });
  expect(state.offers.size).toBe(1);
  const [card] = state.offers.values();
  expect([card?.phase, card?.canAccept]).toEqual(["failed", false]);
  expect(card?.detail).toContain("A browser has no key to open it");
});

test("a browser without a store holds 256 MiB in memory, however many offers are accepted at once", async () => {
  const store = new OwnStore();
  const piece = new Uint8Array(2 ** 20);
  const half = Array.from({ length: pageFiles.maxMemoryBytes / piece.length / 2 }, () => piece);
  // Nothing has arrived yet: both fit.
  const targets = [await store.target(2 ** 27), await store.target(pageFiles.maxMemoryBytes)];
  const sinks = await Promise.all(targets.map((target, i) => target.open(`${i}`, `${i}`)));
  const [first, second] = sinks as [FileSink, FileSink];
  await first.write(half);
  await second.write(half);
  await expect(second.write([piece])).rejects.toThrow("takes 256 MiB");
  await expect(store.target(1)).rejects.toThrow("takes 256 MiB");
  await second.discard();
  await first.write([piece]);
  await first.discard();
  await store.target(pageFiles.maxMemoryBytes);
});

test("what a reload leaves of files outlives a login that asks for a password, not the session", () => {
  const accepted = { offers: [{ offer, terms: "[]" }], files: [] };
  const kept = new Map([
    ["parley-saving", offer],
    ["parley-received", JSON.stringify(accepted)],
  ]);
  const stored = Object.getOwnPropertyDescriptor(globalThis, "sessionStorage");
  const sessionStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  Object.defineProperty(globalThis, "sessionStorage", {
    configurable: true,
    value: sessionStorage,
  });
  try {
    const handover = new PageHandover({
      port: {
        offer: () => 1,
        answer() {},
        moveTo: () => false,
        end() {},
        frames: () => ({ pass() {}, waitingBytes: () => 0 }),
      },
      dispatch() {},
      cards: () => new Map(),
      download: () => "",
      isUploading: () => false,
      announce() {},
      store: new OwnStore(),
    });
    handover.handle({ type: "ended", code: "password-required", message: "Closed" });
    expect([...kept.keys()]).toEqual(["parley-saving", "parley-received"]);
    handover.disconnect();
    expect([...kept]).toEqual([]);
  } finally {
    if (stored === undefined) Reflect.deleteProperty(globalThis, "sessionStorage");
    else Object.defineProperty(globalThis, "sessionStorage", stored);
  }
});
