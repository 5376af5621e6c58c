// What people are told about changes to a room.

import { expect, test } from "bun:test";
import { changeSentence, writtenChangeSentence } from "../../../src/chat/rooms/change-sentence.ts";
import { changesText, readChanges } from "../../../src/chat/rooms/room-change.ts";

function told(change: string): string {
  return writtenChangeSentence("Ann", "den", change);
}

test("every change has a sentence without letters of modes", () => {
  const sentences = {
    "+o Bob": "Bob is an operator of den now (set by Ann)",
    "-o Bob": "Bob is no longer an operator of den (set by Ann)",
    "+v Bob": "Bob may write in den now, even while it is moderated (set by Ann)",
    "-v Bob": "Bob may no longer write in den while it is moderated (set by Ann)",
    "+i": "den can only be entered by invitation now (set by Ann)",
    "-i": "den can be entered without an invitation now (set by Ann)",
    "+m": "den is moderated now: only operators, and people whom they let speak, may write (set by Ann)",
    "-m": "den is no longer moderated (set by Ann)",
    "+n": "den takes messages only from people in it now (set by Ann)",
    "-n": "den takes messages from outside now (set by Ann)",
    "+s": "den is only shown to the people in it now (set by Ann)",
    "-s": "den is shown to everybody now (set by Ann)",
    "+t": "den lets only operators change its topic now (set by Ann)",
    "-t": "den lets everybody in it change its topic now (set by Ann)",
    "+k tea": "den can only be entered with the key 'tea' now (set by Ann)",
    "-k *": "den can be entered without a key now (set by Ann)",
    "+l 5": "den can't be entered now while 5 people are in it (set by Ann)",
    "-l": "den has no limit of people any more (set by Ann)",
    "+b eve!*@*": "eve!*@* is banned from den (set by Ann)",
    "-b eve!*@*": "eve!*@* is no longer banned from den (set by Ann)",
    "+o-t Bob":
      "Bob is an operator of den now; den lets everybody in it change its topic now (set by Ann)",
  };
  for (const [change, sentence] of Object.entries(sentences)) {
    expect(told(change)).toBe(sentence);
    const [letters = "", ...args] = change.split(" ");
    const { changes } = readChanges(letters, args, 9);
    expect(changeSentence("Ann", "den", changes)).toBe(sentence);
    expect(changesText(changes)).toBe(change);
  }
});

test("what a newer server may send is shown as it is, and harmless", () => {
  expect(told("+zo Bob")).toBe("Ann has set +zo Bob in den");
  expect(told("+o")).toBe("Ann has set +o in den");
  expect(told("")).toBe("Ann has set  in den");
  expect(told("+o \u001b[31mBob")).toBe("Bob is an operator of den now (set by Ann)");
  expect(writtenChangeSentence("\u001b[1mAnn", "d\u0007en", "+q\u001b[0m")).toBe(
    "Ann has set +q in den",
  );
});
