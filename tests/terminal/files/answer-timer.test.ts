// How long a program waits for somebody to answer its offer of files.

import { expect, test } from "bun:test";
import type { ParleyError } from "../../../src/errors.ts";
import { AnswerTimer } from "../../../src/terminal/files/answer-timer.ts";

/** An offer that ends when it is cancelled. */
function openOffer() {
  const over = Promise.withResolvers<void>();
  return {
    over: over.promise,
    cancel: (reason: ParleyError) => over.reject(reason),
    end: () => over.resolve(),
  };
}

const offered = { files: 1, size: 1, names: ["a"] };

test("an offer that nobody answers is given up, also one for the shared folder", async () => {
  const timer = new AnswerTimer(10);
  const offer = openOffer();
  const outcome = timer.over(offer, "The server").catch((error: ParleyError) => error);
  timer.handleEvent({ event: "sharing", room: undefined, ...offered });
  expect(await outcome).toMatchObject({
    code: "stalled",
    message: expect.stringMatching(/^The server has not answered for /),
  });
});

test("once it is answered, it may take as long as it takes", async () => {
  const timer = new AnswerTimer(10);
  const offer = openOffer();
  const outcome = timer.over(offer, "'Bob'");
  timer.handleEvent({ event: "accepted", to: "Bob" });
  // One that waits as long from now on has given up.
  const unanswered = openOffer();
  await expect(new AnswerTimer(10).over(unanswered, "'Cal'")).rejects.toThrow("not answered");
  offer.end();
  expect(await outcome).toBeUndefined();
});

test("a program that was stopped reads what has come meanwhile before it gives up", async () => {
  const timer = new AnswerTimer(10);
  const offer = openOffer();
  const outcome = timer.over(offer, "'Bob'");
  setTimeout(() => {
    timer.handleEvent({ event: "accepted", to: "Bob" });
    offer.end();
  }, 11);
  Bun.sleepSync(1_100);
  expect(await outcome).toBeUndefined();
});
