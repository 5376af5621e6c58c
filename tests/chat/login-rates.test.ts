// The rate of logins per network.

import { expect, test } from "bun:test";
import type { Dialect } from "../../src/chat/dialect.ts";
import { chatRoom } from "../../src/dialects/chat-room.ts";
import { lineChat } from "../../src/dialects/line-chat.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../src/dialects/select-chat.ts";
import { connections as limits } from "../../src/limits.ts";
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

test("logins over an address's rate are told when to retry", () => {
  const rig = crowded("192.0.2.1");
  const watcher = come(rig, openChat, "Watcher", "192.0.2.2");
  watcher.text();
  const late = come(rig, native, "Late", "192.0.2.1");
  const [refusal] = late.lines();
  expect(refusal).toMatchObject({ type: "error", code: "rate", subject: "Late" });
  expect(refusal!["message"]).toContain("192.0.2.1: try again in 1 s");
  expect(late.link.ended).toBe(true);
  expect(watcher.text()).toBe("");
  rig.pass(refusal!["retryAfterMs"] as number);
  expect(come(rig, native, "Late", "192.0.2.1").lines()[0]).toMatchObject({ type: "welcome" });
  expect(come(rig, native, "Late2", "192.0.2.1").lines()[0]).toMatchObject({ type: "error" });
});

test("classic dialects say so in one sentence and accept the next attempt", () => {
  for (const dialect of [openChat, selectChat, chatRoom, lineChat]) {
    const rig = crowded("192.0.2.1");
    const late = come(rig, dialect, "Late", "192.0.2.1");
    expect(late.text()).toContain("try again in 1 s");
    expect(late.link.ended).toBe(false);
    rig.pass(1_000);
    late.send("Late");
    expect(late.session.name).toBe("Late");
  }
});

test("loopback, and a server without rates, has no login limit", () => {
  for (const [options, address] of [
    [{ rates }, "127.0.0.1"],
    [{ rates }, "::1"],
    [{}, "192.0.2.1"],
  ] as const) {
    const rig = new Rig(options);
    for (let i = 0; i < 5 * limits.loginBurst; i++) come(rig, openChat, `p${i}`, address);
    expect(rig.hub.memberNames().length).toBe(5 * limits.loginBurst);
  }
});

test("the networks of one /48 log in as eight would", () => {
  const rig = new Rig({ rates });
  for (let i = 0; i < 10 * limits.loginBurst; i++) {
    come(rig, openChat, `p${i}`, `2001:db8:1:${i.toString(16)}::1`);
  }
  expect(rig.hub.memberNames()).toHaveLength(8 * limits.loginBurst);
});
