// Copies of what somebody has sent, for their other devices, and a malicious server that adds
// devices, forges, repeats and redirects copies.

import { describe, expect, test } from "bun:test";
import { sealContext, encodeSealed } from "../../src/client/sealed-text.ts";
import { deviceLinks as limits, sealed } from "../../src/limits.ts";
import type { Vouch } from "../../src/trust/device-vouch.ts";
import { Client, keyPair, Server } from "./people.ts";

/** What the server says about Ann. */
function claim(server: Server, keys: readonly string[], vouches: readonly Vouch[]): void {
  server.accounts.set("ann", { name: "Ann", registered: true, keys, vouches });
}

/** Connects `phone` to `desk` with a code, as both programs do, and returns the vouch. */
function link(desk: Client, phone: Client): Vouch {
  const [shows, types] = [desk.linking(), phone.linking()];
  const { proof } = types.join(shows.show("abcde-fghjk"), "phone");
  const { key } = phone.device;
  const added = { type: "account-changed", change: "device-added", device: "phone" } as const;
  const vouch = shows.vouchFor("Ann", { ...added, key, proof });
  types.handleLinked("Ann");
  if (vouch === undefined) throw new Error("not vouched for");
  return { key, by: desk.device.key, signature: vouch.signature, proof: vouch.proof };
}

/** Ann's two devices, connected by code, and Bob. */
function linked() {
  const server = new Server();
  const desk = new Client(server, "Ann");
  const phone = new Client(server, "Ann");
  const bob = new Client(server, "Bob");
  const vouch = link(desk, phone);
  const keys = [desk.device.key, phone.device.key];
  claim(server, keys, [vouch]);
  for (const one of [desk, phone]) one.goOnline();
  return { server, desk, phone, bob, vouch, keys };
}

const devicesOf = (copies: readonly { key: string }[] | undefined): string[] =>
  (copies ?? []).map(({ key }) => key);

describe("two devices that a code has connected", () => {
  test("each get what the other one sends, and only they can read it", async () => {
    const { server, desk, phone, bob } = linked();
    for (const [from, other] of [
      [desk, phone],
      [phone, desk],
    ] as const) {
      await from.tell("Bob", "psst");
      const told = server.told.at(-1);
      expect(devicesOf(told?.copies)).toEqual([other.device.key]);
      await other.hearCopy(told);
      expect(other.copied).toEqual([expect.objectContaining({ to: ["Bob"], text: "psst" })]);
      // The sender gets it back and says nothing.
      await from.hearCopy(told);
      await bob.hearCopy(told);
    }
    expect([desk.copied.length, phone.copied.length, bob.copied.length]).toEqual([1, 1, 0]);
    expect(server.sight).not.toContain("psst");
    for (const one of [desk, phone]) expect(one.notes.join()).not.toContain("not shown");
  });

  test("know each other although neither sends anything within the hour", async () => {
    const { server, phone } = linked();
    await phone.messages.settled();
    await Bun.sleep(0);
    phone.nowMs += limits.proofMs + 1;
    phone.start();
    await phone.tell("Bob", "psst");
    expect(devicesOf(server.told[0]?.copies)).toHaveLength(1);
  });

  test("offer each other files, which no other device can open or make up", async () => {
    const { server, desk, phone } = linked();
    const content = new TextEncoder().encode("two files");
    const offer = await desk.messages.sealOffer("ann", content);
    if (offer.how !== "sealed") throw new Error(`not sealed: ${offer.how}`);
    expect(offer.isVerified).toBe(true);
    expect(devicesOf(offer.sealed.boxes)).toEqual([phone.device.key]);
    expect(await phone.messages.openOffer("Ann", offer.sealed)).toEqual({
      content,
      state: "verified",
    });
    // A device that the server adds.
    const eve = new Client(server, "Ann");
    const box = await eve.device.sealer.seal(
      content,
      phone.device.key,
      sealContext("Ann", "Ann", "file offer"),
    );
    const sealed = { key: eve.device.key, boxes: [{ key: phone.device.key, box }] };
    claim(
      server,
      [desk, phone, eve].map(({ device }) => device.key),
      [],
    );
    expect(await phone.messages.openOffer("Ann", sealed)).toContain("does not know");
    const again = await desk.messages.sealOffer("Ann", content);
    expect(again.how === "sealed" && devicesOf(again.sealed.boxes)).toEqual([phone.device.key]);
  });

  test("know each other after a restart, without a vouch of the server", async () => {
    const { server, desk, phone, keys } = linked();
    await phone.tell("Bob", "one");
    claim(server, keys, []);
    for (const one of [desk, phone]) {
      one.start();
      await one.tell("Bob", "two");
      expect(devicesOf(server.told.at(-1)?.copies)).toHaveLength(1);
    }
  });

  test("take each other's files although the server does not list their keys at the moment", async () => {
    const { server, desk, phone } = linked();
    const offer = await desk.messages.sealOffer("Ann", new Uint8Array(1));
    if (offer.how !== "sealed") throw new Error(`not sealed: ${offer.how}`);
    await phone.messages.settled();
    phone.goOnline();
    server.isBusy = true;
    expect(await phone.messages.openOffer("Ann", offer.sealed)).toMatchObject({
      state: "verified",
    });
  });

  test("show copies of each other although the server does not list their keys at the moment", async () => {
    const { server, desk, phone } = linked();
    await desk.tell("Bob", "psst");
    const told = server.told.at(-1);
    await phone.messages.settled();
    phone.goOnline();
    server.isBusy = true;
    await phone.hearCopy(told);
    expect(phone.copied).toMatchObject([{ text: "psst" }]);
    // Nor does it send files to its other devices where the server can read their names.
    expect((await phone.messages.sealOffer("Ann", new Uint8Array(1))).how).toBe("refused");
    expect(phone.notes.join()).not.toContain("not shown");
  });

  test("include a third one that one of them vouches for", async () => {
    const { server, desk, phone, vouch, keys } = linked();
    const tablet = keyPair();
    const more = phone.device.vouch("Ann", tablet.key);
    claim(server, [...keys, tablet.key], [vouch, more]);
    await desk.tell("Bob", "psst");
    expect(devicesOf(server.told[0]?.copies)).toEqual([phone.device.key, tablet.key]);
  });

  test("get no copy of what a device sends to its own name, or if it is too long", async () => {
    const { server, desk } = linked();
    await desk.tell("Ann", "note to self");
    expect(server.told[0]?.copies).toBeUndefined();
    const chars = Math.floor((0.75 * sealed.maxChars) / 2) + 100;
    await desk.tell("Bob", "x".repeat(chars));
    expect(server.told[1]).toMatchObject({ copies: undefined, sealed: { key: desk.device.key } });
    expect(desk.notes.join()).toContain("too long to be copied");
  });

  test("get copies although the key of another one is unusable", async () => {
    const { server, desk, phone, vouch, keys } = linked();
    // A point of small order.
    const unusable = "A".repeat(43);
    claim(server, [...keys, unusable], [vouch, desk.device.vouch("Ann", unusable)]);
    await desk.tell("Bob", "psst");
    expect(devicesOf(server.told[0]?.copies)).toEqual([phone.device.key]);
  });

  test("learn of a device that joins while they ask for their keys", async () => {
    const { server, desk, phone, vouch, keys } = linked();
    const tablet = keyPair();
    desk.holds = true;
    const sending = desk.tell("Bob", "one");
    const [answer] = desk.held.splice(0);
    answer?.();
    claim(server, [...keys, tablet.key], [vouch, phone.device.vouch("Ann", tablet.key)]);
    const added = { change: "device-added", device: "tablet" } as const;
    desk.messages.handleEvent({ type: "account-changed", ...added });
    desk.holds = false;
    await Bun.sleep(0);
    while (server.told.length === 0) {
      for (const held of desk.held.splice(0)) held();
      await Bun.sleep(0);
    }
    await sending;
    await desk.tell("Bob", "two");
    expect(devicesOf(server.told[1]?.copies)).toEqual([phone.device.key, tablet.key]);
  });

  test("no longer count each other once one is revoked, whatever the server says later", async () => {
    const { server, desk, phone, vouch, keys } = linked();
    await desk.tell("Bob", "one");
    claim(server, [desk.device.key], [vouch]);
    desk.goOnline();
    await desk.tell("Bob", "two");
    const thief = keyPair();
    const chain = phone.device.vouch("Ann", thief.key);
    claim(server, [...keys, thief.key], [vouch, chain]);
    for (const restart of [false, true]) {
      if (restart) desk.start();
      else desk.goOnline();
      await desk.tell("Bob", "three");
    }
    const copies = server.told.map((told) => devicesOf(told.copies));
    expect(copies).toEqual([[phone.device.key], [], [], []]);
    // Unless another code connects them.
    claim(server, keys, [link(desk, phone)]);
    desk.goOnline();
    await desk.tell("Bob", "four");
    expect(devicesOf(server.told.at(-1)?.copies)).toEqual([phone.device.key]);
  });
});

describe("a server", () => {
  test("that adds a device gets no copies, whoever it lets vouch for it", async () => {
    const { server, desk, phone, vouch, keys } = linked();
    const [mallory, helper] = [keyPair(), keyPair()];
    const stolen = { ...vouch, key: mallory.key };
    const lies: Vouch[][] = [
      [vouch],
      [vouch, mallory.vouch("Ann", mallory.key)],
      [vouch, mallory.vouch("Ann", desk.device.key), mallory.vouch("Ann", phone.device.key)],
      [vouch, helper.vouch("Ann", mallory.key), mallory.vouch("Ann", helper.key)],
      [vouch, stolen, { ...stolen, by: mallory.key }],
      [vouch, desk.device.vouch("Bob", mallory.key)],
      [{ ...vouch, by: mallory.key }, vouch],
      [{ ...mallory.vouch("Ann", phone.device.key), proof: vouch.proof }],
    ];
    for (const vouches of lies) {
      claim(server, [...keys, mallory.key, helper.key], vouches);
      for (const [from, other] of [
        [desk, phone],
        [phone, desk],
      ] as const) {
        from.start();
        await from.tell("Bob", "psst");
        const got = devicesOf(server.told.at(-1)?.copies);
        expect(got).not.toContain(mallory.key);
        expect(got).not.toContain(helper.key);
        expect(got.every((key) => key === other.device.key)).toBe(true);
      }
    }
  });

  test("gets no offer for the only device of somebody, sealed or not", async () => {
    const server = new Server();
    const desk = new Client(server, "Ann");
    claim(server, [desk.device.key, keyPair().key], []);
    desk.goOnline();
    const offer = await desk.messages.sealOffer("Ann", new Uint8Array(3));
    expect(offer).toEqual({ how: "refused", why: expect.stringContaining("/devices add") });
  });

  test("gets nothing sealed for a first device that has met no other one", async () => {
    const server = new Server();
    const ann = new Client(server, "Ann");
    server.register("Bob", keyPair().key);
    const mallory = keyPair();
    claim(server, [ann.device.key, mallory.key], [mallory.vouch("Ann", ann.device.key)]);
    ann.goOnline();
    await ann.tell("Bob", "psst");
    expect(server.told[0]).toMatchObject({ copies: undefined, sealed: { key: ann.device.key } });
  });

  test("can't take the place of the device that showed the code", async () => {
    const { server, desk, phone, vouch } = linked();
    phone.ownFile = "";
    const mallory = keyPair();
    const replay = link(desk, phone);
    const own = mallory.vouch("Ann", phone.device.key);
    for (const forged of [own, { ...own, proof: replay.proof }, { ...own, proof: vouch.proof }]) {
      claim(server, [mallory.key, phone.device.key], [forged]);
      phone.start();
      await phone.tell("Bob", "psst");
      expect(server.told.at(-1)?.copies).toBeUndefined();
    }
    // The proof of an earlier code, or one that comes too late.
    claim(server, [desk.device.key, phone.device.key], [vouch]);
    phone.start();
    await phone.tell("Bob", "psst");
    expect(server.told.at(-1)?.copies).toBeUndefined();
    phone.nowMs += limits.proofMs + 1;
    claim(server, [desk.device.key, phone.device.key], [replay]);
    phone.start();
    await phone.tell("Bob", "psst");
    expect(server.told.at(-1)?.copies).toBeUndefined();
  });

  test("can't make up what a user has said, nor repeat or redirect it", async () => {
    const { server, desk, phone, keys, vouch } = linked();
    const mallory = keyPair();
    claim(server, [...keys, mallory.key], [vouch]);
    phone.start();
    const context = sealContext("Ann", "Bob", "sent copy");
    const content = encodeSealed({ id: "A".repeat(22), timeMs: phone.nowMs, text: "forged" });
    const box = await mallory.sealer.seal(content, phone.device.key, context);
    const boxes = [{ key: phone.device.key, box }];
    await desk.tell("Bob", "real");
    const [told] = server.told;
    await phone.hearCopy(told, { sealed: { key: mallory.key, boxes } });
    await phone.hearCopy(told, { sealed: { key: mallory.key, boxes } });
    expect(phone.notes.filter((note) => note.includes("does not know that device"))).toHaveLength(
      1,
    );
    // Its box under the name of a known device.
    await phone.hearCopy(told, { sealed: { key: desk.device.key, boxes } });
    // Something else that the known device has sealed for this one.
    const other = await desk.device.sealer.seal(
      content,
      phone.device.key,
      sealContext("Ann", "Bob"),
    );
    const others = [{ key: phone.device.key, box: other }];
    await phone.hearCopy(told, { sealed: { key: desk.device.key, boxes: others } });
    // To somebody else than it was sent to, or as if it had been received.
    await phone.hearCopy(told, { to: ["Cal"] });
    expect(phone.copied).toEqual([]);
    const { copies = [] } = told ?? {};
    const reflected = { key: desk.device.key, boxes: copies };
    expect(await phone.hear(told, { sealed: reflected })).toMatchObject({
      text: "",
      seal: { state: "unopened" },
    });
    await phone.hearCopy(told);
    await phone.hearCopy(told);
    phone.start();
    await phone.hearCopy(told);
    expect(phone.copied.map(({ text }) => text)).toEqual(["real"]);
    // What was sealed for the recipient is no copy.
    await desk.tell("Bob", "again");
    const second = server.told[1];
    await phone.hearCopy(second, { sealed: second?.sealed });
    expect(phone.copied).toHaveLength(1);
  });
});
