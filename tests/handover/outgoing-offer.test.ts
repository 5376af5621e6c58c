// What a sender says of an offer that its recipient is fetching.

import { expect, jest, spyOn, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { encodeReceipt } from "../../src/handover/channel-line.ts";
import type { Exchange } from "../../src/handover/exchange.ts";
import { encodePart } from "../../src/handover/frames.ts";
import type { SendEvent } from "../../src/handover/handover-events.ts";
import { offers as limits } from "../../src/limits.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { OutgoingOffer } from "../../src/handover/outgoing-offer.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("outgoing");

const exchange: Exchange = {
  session: { name: "Ann", online: true, request: () => 1, pass: () => true, endOffer() {} },
  applyOutputs() {},
  mail: undefined,
  sealer: undefined,
  port: () => ({ pass() {}, waitingBytes: () => 0 }),
  onDrained: () => () => {},
};

test("the rate is that of the time in which the files are being fetched", async () => {
  const path = join(base, "file");
  writeFileSync(path, new Uint8Array(10_000));
  const said: SendEvent[] = [];
  const folder = await OfferedFolder.of([path]);
  const onEvent = (event: SendEvent): void => void said.push(event);
  const offer = new OutgoingOffer({ id: "offer", to: "Bob", folder, exchange, onEvent });
  const clock = spyOn(performance, "now");
  const at = (ms: number, act: () => void): void => {
    clock.mockReturnValue(ms);
    act();
  };
  const tell = (channel: number, bytes: number): void => {
    const line = new TextEncoder().encode(encodeReceipt({ type: "progress", bytes }));
    offer.handleOffer({ type: "passed", offer: "offer", channel, data: encodePart(line, true) });
  };
  const open = (channel: number): void =>
    offer.handleOffer({ type: "channel", offer: "offer", channel, with: "Bob" });
  const hourMs = 3_600_000;
  at(hourMs, () => open(1));
  at(hourMs + 1_000, () => tell(1, 1_000));
  at(2 * hourMs, () => open(2));
  at(2 * hourMs + 1_000, () => tell(2, 2_000));
  clock.mockRestore();
  const progress = said.filter((event) => event.event === "progress");
  expect(progress).toMatchObject([
    { bytesPerSecond: 1_000, secondsLeft: 9 },
    { bytesPerSecond: 1_000, secondsLeft: 8 },
  ]);
  offer.over.catch(() => {});
  offer.cancel(new ParleyError("interrupted", "The test is over"));
});

test("it is made again after a refusal for the moment, but not once it is over", async () => {
  const path = join(base, "refused");
  writeFileSync(path, "the plan");
  const folder = await OfferedFolder.of([path]);
  jest.useFakeTimers();
  try {
    let refs = 0;
    const session = { ...exchange.session, request: () => ++refs };
    const about = { id: "offer", to: "Bob", folder, onEvent() {} };
    const offer = new OutgoingOffer({ ...about, exchange: { ...exchange, session } });
    offer.over.catch(() => {});
    const others = jest.getTimerCount();
    await offer.offer();
    const refused = new ParleyError("rate", "Too many offers");
    const refuse = () => {
      const { code, message } = refused;
      offer.handleError({ type: "error", code, message, ref: refs, subject: undefined }, refused);
    };
    refuse();
    jest.advanceTimersByTime(limits.offerAgainMs);
    expect(refs).toBe(2);
    refuse();
    expect(jest.getTimerCount()).toBe(others + 1);
    offer.cancel(new ParleyError("interrupted", "The test is over"));
    expect(jest.getTimerCount()).toBe(others);
  } finally {
    jest.useRealTimers();
  }
});

test("the sender goes to the recipient's server once nothing else is under way", async () => {
  const path = join(base, "plan");
  writeFileSync(path, "the plan");
  const folder = await OfferedFolder.of([path]);
  jest.useFakeTimers();
  try {
    const went: string[] = [];
    const said: string[] = [];
    let [refs, isBusy] = [0, true];
    const session = { ...exchange.session, request: () => ++refs };
    const moveTo = (at: string): boolean => went.push(at) > 0;
    const offer = new OutgoingOffer({
      id: "offer",
      to: "Bob",
      folder,
      exchange: { ...exchange, session, moveTo },
      mayMove: () => !isBusy,
      onEvent: ({ event }) => void said.push(event),
    });
    await offer.offer();
    offer.handleAnswer({ here: false, online: false });
    const elsewhere = new ParleyError("elsewhere", "He is at another server");
    const at = "192.0.2.2:55000";
    const concerns = (subject: string, ref?: number): boolean => {
      const { code, message } = elsewhere;
      return offer.handleError({ type: "error", code, message, ref, subject, at }, elsewhere);
    };
    // Bob has come there later; then the answers to what is asked again.
    expect(concerns("other")).toBe(false);
    expect(concerns("offer")).toBe(true);
    for (const ref of [2, 3]) {
      jest.advanceTimersByTime(limits.offerAgainMs);
      expect(refs).toBe(ref);
      expect(went).toEqual([]);
      isBusy = ref === 2;
      expect(concerns("Bob", ref)).toBe(true);
    }
    expect(went).toEqual([at]);
    expect(said).toEqual(["offered", "interrupted"]);
    offer.over.catch(() => {});
    offer.cancel(new ParleyError("interrupted", "The test is over"));
  } finally {
    jest.useRealTimers();
  }
});
