// Counters of a session that two clients share: a client with a copied secret, such as a duplicated
// tab, must not make the other's messages disappear.

import { expect, test } from "bun:test";
import { SendWindow } from "../../src/client/send-window.ts";

/** Sends everything that may be sent; returns number and text of each message. */
function sendAll(window: SendWindow): string[] {
  const sent: string[] = [];
  for (let next = window.pollSend(); next !== undefined; next = window.pollSend()) {
    if (next.type === "say") sent.push(`${next.n} ${next.text}`);
  }
  return sent;
}

test("unsent messages do not count as received if another client has used their numbers", () => {
  const window = new SendWindow();
  window.handleWelcome(0, true);
  window.push("lobby", [], { text: "one" });
  expect(sendAll(window)).toEqual(["1 one"]);
  window.handleAck(1);
  window.handleLost();
  for (const text of ["two", "three"]) window.push("lobby", [], { text });
  // Meanwhile the other client has sent 2 to 5.
  expect(window.handleWelcome(5, false).last).toBeUndefined();
  expect(sendAll(window)).toEqual(["6 two", "7 three"]);
});

test("accepted messages are not sent again, the others are", () => {
  const window = new SendWindow();
  window.handleWelcome(0, true);
  for (const text of ["one", "two"]) window.push("lobby", [], { text });
  expect(sendAll(window)).toEqual(["1 one", "2 two"]);
  window.handleLost();
  const third = window.push("lobby", [], { text: "three" });
  expect(window.handleWelcome(2, false).last).toBe(third! - 1);
  expect(sendAll(window)).toEqual(["3 three"]);
  window.handleLost();
  // The server has not received it.
  expect(window.handleWelcome(2, false).last).toBeUndefined();
  expect(sendAll(window)).toEqual(["3 three"]);
});

test("what was refused is not taken for the same words from another tab", () => {
  const window = new SendWindow();
  window.handleWelcome(0, true);
  const tell = (text: string) => window.push(undefined, ["Bob"], { text });
  for (const text of ["told", "refused", "refused while away"]) tell(text);
  while (window.pollSend() !== undefined);
  const error = { type: "error", code: "unknown-user", message: "Nobody is called Bob" } as const;
  window.handleRefusal(2, error, 0);
  window.handleLost();
  window.handleWelcome(3, false, [{ first: 3, last: 3, code: error.code, message: error.message }]);
  const seen = ["told", "told", "refused", "refused while away"].map((text) =>
    window.hasSent("bob", text),
  );
  expect(seen).toEqual([true, false, false, false]);
});
