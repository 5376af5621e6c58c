// The command table: which commands need a name, error codes, and paging of lists.

import { expect, test } from "bun:test";
import type { HubOptions } from "../../src/chat/hub-state.ts";
import { openChat, openChatWithHelp } from "../../src/dialects/open-chat/open-chat.ts";
import {
  history as historyLimits,
  message as limits,
  names as nameLimits,
} from "../../src/limits.ts";
import { keptBy, memberNames, nothing } from "./inspect.ts";
import { type Client, inRoom, Rig } from "./rig.ts";

const errors = (client: Client) => client.lines().filter(({ type }) => type === "error");
const looker = (rig: Rig) => rig.client().send({ type: "hello", version: 2 });

test("a visitor's requests are refused with their ref or n, except those that need no name", () => {
  const rig = new Rig();
  const eve = looker(rig);
  eve.text();
  const needs = [
    { type: "say", room: "lobby", n: 1, text: "x" },
    { type: "tell", to: ["Ann"], text: "x" },
    { type: "join", room: "den" },
    { type: "part", room: "den" },
    { type: "who", room: "lobby" },
    { type: "rooms" },
    { type: "rename", name: "Eve" },
    { type: "history", room: "lobby" },
    { type: "invite", to: "Ann" },
    { type: "accept" },
    { type: "reject" },
    { type: "leave" },
  ];
  for (const [ref, request] of needs.entries()) {
    eve.send({ ...request, ref });
    const [answer, ...more] = eve.lines();
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ type: "error", code: "protocol" });
    if (!("n" in request) && !("text" in request)) expect(answer).toMatchObject({ ref });
    if ("n" in request) expect(answer).toMatchObject({ n: request.n });
  }
  eve.send({ type: "files" }, { type: "ping", ref: "p" });
  expect(eve.lines().map(({ type }) => type)).toEqual(["files", "pong"]);
  expect(keptBy(rig.hub).rooms).toBe(0);
});

test("a second hello is refused", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  ann.text();
  ann.send({ type: "hello", version: 2, name: "Bob" });
  expect(errors(ann)).toMatchObject([{ code: "protocol" }]);
  expect(memberNames(rig.hub)).toEqual(["Ann"]);
});

test("names are paged and sorted, without repeats while people come and go", () => {
  const rig = new Rig();
  const total = historyLimits.pageMessages + 20;
  const people = new Map<string, Client>();
  for (let i = 1; i < total; i++) people.set(`p${i}`, rig.client(openChat).queue(`p${i}`));
  const ann = rig.member("Ann");
  ann.text();
  ann.send({ type: "who", room: "lobby", ref: 1 });
  const [first] = ann.lines() as { names: string[]; next: string; total: number }[];
  expect(first).toMatchObject({ total, next: first!.names.at(-1) });
  people.get(first!.next)!.close();
  ann.text();
  ann.send({ type: "who", room: "lobby", after: first!.next });
  const [second] = ann.lines() as { names: string[]; next?: string }[];
  expect(second!.next).toBeUndefined();
  const all = [...first!.names, ...second!.names];
  expect(new Set(all).size).toBe(total);
  expect(all.map((name) => name.toLowerCase())).toEqual(
    all.map((name) => name.toLowerCase()).sort(),
  );
});

test("invalid rooms and names are refused with a code that says why", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  rig.member("Bob");
  ann.text();
  ann.send(
    { type: "join", room: "a b", ref: 1 },
    { type: "rename", name: "ALL", ref: 2 },
    { type: "rename", name: "BOB", ref: 3 },
    { type: "invite", to: "nobody", ref: 4 },
    { type: "invite", to: "ann", ref: 5 },
    { type: "accept", ref: 6 },
  );
  expect(errors(ann).map(({ code, ref }) => [ref, code])).toEqual([
    [1, "room-invalid"],
    [2, "name-invalid"],
    [3, "name-taken"],
    [4, "unknown-user"],
    [5, "protocol"],
    [6, "protocol"],
  ]);
});

test("at the room limit new rooms are refused and existing ones can be joined", () => {
  const rig = new Rig();
  for (let i = 0; i < historyLimits.maxRooms; i++) rig.member(`p${i}`, inRoom(`r${i}`));
  const ann = rig.member("Ann", inRoom("one-more"));
  expect(ann.lines()).toMatchObject([{ type: "error", code: "full" }]);
  const bob = rig.member("Bob", inRoom("r7"));
  bob.text();
  bob.send({ type: "join", room: "one-more", ref: 1 }, { type: "join", room: "r8", ref: 2 });
  const lines = bob.lines();
  expect(lines).toContainEqual(expect.objectContaining({ code: "full", ref: 1 }));
  expect(lines).toContainEqual(expect.objectContaining({ type: "entered", room: "r8", ref: 2 }));
  expect(keptBy(rig.hub).rooms).toBe(historyLimits.maxRooms);
});

test("at the room limit people can still log in to an empty lobby", () => {
  const rig = new Rig();
  for (let i = 0; i < historyLimits.maxRooms; i++) rig.member(`p${i}`, inRoom(`r${i}`));
  expect(rig.client(openChat).send("Ann").text()).toStartWith("Ann has joined");
  expect(rig.member("Bob").lines()[0]).toMatchObject({ type: "welcome" });
});

test("one network opens a part of all rooms, and more once it has left some", () => {
  const rig = new Rig();
  const address = "192.0.2.1";
  const most = historyLimits.maxRoomsPerNetwork;
  const each = nameLimits.maxRoomsPerSession;
  const strangers = Array.from({ length: most / each }, (_, i) => {
    const rooms = Array.from({ length: each }, (_, k) => ({ room: `r${i}-${k}` }));
    return rig.member(`p${i}`, { rooms }, address);
  });
  const refused = rig.member("Mallory", { rooms: [{ room: "lobby" }, { room: "more" }] }, address);
  expect(refused.lines()).toMatchObject([{ type: "error", code: "full" }]);
  const neighbour = rig.member("Neighbour", inRoom("r0-0"), address);
  neighbour.text();
  neighbour.send({ type: "join", room: "more" }, { type: "join", room: "r1-1" });
  expect(neighbour.lines()).toMatchObject([
    { type: "error", code: "full", subject: "more" },
    { type: "entered", room: "r1-1" },
    { type: "joined" },
  ]);
  const ann = rig.member("Ann", inRoom("more"), "192.0.2.2");
  expect(ann.lines()[0]).toMatchObject({ type: "welcome" });
  strangers[0]!.send({ type: "part", room: "r0-3" });
  neighbour.send({ type: "join", room: "other" });
  expect(neighbour.lines()).toMatchObject([{ type: "entered" }, { type: "joined" }]);
  for (const client of [...strangers, neighbour, ann, refused])
    client.send({ type: "bye" }).close();
  expect(keptBy(rig.hub)).toEqual(nothing);
});

test("texts, recipients and counters at their bounds and beyond", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  for (const client of [ann, bob]) client.text();
  const longest = "x".repeat(limits.maxTextChars);
  const everyone = Array.from({ length: limits.maxRecipients }, (_, i) => (i === 0 ? "Bob" : "B"));
  ann.send(
    { type: "say", room: "lobby", n: 1, text: longest },
    { type: "say", room: "lobby", n: 2, text: `${longest}x` },
    { type: "tell", n: 3, to: everyone, text: "x" },
    { type: "tell", n: 4, to: [...everyone, "C"], text: "x" },
    { type: "say", room: "lobby", n: 5 },
    { type: "say", room: "lobby", n: 6, text: "" },
  );
  const lines = ann.lines();
  expect(lines.filter(({ type }) => type === "error")).toMatchObject([
    { code: "text-invalid", n: 2 },
    { code: "unknown-user", subject: "B" },
    { code: "text-invalid", n: 4 },
    { code: "protocol", n: 5 },
  ]);
  expect(lines.at(-1)).toMatchObject({ type: "ack", n: 6 });
  expect(bob.lines().map(({ type }) => type)).toEqual(["message", "private", "message"]);
});

test("a recipient named twice receives the message once", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  bob.text();
  ann.send({ type: "tell", n: 1, to: ["Bob", "bob", "BOB"], text: "once" });
  expect(bob.lines()).toMatchObject([{ type: "private", mail: 1, to: ["Bob"] }]);
});

test("a private message with unknown recipients is refused only if it reaches nobody", () => {
  const rig = new Rig();
  const bob = rig.member("Bob");
  const ann = rig.member("Ann");
  for (const one of [ann, bob]) one.lines();
  const code = "unknown-user";
  ann.send({ type: "tell", n: 1, to: ["Bob", "Zoe"], text: "hi" });
  expect(bob.lines()).toMatchObject([{ type: "private", to: ["Bob"], text: "hi" }]);
  const [error, ack] = ann.lines();
  expect(error).toMatchObject({ code, subject: "Zoe" });
  expect(error).not.toHaveProperty("n");
  expect(ack).toMatchObject({ type: "ack", n: 1 });
  ann.send({ type: "tell", n: 2, to: ["ALL", "Zoe"], text: "all" });
  expect(bob.lines()).toMatchObject([{ type: "message", text: "all" }]);
  const unknown = ann.lines().find(({ type }) => type === "error");
  expect(unknown).toMatchObject({ code, subject: "Zoe" });
  expect(unknown).not.toHaveProperty("n");
  ann.send({ type: "tell", n: 3, to: ["Yve", "Zoe"], text: "nobody" });
  expect(ann.lines()).toMatchObject([
    { code, subject: "Yve", n: 3 },
    { code, subject: "Zoe", n: 3 },
    { type: "ack", n: 3 },
  ]);
});

test("a message to ALL and to names reaches each person once", () => {
  const rig = new Rig();
  const ann = rig.member("Ann");
  const ben = rig.member("Ben");
  const eve = rig.member("Eve", inRoom("den"));
  for (const one of [ann, ben, eve]) one.lines();
  ann.send({ type: "tell", n: 1, to: ["ALL", "ben", "Eve"], text: "hi" });
  const kinds = (one: typeof ann) => one.lines().map(({ type }) => type);
  expect([kinds(ann), kinds(ben), kinds(eve)]).toEqual([
    ["message", "ack"],
    ["message"],
    ["private"],
  ]);
});

test("what is said inside TLS fetches no file in plain text, except on this machine", () => {
  const started: string[] = [];
  const files: HubOptions["files"] = {
    list() {},
    transfer() {},
    download: (_session, name, { peer: { address } }) => void started.push(`${address} ${name}`),
    closed() {},
  };
  const rig = new Rig({ files });
  for (const [address, tls] of [
    ["127.0.0.1", true],
    ["198.51.100.7", false],
    ["198.51.100.8", true],
  ] as const) {
    const client = rig.client(openChatWithHelp, true, address);
    if (tls) Object.assign(client.session.peer, { tls });
    client.send(`Ann${started.length}`, "download_file a.txt");
    if (address.endsWith("8")) expect(client.text()).toContain("parley fetch-file");
  }
  expect(started).toEqual(["127.0.0.1 a.txt", "198.51.100.7 a.txt"]);
});
