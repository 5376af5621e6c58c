// Files shared with everyone, through the hub: who may share, and how each dialect announces them.
// The test plays the receiver of the files.

import { expect, test } from "bun:test";
import type {
  FileToPut,
  SharedListing,
  ShareOffer,
  Sharer,
  SharingEvent,
  SharingPort,
} from "../../../src/chat/sharing/sharing-port.ts";
import { sharedText } from "../../../src/chat/sharing/share-commands.ts";
import { ircDialect } from "../../../src/dialects/irc/irc.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { ParleyError } from "../../../src/errors.ts";
import { personKey } from "../../../src/chat/session.ts";
import { keyOf, owner, withKey } from "../owner.ts";
import { Rig } from "../rig.ts";

const id = "share-number-123456789";
const summary = { files: 1, bytes: 3, names: ["a.txt"] };
const share = (room?: string) => ({ type: "share-files", offer: id, room, summary, ref: 7 });
const entry = { name: "a.txt", size: 3, modified: 5, files: 1 };

class Receiver implements SharingPort {
  readonly heard: string[] = [];
  sharer: Sharer | undefined;
  tell: (event: SharingEvent) => void = () => {};

  offer(sharer: Sharer, offer: ShareOffer, tell: (event: SharingEvent) => void): void {
    this.heard.push(`offer ${sharer.by} ${offer.files} ${offer.bytes}`);
    this.sharer = sharer;
    this.tell = tell;
  }
  upload(sharer: Sharer, { name, size }: FileToPut, tell: (event: SharingEvent) => void): void {
    this.heard.push(`upload ${sharer.by} ${name} ${size}`);
    this.sharer = sharer;
    this.tell = tell;
  }
  pass(_session: number, offer: string, channel: number, data: string): boolean {
    this.heard.push(`pass ${offer === id} ${channel} ${data}`);
    return true;
  }
  end(): void {
    this.heard.push("end");
  }
  listed: SharedListing[] = [];
  listings(): readonly SharedListing[] {
    return this.listed;
  }
  remove(
    name: string,
    check: (listing: SharedListing) => ParleyError | undefined,
    then: (outcome: SharedListing | ParleyError) => void,
  ): void {
    const found = this.listed.find((listing) => listing.name === name);
    const problem = found === undefined ? new ParleyError("not-found", "no") : check(found);
    if (problem === undefined) this.listed = this.listed.filter((one) => one !== found);
    then(problem ?? found!);
  }
  closed(session: number): void {
    if (session === this.sharer?.session) this.heard.push("closed");
  }
}

function world() {
  const sharing = new Receiver();
  const rig = new Rig({ sharing });
  const ann = rig.member("Ann");
  ann.lines();
  return { rig, sharing, ann };
}

test("files go to the receiver, and are announced in the room when they are in place", () => {
  const { rig, sharing, ann } = world();
  const bob = rig.member("Bob");
  bob.lines();
  ann.lines();
  ann.send(share("lobby"));
  sharing.tell({ type: "taken" });
  sharing.tell({ type: "channel", channel: 1 });
  ann.send({ type: "pass", offer: id, channel: 1, data: "AAAA" });
  sharing.tell({ type: "passed", channel: 1, data: "BBBB" });
  rig.settle();
  expect(ann.lines()).toEqual([
    { type: "sharing", offer: id, ref: 7 },
    { type: "channel", offer: id, channel: 1, with: "" },
    { type: "passed", offer: id, channel: 1, data: "BBBB" },
  ]);
  expect(bob.lines()).toEqual([]);
  sharing.tell({ type: "placed", entries: [entry], isKnown: false });
  rig.settle();
  const text = "shares 'a.txt' (3 B): parley fetch-file 'a.txt'";
  expect(bob.lines()).toMatchObject([
    { type: "message", room: "lobby", from: "Ann", kind: "notice", text },
  ]);
  const files = [{ name: "a.txt", size: 3, modified: 5 }];
  expect(ann.lines()).toMatchObject([
    { type: "message", text },
    { type: "offer-ended", offer: id, reason: "done", files },
  ]);
  ann.send({ type: "end-files", offer: id, reason: "done" });
  ann.close();
  expect(sharing.heard).toEqual(["offer Ann 1 3", "pass true 1 AAAA", "end", "closed"]);
});

test("files are announced once, and nobody shares without a room", () => {
  const { rig, sharing, ann } = world();
  ann.send(share("lobby"));
  sharing.tell({ type: "placed", entries: [entry], isKnown: true });
  ann.send(share());
  sharing.tell({ type: "placed", entries: [entry], isKnown: false });
  rig.settle();
  expect(ann.lines().map(({ type }) => type)).toEqual(["offer-ended", "offer-ended"]);
});

test("IRC gets a notice, the old systems a line", () => {
  const { rig, sharing, ann } = world();
  const server = {
    name: "irc.test",
    network: "test",
    log: "log",
    version: "1",
    sts: () => undefined,
  };
  const irc = rig.client(ircDialect(server)).send("NICK ida", "USER ida 0 * :Ida", "JOIN #lobby");
  const old = rig.client(openChat).send("Olaf");
  irc.text();
  old.text();
  ann.send(share("lobby"));
  sharing.tell({ type: "placed", entries: [entry], isKnown: false });
  rig.settle();
  expect(irc.text()).toContain(
    "NOTICE #lobby :shares 'a.txt' (3 B): parley fetch-file 'a.txt'\r\n",
  );
  expect(old.text()).toContain("shares 'a.txt' (3 B): parley fetch-file 'a.txt'");
});

test("without a quota the refusal names the flag, and in other rooms the room", () => {
  const none = new Rig().member("Ann");
  none.lines();
  none.send(share("lobby"));
  const [refusal] = none.lines();
  expect(refusal).toMatchObject({ type: "error", code: "not-allowed", ref: 7 });
  expect(refusal?.["message"]).toContain("--quota");
  const { sharing, ann } = world();
  ann.send(share("den"));
  expect(ann.lines()).toMatchObject([{ type: "error", code: "not-in-room", ref: 7 }]);
  expect(sharing.heard).toEqual([]);
});

test("a muted user shares nothing, even if muted just before the last byte", () => {
  const { rig, sharing, ann } = world();
  ann.send(share("lobby"));
  expect(sharing.sharer?.problem()).toBeUndefined();
  rig.order("mute Ann");
  expect(sharing.sharer?.problem()?.code).toBe("muted");
  ann.lines();
  ann.send(share("lobby"));
  expect(ann.lines()).toMatchObject([{ type: "error", code: "muted", ref: 7 }]);
  expect(sharing.heard).toHaveLength(1);
  rig.order("ban Ann");
  expect(sharing.sharer?.isHere()).toBe(false);
});

test("a refusal is the answer, a failure is told with its reason", () => {
  const { rig, sharing, ann } = world();
  ann.send(share("lobby"));
  sharing.tell({ type: "refused", error: new ParleyError("full", "There is no room") });
  ann.send(share("lobby"));
  sharing.tell({ type: "failed", error: new ParleyError("storage", "The disk is full") });
  rig.settle();
  expect(ann.lines()).toEqual([
    { type: "error", code: "full", message: "There is no room", ref: 7 },
    {
      type: "offer-ended",
      offer: id,
      reason: "failed",
      code: "storage",
      message: "The disk is full",
    },
  ]);
});

test("reports about a disconnected session go nowhere", () => {
  const { rig, sharing, ann } = world();
  ann.send(share("lobby"));
  ann.close();
  sharing.tell({ type: "placed", entries: [entry], isKnown: false });
  sharing.tell({ type: "channel", channel: 2 });
  rig.settle();
  expect(ann.lines()).toEqual([]);
});

test("an announcement names the files, and how to get them", () => {
  const folder = { name: "photos/", size: 2_100_000_000, modified: 0, files: 41 };
  expect(sharedText([folder])).toBe(
    "shares 'photos/' (41 files, 2.10 GB): parley fetch-file 'photos/'",
  );
  expect(sharedText([{ ...folder, files: 1 }, entry])).toBe(
    "shares 'photos/' (1 file, 2.10 GB) and 'a.txt' (3 B): parley fetch-file NAME",
  );
  const many = sharedText(Array.from({ length: 1_000 }, () => entry));
  expect(many).toContain(", 'a.txt' (3 B) and 992 more: parley");
});

const shared = (name: string) => sharedText([{ name, size: 3, modified: 0, files: 1 }]);

test("an announcement has no command that does something else when it is pasted", () => {
  const names = ["a'; rm -rf ~; 'b", "$(id).txt", "`id`", 'a" & calc & "', "a|b", "-rf", "--force"];
  for (const name of [...names, "a\u2019; id; \u2019", "%PATH%", "a\\b", "a!b", "a&b", "*", "~a"]) {
    expect(shared(name)).toBe(`shares '${name}' (3 B): parley fetch-file NAME`);
  }
  for (const name of ["Zoë", "a (2).tar.gz", "小明 1,5.txt", "a=b+c@d~", "x/"]) {
    expect(shared(name)).toEndWith(`parley fetch-file '${name}'`);
  }
});

const listing = (name: string, person: string, device?: string): SharedListing => ({
  ...entry,
  name,
  person,
  device,
  by: person,
  atMs: 1_700_000_000_000,
});

test("the uploader may remove a file, operators any file, nobody else", () => {
  const { rig, sharing, ann } = world();
  const bob = rig.member("Bob");
  const personOf = (client: typeof ann) => personKey(client.session.identity);
  sharing.listed = [
    listing("a b.txt", personOf(ann)),
    listing("bob/", personOf(bob)),
    listing("c.txt", "somebody else"),
  ];
  const order = (client: typeof ann, command: string) => {
    client.lines();
    client.send({ type: "admin", command, ref: 1 });
    const line = client.lines().find(({ ref }) => ref === 1);
    return line?.["code"] ?? line?.["message"];
  };
  expect(order(ann, "shared")).toBe("1 thing, 3 B");
  expect(order(ann, "unshare bob/")).toBe("not-allowed");
  expect(order(ann, "unshare nothing")).toBe("not-found");
  expect(order(ann, "unshare  a b.txt ")).toBe("'a b.txt' is no longer shared");
  expect(order(ann, "shared")).toBe("Nothing is shared");
  expect(rig.order("shared")).toMatchObject({ message: "2 things, 6 B", rows: [{}, {}] });
  expect(rig.order("unshare c.txt")).toMatchObject({ ok: true });
  expect(sharing.listed.map(({ name }) => name)).toEqual(["bob/"]);
  // Recognized by the device's key, under any name.
  const desk = owner(rig, "Dora", "desk");
  sharing.listed = [listing("d.txt", "an earlier session", keyOf("desk"))];
  expect(order(desk, "unshare d.txt")).toBe("'d.txt' is no longer shared");
  expect(order(new Rig().member("Eve"), "unshare x")).toBe("not-allowed");
  // But not by the key of a device of somebody who has an account: it may have been revoked.
  const zed = withKey(rig, "Zed", "phone");
  sharing.listed = [listing("e.txt", personOf(desk), keyOf("phone"))];
  expect(order(zed, "shared")).toBe("Nothing is shared");
  expect(order(zed, "unshare e.txt")).toBe("not-allowed");
  expect(order(desk, "unshare e.txt")).toBe("'e.txt' is no longer shared");
});

test("in plain text from other machines, everyone sees and removes only their own, even operators", () => {
  const { rig, sharing } = world();
  const eve = rig.client(undefined, true, "192.0.2.1");
  eve.send({ type: "hello", version: 2, name: "Eve" });
  sharing.listed = [listing("hers", personKey(eve.session.identity)), listing("other", "x")];
  const order = (command: string) => {
    eve.lines();
    eve.send({ type: "admin", command, ref: 1 });
    const line = eve.lines().find(({ ref }) => ref === 1);
    return line?.["code"] ?? line?.["message"];
  };
  expect(order("who")).toBe("tls-required");
  expect(order("away shared")).toBe("tls-required");
  expect(order("shared")).toBe("1 thing, 3 B");
  expect(order("unshare other")).toBe("not-allowed");
  expect(order("unshare hers")).toBe("'hers' is no longer shared");
});
