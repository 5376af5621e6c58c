// The page's session, with stand-ins for the browser's WebSocket, in virtual time.

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SessionEvent } from "../../src/client/events.ts";
import { reduce } from "../../src/page/reducer.ts";
import { SessionController } from "../../src/page/session-controller.ts";
import { initialState, type State } from "../../src/page/state.ts";
import { PlayedSocket, playSockets } from "./played-socket.ts";

playSockets();

const names = ["document", "location"] as const;
const before = names.map((name) => Object.getOwnPropertyDescriptor(globalThis, name));

function define(name: string, given: PropertyDescriptor | undefined): void {
  if (given === undefined) Reflect.deleteProperty(globalThis, name);
  else Object.defineProperty(globalThis, name, given);
}

beforeAll(() => {
  define("document", { configurable: true, value: new EventTarget() });
  define("location", { configurable: true, value: { protocol: "http:", host: "parley.test" } });
});

afterAll(() => {
  for (const [i, name] of names.entries()) define(name, before[i]);
});

const session = {
  name: "Ann",
  secret: "s".repeat(22),
  epoch: "e",
  mail: 0,
  n: 0,
  recovered: true,
  rooms: [],
};
const shared = { type: "admin", command: "shared" } as const;

test("what the page asked for fails when the server ends the session, not only with the next one", async () => {
  let state: State = initialState;
  const controller = new SessionController(
    (action) => void (state = reduce(state, action)),
    () => state,
    () => {},
  );
  controller.login({ name: "Ann", rooms: [], accessWord: "" });
  const socket = PlayedSocket.all.at(-1)!;
  socket.begin(session);
  const asked = controller.own.ask(shared);
  kick(socket);
  await expect(asked).rejects.toThrow("You are offline.");
});

function kick(socket: PlayedSocket): void {
  socket.says({ type: "bye", code: "kicked", reason: "Out" });
}

test("files on their way to a room are stopped with the session, or before somebody else's begins", () => {
  let state: State = initialState;
  let stopped = 0;
  const controller = new SessionController(
    (action) => void (state = reduce(state, action)),
    () => state,
    () => {},
  );
  controller.uploads = { disconnect: () => void stopped++ };
  const begin = (name: string): PlayedSocket => {
    controller.login({ name, rooms: [], accessWord: "" });
    const socket = PlayedSocket.all.at(-1)!;
    socket.begin({ ...session, name });
    stopped = 0;
    return socket;
  };
  kick(begin("Ann"));
  controller.login({ name: "ann", rooms: [], accessWord: "" });
  expect(stopped).toBe(0);
  kick(begin("Ann"));
  controller.login({ name: "Eve", rooms: [], accessWord: "" });
  expect(stopped).toBe(1);
  begin("Eve");
  controller.disconnect();
  expect(stopped).toBe(1);
});

test("a search that one session leaves open takes no error of the next one", () => {
  let state: State = initialState;
  const controller = new SessionController(
    (action) => void (state = reduce(state, action)),
    () => state,
    () => {},
  );
  const begin = (): PlayedSocket => {
    controller.login({ name: "Ann", rooms: ["den"], accessWord: "" });
    const socket = PlayedSocket.all.at(-1)!;
    socket.begin({ ...session, rooms: [{ room: "den", seq: 0, recovered: true }] });
    return socket;
  };
  const first = begin();
  controller.finder.search("tea");
  const open = first.sent.at(-1)!.ref!;
  kick(first);
  expect(state.search).toBeUndefined();
  const second = begin();
  let ref = 0;
  while (ref < open) ref = controller.rename("Bea") ?? open;
  expect(ref).toBe(open);
  state = reduce(state, { type: "renaming", renaming: { ref, problem: "" } });
  second.says({ type: "error", code: "name-taken", message: "It is taken", ref });
  expect(state.renaming?.problem).toBe("It is taken");
});

test("a request that one session leaves open fails, and takes no answer of the next one", async () => {
  let state: State = initialState;
  const heard: SessionEvent[] = [];
  const controller = new SessionController(
    (action) => void (state = reduce(state, action)),
    () => state,
    (events) => void heard.push(...events),
  );
  const begin = (): PlayedSocket => {
    controller.login({ name: "Ann", rooms: [], accessWord: "" });
    const socket = PlayedSocket.all.at(-1)!;
    socket.begin(session);
    return socket;
  };
  const first = begin();
  const asked = controller.own.ask(shared);
  const open = first.sent.at(-1)!.ref!;
  controller.disconnect();
  const second = begin();
  await expect(asked).rejects.toThrow("You are offline.");
  let ref = 0;
  while (ref < open) ref = controller.rename("Bea") ?? open;
  expect(ref).toBe(open);
  second.says({ type: "error", code: "name-taken", message: "It is taken", ref });
  expect(heard.at(-1)).toMatchObject({ type: "error", code: "name-taken" });
});
