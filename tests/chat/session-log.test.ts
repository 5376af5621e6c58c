// The server's log of users: connections, logins, departures with their reasons, refusals.

import { expect, test } from "bun:test";
import { keepingLog, type Logged } from "../silent-log.ts";
import { openChat } from "../../src/dialects/open-chat/open-chat.ts";
import { ratesFor } from "../../src/chat/rates/rate-budget.ts";
import { connections as limits, sender } from "../../src/limits.ts";
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
    "info connected address=198.51.100.7 dialect=native tls=false",
    "info logged in name=Ann address=198.51.100.7 dialect=native tls=false returned=false",
  ]);
  const ben = rig.client(openChat).send("Ben");
  expect(taken(logged).at(-1)).toBe(
    "info logged in name=Ben address=127.0.0.1 dialect=open-chat tls=false returned=false",
  );
  ann.close("lost");
  ben.close("quit");
  expect(taken(logged)).toEqual([
    "info left name=Ann address=198.51.100.7 dialect=native tls=false reason=lost",
    "info left name=Ben address=127.0.0.1 dialect=open-chat tls=false reason=quit",
  ]);
});

test("a client without a name disconnects instead of leaving, and nobody leaves twice", () => {
  const { rig, logged } = loggingRig();
  rig.client().close();
  expect(taken(logged)).toEqual([
    "info connected address=127.0.0.1 dialect=native tls=false",
    "info disconnected address=127.0.0.1 dialect=native tls=false reason=lost",
  ]);
  const ann = rig.member("Ann").send({ type: "bye" });
  ann.close();
  expect(taken(logged).slice(2)).toEqual([
    "info left name=Ann address=127.0.0.1 dialect=native tls=false reason=quit",
  ]);
});

test("a refused login is logged with the name and the reason", () => {
  const { rig, logged } = loggingRig();
  rig.member("Ann");
  taken(logged);
  rig.client().send({ type: "hello", version: 2, name: "ann" });
  expect(taken(logged)).toEqual([
    "info connected address=127.0.0.1 dialect=native tls=false",
    "info login refused name=ann address=127.0.0.1 dialect=native tls=false code=name-taken",
    "info disconnected address=127.0.0.1 dialect=native tls=false reason=refused",
  ]);
});

test("the log says why the server has closed a connection", () => {
  const { log, logged } = keepingLog();
  const rig = new Rig({ log, rates: ratesFor(sender.messagesPerSecond) });
  const reason = () => String(logged.splice(0).at(-1)?.fields["reason"]);
  rig.client();
  rig.pass(limits.loginTimeoutMs + 2_000, 1_000);
  expect(reason()).toBe("no-login");
  rig.client().send("x");
  expect(reason()).toBe("invalid");
  const ann = rig.member("Ann");
  for (let i = 0; i < 2 * sender.refusalBurst && !ann.link.ended; i++) ann.send({ type: "who" });
  expect(reason()).toBe("flooding");
  rig.member("Ben");
  rig.hub.stop("The server is stopping", rig.nowMs);
  expect(reason()).toBe("stopped");
});
