// The end of an attempt that the page before has left, with stand-ins for the browser's WebSocket,
// in virtual time.

import { expect, jest, test } from "bun:test";
import { client as limits } from "../../src/limits.ts";
import { endAttempt } from "../../src/page/code/reloaded.ts";
import { PlayedSocket, playSockets } from "./played-socket.ts";

playSockets();

const offer = "EBESExQVFhcYGRobHB0eHw";
const joined = { type: "code-joined", offer, here: true };

test("the server is told that it is over, and left", () => {
  endAttempt("ws://a/ws", { offer, number: 7, isSaving: true });
  const [socket] = PlayedSocket.all;
  const request = socket!.begin();
  expect(request).toMatchObject({ type: "join-code", offer, number: 7 });
  socket!.says({ ...joined, ref: request.ref });
  expect(socket!.types.slice(2)).toEqual(["end-files", "bye"]);
  expect(socket!.isClosed).toBe(true);
});

test("so is the server that has the code, if the balancer has led to another one", () => {
  endAttempt("ws://a/ws", { offer, number: 7, isSaving: true });
  const { ref } = PlayedSocket.all[0]!.begin();
  const elsewhere = { code: "elsewhere", message: "It is at another server", at: "b:1" };
  PlayedSocket.all[0]!.says({ type: "error", ...elsewhere, ref });
  expect(PlayedSocket.all[0]!.types).toEqual(["hello", "join-code"]);
  jest.advanceTimersByTime(limits.connectTimeoutMs);
  const other = PlayedSocket.all[1];
  expect(other?.url).toBe("ws://a/ws?at=b:1");
  const request = other!.begin();
  other!.says({ ...joined, ref: request.ref });
  expect(other!.types).toEqual(["hello", "join-code", "end-files", "bye"]);
  jest.advanceTimersByTime(limits.connectTimeoutMs);
  expect(PlayedSocket.all.length).toBe(2);
});

test("a server that does not know the code, or is lost, is left alone", () => {
  for (const isLost of [false, true]) {
    endAttempt("ws://a/ws", { offer, number: 7, isSaving: true });
    const socket = PlayedSocket.all.at(-1)!;
    const { ref } = socket.begin();
    if (isLost) socket.dispatchEvent(new CloseEvent("close"));
    else socket.says({ type: "error", code: "not-found", message: "There is none", ref });
    expect(socket.types).not.toContain("end-files");
  }
  jest.advanceTimersByTime(limits.connectTimeoutMs);
  expect(PlayedSocket.all.length).toBe(2);
});
