// The window of a long list that is in the document.

import { expect, test } from "bun:test";
import { array, assert, constantFrom, nat, property } from "fast-check";
import {
  around,
  atEnd,
  earlier,
  followEnd,
  keepPlace,
  later,
  maxShown,
} from "../../src/page/list-window.ts";

test("a window never exceeds its maximum, whatever is scrolled and added", () => {
  const step = constantFrom("earlier", "later", "end", "around", "add", "trim");
  assert(
    property(array(step, { maxLength: 60 }), nat(6_000), (steps, start) => {
      let total = start;
      let window = atEnd(total);
      for (const name of steps) {
        if (name === "earlier") window = earlier(window);
        else if (name === "later") window = later(window, total);
        else if (name === "end") window = atEnd(total);
        else if (name === "around") {
          const at = Math.floor(total / 3);
          window = around(at, total);
          if (total > 0) expect(window.from <= at && at < window.to).toBe(true);
        } else if (name === "add") {
          const wasAtEnd = window.to >= total;
          total += 7;
          window = keepPlace(window, window.from, total, wasAtEnd);
        } else {
          const gone = Math.min(window.from, 50);
          total -= gone;
          window = keepPlace(window, window.from - gone, total, window.to >= total + gone);
        }
        expect(window.from).toBeGreaterThanOrEqual(0);
        expect(window.from).toBeLessThanOrEqual(window.to);
        expect(window.to).toBeLessThanOrEqual(total);
        expect(window.to - window.from).toBeLessThanOrEqual(maxShown);
      }
    }),
  );
});

test("scrolling to either end reaches it", () => {
  const total = 5_000;
  let window = atEnd(total);
  for (let i = 0; i < 200 && window.from > 0; i++) window = earlier(window);
  expect(window.from).toBe(0);
  for (let i = 0; i < 200 && window.to < total; i++) window = later(window, total);
  expect(window.to).toBe(total);
});

test("at the end, older entries that arrive late are shown up to a full window", () => {
  expect(followEnd(40, 45)).toEqual({ from: 0, to: 45 });
  expect(followEnd(1_000, 1_005)).toEqual(atEnd(1_005));
  expect(followEnd(-1, 1_000)).toEqual(atEnd(1_000));
  // A window longer than a new one stays unchanged until it is full.
  expect(followEnd(700, 700 + maxShown)).toEqual({ from: 700, to: 700 + maxShown });
  expect(followEnd(700, 701 + maxShown)).toEqual(atEnd(701 + maxShown));
});
