// Counters of a session that two clients share: whoever has copied a secret, such as a duplicated
// tab, must not make the other's messages vanish.

import { expect, test } from "bun:test";
import { SendWindow } from "../../src/client/send-window.ts";

/** Sends what may be sent; returns number and text of each. */
function sendAll(window: SendWindow): string[] {
  const sent: string[] = [];
  for (let next = window.pollSend(); next !== undefined; next = window.pollSend()) {
    if (next.type === "say") sent.push(`${next.n} ${next.text}`);
  }
  return sent;
}

test("what was never sent is not taken for received, if another client has used the numbers", () => {
  const window = new SendWindow();
  window.handleWelcome(0, true);
  window.push("lobby", [], { text: "one" });
  expect(sendAll(window)).toEqual(["1 one"]);
  window.handleAck(1);
  window.handleLost();
  for (const text of ["two", "three"]) window.push("lobby", [], { text });
  // Meanwhile the other one has sent 2 to 5.
  expect(window.handleWelcome(5, false)).toBeUndefined();
  expect(sendAll(window)).toEqual(["6 two", "7 three"]);
});

test("what was sent and taken is not sent again, and the rest is", () => {
  const window = new SendWindow();
  window.handleWelcome(0, true);
  for (const text of ["one", "two"]) window.push("lobby", [], { text });
  expect(sendAll(window)).toEqual(["1 one", "2 two"]);
  window.handleLost();
  const third = window.push("lobby", [], { text: "three" });
  expect(window.handleWelcome(2, false)).toBe(third! - 1);
  expect(sendAll(window)).toEqual(["3 three"]);
  window.handleLost();
  // The server has not got it.
  expect(window.handleWelcome(2, false)).toBeUndefined();
  expect(sendAll(window)).toEqual(["3 three"]);
});
