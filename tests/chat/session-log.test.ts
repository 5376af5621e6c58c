// The server's log of people: connected, logged in, left and why, refused.

import { expect, test } from "bun:test";
import { keepingLog, type Logged } from "../silent-log.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { Rig } from "./rig.ts";

function loggingRig(): { rig: Rig; logged: Logged[] } {
  const { log, logged } = keepingLog();
  return { rig: new Rig({ log }), logged };
}

/** Log lines since the last call. */
function taken(logged: Logged[]): string[] {
  return logged.splice(0).map(({ level, message, fields: { port, ...fields } }) => {
    expect(port).toBeNumber();
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
    return [level, message, ...shown.map(([name, value]) => `${name}=${value}`)].join(" ");
  });
}

test("connecting, logging in and leaving are logged with address and dialect", () => {
  const { rig, logged } = loggingRig();
  const ann = rig.member("Ann", {}, "198.51.100.7");
  expect(taken(logged)).toEqual([
    "info connected address=198.51.100.7 dialect=native",
    "info logged in name=Ann address=198.51.100.7 dialect=native returned=false",
  ]);
  const ben = rig.client(openChat).send("Ben");
  expect(taken(logged).at(-1)).toBe(
    "info logged in name=Ben address=127.0.0.1 dialect=open-chat returned=false",
  );
  ann.close("lost");
  ben.close("quit");
  expect(taken(logged)).toEqual([
    "info left name=Ann address=198.51.100.7 dialect=native reason=lost",
    "info left name=Ben address=127.0.0.1 dialect=open-chat reason=quit",
  ]);
});

test("a client without a name disconnects instead of leaving, and nobody leaves twice", () => {
  const { rig, logged } = loggingRig();
  rig.client().close();
  expect(taken(logged)).toEqual([
    "info connected address=127.0.0.1 dialect=native",
    "info disconnected address=127.0.0.1 dialect=native",
  ]);
  const ann = rig.member("Ann").send({ type: "bye" });
  ann.close();
  expect(taken(logged).slice(2)).toEqual([
    "info left name=Ann address=127.0.0.1 dialect=native reason=quit",
  ]);
});

test("a refused login is logged with the name and the reason", () => {
  const { rig, logged } = loggingRig();
  rig.member("Ann");
  taken(logged);
  rig.client().send({ type: "hello", version: 2, name: "ann" });
  expect(taken(logged)).toEqual([
    "info connected address=127.0.0.1 dialect=native",
    "info login refused name=ann address=127.0.0.1 dialect=native code=name-taken",
  ]);
});
