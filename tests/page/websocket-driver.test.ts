// The page's driver with a stand-in for the browser's WebSocket, in virtual time. No browser.

import { expect, jest, test } from "bun:test";
import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { client as limits } from "../../src/limits.ts";
import { WebSocketDriver } from "../../src/page/websocket-driver.ts";
import { PlayedSocket, playSockets } from "./played-socket.ts";

playSockets();

function connect() {
  const events: SessionEvent[] = [];
  const options = { name: "Ann", rooms: ["lobby"], secret: "a secret of Ann's", random: () => 0 };
  const session = new ClientSession(options);
  const driver = new WebSocketDriver(session, "ws://a/ws", (news) => events.push(...news));
  driver.start();
  const [socket = new PlayedSocket("")] = PlayedSocket.all;
  return { socket, driver, session, events };
}

test("a server that does not answer is given up in time, and may answer too late", () => {
  const { socket, session, events } = connect();
  jest.advanceTimersByTime(limits.connectTimeoutMs - 1);
  expect(events).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(events).toMatchObject([{ type: "offline", reason: "the server does not answer" }]);
  expect(socket.isClosed).toBe(true);
  socket.opens();
  expect(socket.sent).toEqual([]);
  session.leave();
});

test("a server that answers has time to welcome", () => {
  const { socket, session, events } = connect();
  jest.advanceTimersByTime(limits.connectTimeoutMs - 1);
  socket.opens();
  expect(socket.sent).toHaveLength(1);
  jest.advanceTimersByTime(1);
  expect(events).toEqual([]);
  expect(socket.isClosed).toBe(false);
  session.leave();
});

test("it sends nothing on a connection that the server is closing: browsers log that", () => {
  const { socket, session } = connect();
  socket.begin({
    name: "Ann",
    secret: "a secret of Ann's",
    epoch: "e",
    mail: 0,
    n: 0,
    recovered: true,
    rooms: [{ room: "lobby", seq: 0, recovered: true }],
  });
  socket.says({ type: "ping" });
  expect(socket.types).toEqual(["hello", "ping"]);
  socket.readyState = 2;
  socket.says({ type: "ping" });
  expect(socket.types).toEqual(["hello", "ping"]);
  session.leave();
});

test("it asks the balancer for another server once, and for any after that", () => {
  const { socket, driver, session } = connect();
  socket.opens();
  expect(driver.moveTo("not an address")).toBe(false);
  expect(driver.moveTo("[2001:db8::2]:55000")).toBe(true);
  expect(socket.isClosed).toBe(true);
  jest.advanceTimersByTime(limits.connectTimeoutMs);
  expect(driver.server).toBe("[2001:db8::2]:55000");
  // It leads there already, or not at all.
  expect(driver.moveTo("[2001:db8::2]:55000")).toBe(false);
  PlayedSocket.all[1]!.opens();
  PlayedSocket.all[1]!.dispatchEvent(new CloseEvent("close"));
  jest.advanceTimersByTime(limits.connectTimeoutMs);
  const [first, second, third] = PlayedSocket.all.map(({ url }) => url);
  expect([first, second, third]).toEqual([
    "ws://a/ws",
    "ws://a/ws?at=[2001:db8::2]:55000",
    "ws://a/ws",
  ]);
  expect(driver.server).toBe(undefined);
  session.leave();
});
