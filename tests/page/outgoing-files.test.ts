// Files offered in the page: they arrive through channels that are cut repeatedly, and recipients
// who request too much get an error and no memory.

import { expect, test } from "bun:test";
import { array, assert, asyncProperty, constant, integer, oneof } from "fast-check";
import { Channel } from "../../src/handover/channel.ts";
import { offers, pageFiles, transfer as wire } from "../../src/limits.ts";
import type { OfferCard } from "../../src/page/offer-cards.ts";
import { IncomingFiles } from "../../src/page/handover/incoming-files.ts";
import type { OfferPort } from "../../src/page/handover/offer-port.ts";
import { OutgoingFiles } from "../../src/page/handover/outgoing-files.ts";
import { outgoingNames } from "../../src/page/handover/outgoing-names.ts";
import { PassBudget } from "../../src/page/handover/pass-window.ts";
import type { FileSink, SaveTarget } from "../../src/page/handover/saving.ts";
import type { OfferEvent } from "../../src/client/events.ts";
import type { OfferSummary } from "../../src/protocol/messages.ts";
import { until } from "../until.ts";
import { noise } from "../noise.ts";
import { turns } from "../turns.ts";

const offer = "AAECAwQFBgcICQoLDA0ODw";

function outgoing(files: readonly File[], port: Partial<OfferPort>) {
  const shown: Partial<OfferCard>[] = [];
  const sent = new OutgoingFiles({
    offer,
    to: "Bob",
    files: files.map((file, i) => ({ name: file.name, file, version: `${offer}.${i}` })),
    port: {
      offer: () => 1,
      answer() {},
      moveTo: () => false,
      end() {},
      frames: () => ({ pass() {}, waitingBytes: () => 0 }),
      ...port,
    },
    budget: new PassBudget(),
    mayMove: () => true,
    show: (change) => void shown.push(change),
    onOver() {},
  });
  return { sent, card: (): OfferCard => Object.assign({}, ...shown) as OfferCard };
}

test("the page goes where the recipient is, unless the balancer does not lead there", () => {
  const went: string[] = [];
  const moveTo = (at: string): boolean => !went.includes(at) && went.push(at) > 0;
  const { sent, card } = outgoing([new File(["x"], "x.txt")], { moveTo });
  sent.make();
  sent.handleAnswer({ here: false, online: false });
  const at = "b:55000";
  const error = { type: "error", code: "elsewhere", message: "He is at b", at } as const;
  expect(sent.handleError({ ...error, ref: undefined, subject: "another offer" })).toBe(false);
  expect(sent.handleError({ ...error, ref: undefined, subject: offer })).toBe(true);
  expect([went, card().phase]).toEqual([["b:55000"], "waiting"]);
  expect(sent.handleError({ ...error, ref: 1, subject: "Bob" })).toBe(true);
  expect(card()).toMatchObject({ phase: "failed", detail: "Not offered: He is at b" });
});

test("the page does not go back and forth for ever if a server can't be reached", () => {
  let moves = 0;
  const moveTo = (): boolean => ++moves > 0;
  const { sent, card } = outgoing([new File(["x"], "x.txt")], { moveTo });
  const at = "b:55000";
  const error = { type: "error", code: "elsewhere", message: "He is at b", at } as const;
  for (let i = 0; i <= offers.maxMoves; i++) {
    sent.make();
    expect(sent.handleError({ ...error, ref: 1, subject: "Bob" })).toBe(true);
  }
  expect(moves).toBe(offers.maxMoves);
  expect(card()).toMatchObject({ phase: "failed", detail: "Not offered: He is at b" });
});

/** Keeps the received files. */
class Kept implements SaveTarget {
  readonly saved = "Saved";
  readonly maxTreeFiles = 0;
  readonly files = new Map<string, Buffer>();
  restarts = 0;

  async open(name: string): Promise<FileSink> {
    let parts: Uint8Array[] = [];
    return {
      write: async (more) => void parts.push(...more),
      restart: async () => {
        this.restarts++;
        parts = [];
      },
      finish: async () => void this.files.set(name, Buffer.concat(parts)),
      discard: async () => {},
    };
  }

  folder(): Promise<SaveTarget> {
    return Promise.reject(new Error("no folders"));
  }
}

test("offered files arrive unchanged, however often the channel is cut", async () => {
  const sizes = array(integer({ min: 0, max: 700_000 }), { minLength: 1, maxLength: 4 });
  const cuts = array(integer({ min: 1, max: 400 }), { maxLength: 5 });
  // More than a recipient requests at once, so that the window closes and opens.
  const large = constant([7_000_000]);
  await assert(
    asyncProperty(oneof(sizes, large), cuts, async (sizes, planned) => {
      const cuts = [...planned];
      const files = sizes.map((size, i) => new File([noise(size).slice()], `${i}.bin`));
      const summary: OfferSummary = {
        files: files.length,
        bytes: sizes.reduce((sum, size) => sum + size, 0),
        names: files.map(({ name }) => name),
      };
      let number = 0;
      let left = cuts.shift() ?? Infinity;
      const both = (event: OfferEvent): void => {
        sent.handleOffer(event);
        taken.handleOffer(event);
      };
      const open = (): void => both({ type: "channel", offer, channel: ++number, with: "x" });
      type End = () => { handleOffer(event: OfferEvent): void };
      const onWay: { to: End; channel: number; data: string }[] = [];
      /**
       * Several frames arrive together, like those of one WebSocket frame; a cut loses those in
       * flight.
       */
      const deliver = (): void => {
        for (const { to, channel, data } of onWay.splice(0)) {
          if (channel !== number) continue;
          to().handleOffer({ type: "passed", offer, channel, data });
          if (--left > 0) continue;
          left = cuts.shift() ?? Infinity;
          both({ type: "channel-lost", offer, channel });
          open();
        }
      };
      const pass = (to: End, channel: number) => (data: string) => {
        if (onWay.push({ to, channel, data }) === 1) setImmediate(deliver);
      };
      const ended: string[] = [];
      const { sent, card } = outgoing(files, {
        moveTo: () => false,
        end: (_, reason) => {
          ended.push(reason);
          taken.handleOffer({ type: "offer-ended", offer, reason });
        },
        frames: (_, channel) => ({ pass: pass(() => taken, channel), waitingBytes: () => 0 }),
      });
      const target = new Kept();
      const taken: IncomingFiles = new IncomingFiles({
        offer,
        from: "Ann",
        summary,
        port: {
          offer: () => 1,
          answer: () => void setImmediate(open),
          moveTo: () => false,
          end() {},
          frames: (_, channel) => ({ pass: pass(() => sent, channel), waitingBytes: () => 0 }),
        },
        show() {},
        download: () => "",
        onOver() {},
      });
      await taken.accept(target);
      await until(() => card().phase === "done", "the sender's end");
      for (const file of files) {
        const bytes = Buffer.from(await file.arrayBuffer());
        expect(target.files.get(file.name)?.equals(bytes)).toBe(true);
      }
      expect([ended, target.restarts, target.files.size]).toEqual([["done"], 0, files.length]);
      expect(card().detail).toBe("Bob has it, verified");
    }),
    { numRuns: 25 },
  );
}, 180_000);

/** A recipient who sends arbitrary lines. */
function recipient(files: readonly File[]) {
  const lines: Record<string, unknown>[] = [];
  let pieces = 0;
  const ended: string[] = [];
  const back = (data: string) => sent.handleOffer({ type: "passed", offer, channel: 1, data });
  const eve = new Channel({ pass: back, waitingBytes: () => 0 }, undefined, "recipient", {
    line: (text) => void lines.push(JSON.parse(text) as Record<string, unknown>),
    piece: () => void pieces++,
    broken() {},
  });
  const { sent, card } = outgoing(files, {
    moveTo: () => false,
    end: (_, reason) => void ended.push(reason),
    frames: () => ({ pass: (data) => eve.receive(data), waitingBytes: () => 0 }),
  });
  sent.handleOffer({ type: "channel", offer, channel: 1, with: "Eve" });
  const say = (line: object): void => eve.sendLine(JSON.stringify(line));
  return { say, lines, pieces: () => pieces, ended, card, sent };
}

const token = Buffer.alloc(wire.tokenBytes).toString("base64url");
const small = new File([noise(100_000).slice()], "a.bin");

test("a recipient that requests lists without reading them is dropped", () => {
  const files = Array.from({ length: 60 }, (_, i) => new File(["x"], `${i}${"n".repeat(900)}`));
  const { say, card, ended } = recipient(files);
  for (let i = 0; i < 1_000 && ended.length === 0; i++) say({ type: "files", ref: i });
  expect([card().phase, card().detail, ended]).toEqual([
    "failed",
    "Bob asks for more than it takes",
    ["cancelled"],
  ]);
});

test("a recipient that never reports progress gets one window, and no more", async () => {
  const large = new File([noise(8 << 20).slice()], "large.bin");
  const { say, pieces, card } = recipient([large]);
  say({ type: "fetch", name: "large.bin", token, ref: 1 });
  for (let i = 0; i < 8; i++) say({ type: "pull", transfer: 1, offset: i << 20, length: 1 << 20 });
  await until(() => pieces() > 0, "pieces");
  await turns(50);
  expect(pieces() * wire.pullLineBytes).toBeLessThan(pageFiles.maxPassChars);
  expect(card().phase).toBe("running");
});

test("requests that arrive together with the pongs that make room are not overlooked", async () => {
  const size = 8 << 20;
  const { say, pieces, lines } = recipient([new File([noise(size).slice()], "large.bin")]);
  say({ type: "fetch", name: "large.bin", token, ref: 1 });
  let answered = 0;
  for (let offset = 0; offset < size; offset += 1 << 20) {
    // The window is full: this wakes it in vain.
    say({ type: "pull", transfer: 1, offset, length: 1 << 20 });
    const goOn = () => {
      const pings = lines.filter(({ type }) => type === "ping").length;
      if (answered === pings) return;
      say({ type: "fetched", transfer: 99 });
      say({ type: "pull", transfer: 98, offset: 0, length: 1 });
      for (; answered < pings; answered++) say({ type: "pong" });
    };
    await until(() => {
      goOn();
      return pieces() * wire.pullLineBytes >= offset + (1 << 20);
    }, "all of the range");
  }
});

test("a recipient that requests the same data forever is dropped", async () => {
  const { say, lines, card } = recipient([small]);
  say({ type: "fetch", name: "a.bin", token, ref: 1 });
  let answered = 0;
  await until(() => {
    const pings = lines.filter(({ type }) => type === "ping").length;
    for (; answered < pings; answered++) say({ type: "pong" });
    for (let i = 0; i < 16; i++) say({ type: "pull", transfer: 1, offset: 0, length: 100_000 });
    return card().phase === "failed";
  }, "the end");
  expect(card().detail).toBe("Bob keeps requesting what was already sent");
}, 180_000);

test("only offered files are served, in bounded numbers", async () => {
  const { say, lines, pieces } = recipient([small]);
  say({ type: "fetch", name: "../secret", token, ref: "none" });
  say({ type: "fetch", name: "a.bin", token, batch: { version: "x" }, ref: "batch" });
  say({ type: "tree", name: "a.bin", ref: "tree" });
  say({ type: "say", room: "lobby", text: "hello" });
  const codes = Object.fromEntries(lines.map(({ ref, code }) => [ref, code]));
  expect(codes).toEqual({
    none: "not-found",
    batch: "not-found",
    tree: "not-found",
  });
  for (let i = 0; i < pageFiles.maxTransfers + 5; i++)
    say({ type: "fetch", name: "a.bin", token, ref: i });
  expect(lines.filter(({ code }) => code === "full").length).toBe(5);
  const offered = lines.filter(({ type }) => type === "offer").map(({ transfer }) => transfer);
  // No number is used twice, since keys depend on it.
  expect(new Set(offered).size).toBe(offered.length);
  say({ type: "pull", transfer: 99, offset: 0, length: 10 });
  say({ type: "pull", transfer: offered[0], offset: 100_000, length: 10 });
  say({ type: "fetch", name: "a.bin", check: true, ref: "check" });
  await turns(20);
  expect(pieces()).toBe(0);
  expect(lines.at(-1)).toMatchObject({ type: "offer", ref: "check", size: 100_000 });
});

test("a chunk that is read again is sealed to the same bytes, or not sent", async () => {
  const size = 2 * pageFiles.readBytes;
  for (const changes of [false, true]) {
    let content = noise(size).slice();
    // As if it were modified without the browser noticing.
    const file = Object.assign(new File([content], "a.bin"), {
      slice: (from: number, to: number) => new Blob([content]).slice(from, to),
    });
    const { say, lines, pieces } = recipient([file]);
    const isOver = () => lines.some(({ type }) => type === "error");
    say({ type: "fetch", name: "a.bin", token, ref: 1 });
    say({ type: "pull", transfer: 1, offset: 0, length: 10 });
    await until(() => pieces() === 1, "a piece");
    if (changes) content = noise(size).slice();
    // Another block in between, so that the first one is read again.
    say({ type: "pull", transfer: 1, offset: pageFiles.readBytes, length: 10 });
    await until(() => pieces() === 2, "another");
    say({ type: "pull", transfer: 1, offset: 0, length: 10 });
    await until(() => pieces() === 3 || isOver(), "an answer");
    expect([pieces(), isOver()]).toEqual(changes ? [2, true] : [3, false]);
  }
});

test("names are valid for every recipient, and unique", () => {
  const names = ["a.txt", "a.txt", "a (2).txt", "b/c\\d\u0001", "", ".", "..", "x\uD800"];
  const made = outgoingNames(names, false, "now");
  expect(made).toEqual([
    "a.txt",
    "a (2).txt",
    "a (2) (2).txt",
    "b_c_d_",
    "file",
    "_",
    "__",
    "x\uFFFD",
  ]);
  expect(outgoingNames(["image.png", "image.png", "plan.pdf"], true, "T")).toEqual([
    "pasted T.png",
    "pasted T (2).png",
    "plan.pdf",
  ]);
  expect(made.every((name) => name.length <= offers.maxNameChars)).toBe(true);
});

test("an offer that is said to be done is not, unless the recipient has confirmed it", () => {
  const { sent, card } = outgoing([new File(["a"], "a.txt")], {});
  sent.handleOffer({ type: "channel", offer, channel: 1, with: "Bob" });
  sent.handleOffer({ type: "offer-ended", offer, reason: "done" });
  expect([card().phase, card().detail]).toEqual([
    "failed",
    "Bob has not confirmed that everything arrived: send it again",
  ]);
});
