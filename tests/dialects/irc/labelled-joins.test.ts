// The answers to a labelled line for several rooms, while the store takes its time: the batch
// contains all of them, in whichever order they could be answered.

import { expect, test } from "bun:test";
import { FailingStore } from "../../chat/failing-store.ts";
import { IrcRig } from "./rig.ts";

const rigs = [
  ["one server", undefined],
  ["several servers", { roomOpened() {} }],
] as const;
const lines = [
  "JOIN #old,#full",
  "JOIN #full,#old",
  "JOIN #new,#old",
  "JOIN #new,#full",
  "JOIN #old,#new",
  "JOIN #new,#more,#full",
  "JOIN #old,#full,#new",
  "PART #own,#old",
  "PART #old,#own",
];

for (const [where, shared] of rigs) {
  test.each(lines)(`${where}: %s`, (line) => {
    const store = new FailingStore();
    const rig = new IrcRig({ shared }, store.answer);
    const ben = rig.irc("Ben");
    rig.room("#old", ben);
    rig.room("#full", ben);
    ben.send("MODE #full +l 1");
    const ann = rig.irc("Ann", "labeled-response batch message-tags");
    rig.room("#own", ann);
    store.timing = ({ type }) => (type === "commit" ? "reply-late" : "now");
    const [opening = "", ...more] = ann.ask(`@label=a ${line}`);
    while (store.waiting.length > 0) {
      store.releaseOne(rig);
      rig.settle();
    }
    const answers = [opening, ...more, ...ann.lines()].filter((one) => one !== "");
    const batch = /^@label=a :irc\.test BATCH \+(\w+) /.exec(answers[0] ?? "")?.[1];
    expect(answers.at(-1)).toBe(`:irc.test BATCH -${batch}`);
    for (const one of answers.slice(1, -1)) expect(one).toStartWith(`@batch=${batch} `);
    const rooms = line.split(" ")[1]!.split(",");
    for (const room of rooms) expect(answers.join("\n")).toContain(room);
  });
}
