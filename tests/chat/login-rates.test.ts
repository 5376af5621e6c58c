// The rate of logins per network.

import { expect, test } from "bun:test";
import type { Dialect } from "../../src/chat/dialect.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { httpRooms } from "../../src/dialects/http/http-rooms.ts";
import { encodeRequest } from "../../src/dialects/http/room-request.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { connections as limits } from "../../src/limits.ts";
import { memberNames } from "./inspect.ts";
import { native, Rig } from "./rig.ts";

const rates = { messagesPerSecond: 100, bytesPerSecond: 1e6 };

function come(rig: Rig, dialect: Dialect, name: string, address: string) {
  const client = rig.client(dialect, true, address);
  client.text();
  return client.send(dialect === native ? { type: "hello", version: 2, name } : name);
}

/** A hub on which an address has used up its login burst. */
function crowded(address: string): Rig {
  const rig = new Rig({ rates });
  for (let i = 0; i < limits.loginBurst; i++) {
    come(rig, openChat, `p${i}`, address).send("{quit}");
  }
  return rig;
}

/** How long one login above the rate waits. */
const turnMs = 1_000 / limits.loginsPerSecond;

test("logins over an address's rate wait for their turn, in order, and delay nobody else", () => {
  for (const dialect of [native, openChat, selectChat, chatRoom, lineChat]) {
    const rig = crowded("192.0.2.1");
    const late = ["Ann", "Ben", "Cid"].map((name) => come(rig, dialect, name, "192.0.2.1"));
    expect(late.map(({ session }) => session.name)).toEqual(["", "", ""]);
    expect(come(rig, openChat, "Watcher", "192.0.2.2").session.name).toBe("Watcher");
    const arrived: string[] = [];
    while (rig.nowMs < 1_700_000_000_000 + 4 * turnMs) {
      rig.pass(10, 10);
      for (const { session } of late) {
        if (session.name !== "" && !arrived.includes(session.name)) arrived.push(session.name);
      }
    }
    expect(arrived).toEqual(["Ann", "Ben", "Cid"]);
  }
});

test("a login whose connection closes gives its turn to the next", () => {
  const rig = crowded("192.0.2.1");
  const gone = Array.from({ length: 50 }, (_, i) => come(rig, native, `Gone${i}`, "192.0.2.1"));
  const late = come(rig, native, "Late", "192.0.2.1");
  for (const client of gone) client.close();
  rig.pass(2 * turnMs, 10);
  expect(late.session.name).toBe("Late");
});

test("a login that would wait too long is told when to try again", () => {
  const rig = crowded("192.0.2.1");
  const inTime = (limits.loginsPerSecond * limits.loginTurnMs) / 1_000;
  const late = Array.from({ length: inTime + 50 }, (_, i) =>
    come(rig, native, `Late${i}`, "192.0.2.1"),
  );
  rig.pass(limits.loginTurnMs + 100, 10);
  const refused = late.filter(({ link }) => link.ended);
  expect(refused.length).toBeGreaterThan(40);
  expect(refused.length).toBeLessThan(60);
  expect(refused.at(-1)).toBe(late.at(-1));
  expect(refused[0]!.lines()[0]).toMatchObject({
    type: "error",
    code: "rate",
    message: "Too many logins from 192.0.2.1: try again in 8 s",
    retryAfterMs: limits.loginTurnMs,
    subject: `Late${late.indexOf(refused[0]!)}`,
  });
});

test("people who have proved an account before they log in count for their network, too", () => {
  const rig = crowded("192.0.2.1");
  const member = rig.client(native, true, "192.0.2.1");
  member.session.prove({ key: undefined, account: "ann", isDevice: false });
  member.send({ type: "hello", version: 2, name: "Ann" });
  expect(memberNames(rig.hub)).toEqual([]);
  rig.pass(2 * turnMs, 10);
  expect(memberNames(rig.hub)).toEqual(["Ann"]);
});

test("programs that listen by a token count, and are told when to try again", () => {
  const rig = crowded("192.0.2.1");
  const made = rig.order("token Bot");
  const accessToken = String(made.ok ? made.rows?.[0]?.text : "");
  const listen = () => {
    const client = rig.client(httpRooms("epoch-1"), true, "192.0.2.1");
    return client.send(encodeRequest({ type: "listen", accessToken, room: "lobby" })).text();
  };
  expect(listen()).toContain('"status":429');
  expect(memberNames(rig.hub)).toEqual([]);
  rig.pass(2 * turnMs, 10);
  listen();
  expect(memberNames(rig.hub)).toEqual(["Bot"]);
});

test("loopback, and a server without rates, has no login limit", () => {
  for (const [options, address] of [
    [{ rates }, "127.0.0.1"],
    [{ rates }, "::1"],
    [{}, "192.0.2.1"],
  ] as const) {
    const rig = new Rig(options);
    for (let i = 0; i < 5 * limits.loginBurst; i++) come(rig, openChat, `p${i}`, address);
    expect(memberNames(rig.hub).length).toBe(5 * limits.loginBurst);
  }
});

test("the networks of one /48 log in at the rate of eight", () => {
  const rig = new Rig({ rates });
  for (let i = 0; i < 10 * limits.loginBurst; i++) {
    come(rig, openChat, `p${i}`, `2001:db8:1:${i.toString(16)}::1`);
  }
  expect(memberNames(rig.hub)).toHaveLength(8 * limits.loginBurst);
});
