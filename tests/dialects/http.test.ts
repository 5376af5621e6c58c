// Requests of the HTTP dialect, and answers that servers on the network seldom give: malformed
// ones, and those of a store that fails.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { httpRooms } from "../../src/dialects/http/http-rooms.ts";
import { decodeRequest, encodeRequest } from "../../src/dialects/http/room-request.ts";
import type { StoreRequest } from "../../src/chat/turn/store.ts";
import { rights as limits } from "../../src/limits.ts";
import { FailingStore } from "../chat/failing-store.ts";
import { keyOf, owner } from "../chat/owner.ts";
import { keptBy, memberNames } from "../chat/inspect.ts";
import { inRoom, memoryAnswerer, Rig } from "../chat/rig.ts";

const http = httpRooms("epoch-1");

function tokenOf(rig: Rig): string {
  const made = rig.order("token builds");
  return String(made.ok ? made.rows?.[0]?.text : "");
}

test("a request survives a round trip, and any other text is refused", () => {
  const whose = { accessToken: "t", room: "lobby" };
  expect(decodeRequest(encodeRequest({ type: "post", ...whose, text: "hi" }))).toEqual({
    type: "post",
    ...whose,
    text: "hi",
    kind: undefined,
  });
  expect(decodeRequest(encodeRequest({ type: "listen", ...whose, since: "e:7" }))).toEqual({
    type: "listen",
    ...whose,
    since: { epoch: "e", seq: 7 },
  });
  expect(decodeRequest(encodeRequest({ type: "listen", ...whose, since: "junk" }))).toMatchObject({
    since: undefined,
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(decodeRequest(text)).toBeUndefined();
    }),
  );
  const client = new Rig().client(http).send("nonsense");
  expect(client.lines()).toEqual([{ status: 400 }, expect.objectContaining({ code: "protocol" })]);
  expect(client.link.ended).toBe(true);
});

test("unstored messages are not acknowledged", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const accessToken = tokenOf(rig);
  const post = encodeRequest({ type: "post", accessToken, room: "lobby", text: "hi" });
  store.full = true;
  const client = rig.client(http).send(post);
  const [head, body] = client.lines();
  expect(head).toMatchObject({ status: 503, retryAfter: expect.any(Number) });
  expect(body).toMatchObject({ code: "storage" });
  expect(client.link.ended).toBe(true);
  store.full = false;
  const records: string[] = [];
  store.tried = ({ sessions }) => records.push(...sessions.map(({ id }) => id));
  const again = rig.client(http).send(post);
  // A program that posts has no session to return to.
  expect(records).toEqual([]);
  expect(again.lines()).toEqual([{ status: 200 }, { room: "lobby", seq: 1 }]);
  again.close();
  client.close();
  expect(keptBy(rig.hub)).toMatchObject({ sessions: 0, rooms: 0, names: 0, batches: 0 });
});

test("a post is answered once it is stored, however late", () => {
  const store = new FailingStore();
  const rig = new Rig({}, store.answer);
  const accessToken = tokenOf(rig);
  const post = encodeRequest({ type: "post", accessToken, room: "lobby", text: "hi" });
  store.timing = ({ type }) => (type === "commit" ? "run-late" : "now");
  const clients = [rig.client(http).send(post), rig.client(http).send(post)];
  rig.pass(2_000, 100);
  expect(clients.map((client) => [client.text(), client.link.ended])).toEqual([
    ["", false],
    ["", false],
  ]);
  store.release(rig);
  for (const [i, client] of clients.entries()) {
    expect(client.lines()).toEqual([{ status: 200 }, { room: "lobby", seq: i + 1 }]);
    expect(client.link.ended).toBe(true);
  }
});

test("a listener is disconnected when the token expires", () => {
  const rig = new Rig();
  const made = rig.order("token builds --for 1m");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const ask = encodeRequest({ type: "listen", accessToken, room: "lobby" });
  const listener = rig.client(http).send(ask);
  expect(listener.text()).toContain("event: online");
  rig.pass(59_000, 1_000);
  expect(memberNames(rig.hub)).toEqual(["builds"]);
  rig.pass(3_000, 1_000);
  expect(memberNames(rig.hub)).toEqual([]);
  expect(listener.text()).toContain("The access token is no longer valid");
  expect(listener.link.ended).toBe(true);
});

test("a token listens only so often, however many listeners come at once", () => {
  const answer = memoryAnswerer();
  const waiting: StoreRequest[] = [];
  let isSlow = false;
  const rig = new Rig({}, (request) => {
    if (!isSlow) return answer(request);
    waiting.push(request);
    return undefined;
  });
  const ask = encodeRequest({ type: "listen", accessToken: tokenOf(rig), room: "lobby" });
  isSlow = true;
  const listeners = Array.from({ length: 2 * limits.listenersPerToken }, () =>
    rig.client(http).send(ask),
  );
  isSlow = false;
  for (const request of waiting) rig.hub.handleStore(answer(request)!, rig.nowMs);
  rig.settle();
  const refused = listeners.filter((one) => one.text().includes('"code":"full"'));
  expect(refused).toHaveLength(limits.listenersPerToken);
  listeners.find((one) => !refused.includes(one))?.close();
  expect(rig.client(http).send(ask).text()).toContain("event: online");
});

test("a token outlives a change of its name's password and a device, but not the account", () => {
  const rig = new Rig();
  const desk = owner(rig, "Ann", "desk");
  const made = rig.order("token Ann");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const listener = rig
    .client(http)
    .send(encodeRequest({ type: "listen", accessToken, room: "lobby" }));
  const posted = () => {
    const client = rig.client(http);
    client.send(encodeRequest({ type: "post", accessToken, room: "lobby", text: "hi" }));
    return client.text();
  };
  desk.send({ type: "set-password", password: "correct horse" });
  desk.send({ type: "set-password", password: "other horse" });
  desk.send({ type: "revoke", key: keyOf("desk") });
  expect(desk.lines().at(-1)).toMatchObject({ devices: [{ revoked: expect.anything() }] });
  expect([listener.link.ended, posted()]).toEqual([false, expect.stringContaining('"seq":1}')]);
  rig.order("forget Ann");
  expect(listener.link.ended).toBe(true);
  expect(posted()).toContain("wrong-token");
});

const thrice = <Value>(value: Value): Value[] => [value, value, value];

test("a token does what its person may do in a room", () => {
  const rig = new Rig();
  const accessToken = tokenOf(rig);
  const ask = { accessToken, room: "den" };
  const ann = rig.member("Ann", inRoom("den"));
  const answer = (request: Parameters<typeof encodeRequest>[0]) => {
    const client = rig.client(http).send(encodeRequest(request));
    const [head, body] = client
      .text()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    client.close();
    const { code } = JSON.parse(body ?? "{}") as { code?: string };
    return [(JSON.parse(head ?? "{}") as { status: number }).status, code];
  };
  const tried = () => [
    answer({ type: "post", ...ask, text: "hi" }),
    answer({ type: "read", ...ask, limit: 5 }),
    answer({ type: "listen", ...ask }),
  ];
  const done = [200, undefined];
  rig.order("mode den +i");
  expect(tried()).toEqual(thrice([403, "invite-only"]));
  rig.order("mode den -i+k secret");
  expect(tried()).toEqual(thrice([403, "room-key"]));
  rig.order("mode den -k+b * builds!*@*");
  expect(tried()).toEqual(thrice([403, "room-banned"]));
  rig.order("mode den -b+l builds!*@* 1");
  expect(tried()).toEqual([done, done, [429, "room-full"]]);
  rig.order("mode den -l+m");
  expect(tried()).toEqual([[403, "muted"], done, done]);
  ann.text();
  rig.order("mode den -m");
  expect(tried()).toEqual([done, done, done]);
});
