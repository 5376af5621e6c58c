// The offers of a session: which of them are known, which one is meant, and when they are over.

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SessionRequest } from "../../src/client/events.ts";
import type { OfferEnd } from "../../src/protocol/messages.ts";
import { ParleyError } from "../../src/errors.ts";
import type { Exchange } from "../../src/handover/exchange.ts";
import { Handover } from "../../src/handover/handover.ts";
import type { IncomingOfferEvent } from "../../src/handover/handover-events.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { testFolder } from "../test-folder.ts";
import { turns } from "../turns.ts";

const base = testFolder("handover");
/** Nothing can be saved in it. */
const file = join(base, "file");
writeFileSync(file, "");

const summary = { files: 1, bytes: 3, names: ["a"] };
const numberOf = (fill: number): string => Buffer.alloc(16, fill).toString("base64url");

/** A session that only records what is asked of it while it is online. */
function rig(mail?: Exchange["mail"]) {
  const asked: unknown[] = [];
  const events: IncomingOfferEvent[] = [];
  const session = {
    name: "Bob",
    online: true,
    request: (request: SessionRequest) => (session.online ? asked.push(request) : undefined),
    pass() {},
    endOffer: (offer: string, reason: OfferEnd) =>
      session.online ? void asked.push({ type: "end-offer", offer, reason }) : undefined,
  };
  const exchange: Exchange = {
    session,
    applyOutputs() {},
    mail,
    sealer: undefined,
    port: () => ({ pass() {}, waitingBytes: () => 0 }),
    onDrained: () => () => {},
  };
  const onIncoming = (event: IncomingOfferEvent): void => void events.push(event);
  const handover = new Handover({ exchange, onIncoming, onFetch() {} });
  const offer = async (from: string, id: string): Promise<void> => {
    handover.handleEvent({ type: "offer", about: { type: "offered", offer: id, from, summary } });
    await turns();
  };
  const names = (): string[] => events.map(({ event }) => event);
  return { handover, session, offer, asked, events, names };
}

test("the same files are offered anew after they could not be received", async () => {
  const { handover, offer, names, asked } = rig();
  await offer("Ann", numberOf(1));
  await handover.find("Ann")!.accept(file);
  expect(names()).toEqual(["offer-received", "offer-refused"]);
  expect(handover.hasAccepted).toBe(false);
  expect(asked.at(-1)).toMatchObject({ type: "end-offer", reason: "cancelled" });
  await offer("Ann", numberOf(1));
  expect(names().at(-1)).toBe("offer-received");
  expect(handover.find("Ann")).toMatchObject({ id: 2, isAccepted: false });
});

test("a name means the offer that waits, a number also one that is being received", async () => {
  const { handover, offer } = rig();
  await offer("Ann", numberOf(1));
  void handover.find("1")!.accept(join(base, "one"));
  expect(handover.find("")).toBeUndefined();
  await offer("Ann", numberOf(2));
  expect(handover.find("")?.id).toBe(2);
  expect(handover.find("ann")?.id).toBe(2);
  expect(handover.find("1")).toMatchObject({ id: 1, isAccepted: true });
  await offer("Ann", numberOf(3));
  expect(handover.find("Ann")).toBeUndefined();
});

test("an offer that ends while it is being opened is not announced", async () => {
  const opening = Promise.withResolvers<string>();
  const { handover, events } = rig({
    sealOffer: async () => ({ how: "plain" }),
    openOffer: () => opening.promise,
  });
  const offer = numberOf(1);
  const sealed = { key: "", boxes: [] };
  for (const about of [
    { type: "offered", offer, from: "Ann", sealed },
    { type: "offer-ended", offer, reason: "cancelled" },
  ] as const) {
    handover.handleEvent({ type: "offer", about });
  }
  opening.resolve("it is damaged");
  await turns();
  expect(events).toEqual([]);
  expect(handover.incoming).toEqual([]);
});

test("to decline an offer that is being received stops it", async () => {
  const { handover, offer, asked, names } = rig();
  await offer("Ann", numberOf(1));
  const taken = handover.find("")!;
  const into = join(base, "two");
  const receiving = taken.accept(into);
  handover.decline(taken);
  await receiving;
  expect(asked.at(-1)).toMatchObject({ type: "end-offer", reason: "cancelled" });
  expect(names()).toEqual(["offer-received", "offer-refused"]);
  expect(existsSync(into)).toBe(false);
  expect(handover.hasAccepted).toBe(false);
});

test("what is declined or stopped without a connection is not offered again when there is one", async () => {
  const { handover, session, offer, asked, names } = rig();
  await offer("Ann", numberOf(1));
  await offer("Bea", numberOf(2));
  const receiving = handover.find("2")!.accept(join(base, "three"));
  session.online = false;
  for (const number of ["1", "2"]) handover.decline(handover.find(number)!);
  await receiving;
  session.online = true;
  asked.length = 0;
  const heard = names();
  // The server repeats what it knows.
  await offer("Ann", numberOf(1));
  await offer("Bea", numberOf(2));
  expect(asked).toEqual([
    { type: "answer-files", offer: numberOf(1), accept: false },
    { type: "end-offer", offer: numberOf(2), reason: "cancelled" },
  ]);
  expect(names()).toEqual(heard);
  // They are sent once more.
  await offer("Ann", numberOf(1));
  expect(handover.find("Ann")?.id).toBe(3);
});

test("whoever stops the transfers can still take what others offer", async () => {
  const { handover, offer } = rig();
  await offer("Ann", numberOf(1));
  const receiving = handover.find("")!.accept(join(base, "stopped"));
  await offer("Bea", numberOf(2));
  handover.stop(new ParleyError("interrupted", "Stopped"));
  await receiving;
  expect(handover.hasAccepted).toBe(false);
  expect(handover.incoming.map(({ from }) => from)).toEqual(["Bea"]);
  expect(handover.find("2")?.from).toBe("Bea");
});

test("the same files are sent once at a time, and again after that has ended", async () => {
  const { handover } = rig();
  const folder = await OfferedFolder.of([file]);
  const send = () => handover.send(numberOf(1), "Ann", folder, () => {});
  const first = send();
  expect(send).toThrow("The same files are already being sent");
  expect(handover.outgoing).toEqual([first]);
  handover.stop(new ParleyError("interrupted", "Stopped"));
  expect(await first.over.catch(String)).toBe("ParleyError: Stopped");
  const again = send();
  handover.stop(new ParleyError("interrupted", "Stopped again"));
  expect(await again.over.catch(String)).toBe("ParleyError: Stopped again");
});

test("what is still being looked at is not sent after a stop", async () => {
  const { handover } = rig();
  const opening = handover.open([file]).catch(String);
  handover.stop(new ParleyError("interrupted", "Stopped"));
  expect(await opening).toBe("ParleyError: Stopped");
  expect((await handover.open([file])).files).toBe(1);
});

test("that a declined offer had ended already is no news", async () => {
  const { handover, offer, names, asked } = rig();
  await offer("Ann", numberOf(1));
  handover.decline(handover.find("")!);
  expect(asked.at(-1)).toMatchObject({ type: "answer-files", accept: false });
  const error = { type: "error", code: "not-found", message: "No such offer", ref: 1 } as const;
  expect(handover.handleEvent({ ...error, subject: numberOf(1) } as never)).toBe(true);
  expect(names()).toEqual(["offer-received"]);
});

test("an accepted offer is over when the server refuses the answer, but not when it has forgotten the offer", async () => {
  const { handover, offer, events } = rig();
  await offer("Ann", numberOf(1));
  const receiving = handover.find("")!.accept(join(base, "three"));
  const error = { type: "error", subject: numberOf(1), ref: 1 } as const;
  handover.handleEvent({ ...error, code: "not-found", message: "No such offer" } as never);
  expect(handover.hasAccepted).toBe(true);
  handover.handleEvent({ ...error, code: "rate", message: "Too many answers" } as never);
  await receiving;
  expect(handover.hasAccepted).toBe(false);
  expect(events.at(-1)).toEqual({
    event: "offer-refused",
    from: "Ann",
    reason: "Too many answers",
  });
});
