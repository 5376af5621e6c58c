// A download's control connection passes on everything that concerns transfers.

import { expect, jest, spyOn, test } from "bun:test";
import { ControlClient } from "../../src/files/control-client.ts";
import { fetching as limits } from "../../src/limits.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import type { TransferMessage } from "../../src/protocol/messages.ts";
import type { Piece } from "../../src/transfer/piece.ts";
import { welcome } from "../protocol/welcome.ts";
import { until } from "../until.ts";

const messages: readonly TransferMessage[] = [
  { type: "tags", transfer: 1, from: 0, data: "" },
  { type: "digest", transfer: 1, sha256: "0".repeat(64) },
  // Without this one, a file that has changed would be saved as zeros.
  { type: "gone", transfer: 1, file: 2 },
  { type: "error", code: "storage", message: "The disk reports an error", transfer: 1 },
];

test("a pass for one person admits all connections of a program", async () => {
  const hellos: Record<string, unknown>[] = [];
  const data = (socket: Bun.Socket<undefined>, bytes: Buffer) => {
    hellos.push(JSON.parse(bytes.toString().split("\n", 1)[0] ?? ""));
    socket.write(`${JSON.stringify(welcome())}\n`);
  };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
  const server = { host: "127.0.0.1", port: listener.port };
  for (const access of [{ pass: "code" }, { pass: "code" }, { serverPassword: "x" }]) {
    const control = await ControlClient.connect({ ...server, access });
    await control.admitted();
    control.close();
  }
  listener.stop(true);
  const [first, again, other] = hellos.map(({ secret }) => secret);
  expect(first).toMatch(/^[\x21-\x7e]{16,128}$/);
  expect([again, other]).toEqual([first, undefined]);
});

test("silence of a person is no loss: they may be asleep", async () => {
  let looked = 0;
  const link = {
    isSecured: false,
    exportedKey: () => undefined,
    send() {},
    waitingBytes: 0,
    checkAlive: () => void looked++,
    end() {},
  };
  const control = ControlClient.over(link, "Ann");
  control.checkAlive(1);
  await until(() => {
    control.checkAlive(1);
    return looked > 1;
  });
  expect(control.isClosed).toBe(false);
  control.close();
});

test("however long a person is asleep, the channel to them stays in use", () => {
  jest.useFakeTimers();
  const now = spyOn(performance, "now");
  try {
    now.mockReturnValue(0);
    const person = ControlClient.over({ ...silent, checkAlive() {} }, "Ann");
    const server = ControlClient.over(silent, "here");
    now.mockReturnValue(limits.pingAfterMs + limits.answerTimeoutMs + 1);
    jest.advanceTimersByTime(limits.pingAfterMs);
    expect([person.isClosed, server.isClosed]).toEqual([false, true]);
    person.close();
  } finally {
    now.mockRestore();
    jest.useRealTimers();
  }
});

test("a server that is slow to check a password is not lost; one that no longer answers is", async () => {
  const connected = Promise.withResolvers<Bun.Socket<undefined>>();
  const data = (socket: Bun.Socket<undefined>) => connected.resolve(socket);
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data } });
  const server = { host: "127.0.0.1", port: listener.port };
  const control = await ControlClient.connect({ ...server, access: { serverPassword: "x" } });
  const socket = await connected.promise;
  control.checkAlive(1);
  // Timers of the same length run in order.
  await new Promise((resolve) => setTimeout(resolve, 1));
  socket.write(`${JSON.stringify(welcome())}\n`);
  await control.admitted();
  control.checkAlive(1);
  expect((await control.lost).message).toContain("no longer answers");
  listener.stop(true);
});

/** A link over which nothing ever comes. */
const silent = {
  isSecured: false,
  exportedKey: () => undefined,
  send() {},
  waitingBytes: 0,
  end() {},
};

function controlHere(): ControlClient {
  return ControlClient.over(silent, "here");
}

test("an offer that comes too late is given back, so that it occupies no place at the server", () => {
  const sent: object[] = [];
  const link = {
    isSecured: false,
    exportedKey: () => undefined,
    send: (text: string) => void sent.push(JSON.parse(text)),
    waitingBytes: 0,
    end() {},
  };
  const control = ControlClient.over(link, "here");
  const shape = { modified: 0, chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 1_200 };
  const about = { transfer: 7, name: "file", size: 10, version: "v1", ref: 99 };
  control.receive(encodeServer({ type: "offer", ...about, ...shape }).trimEnd());
  expect(sent).toEqual([{ type: "fetched", transfer: 7 }]);
  control.close();
});

test("an error that comes too late is nobody's, and the connection stays in use", async () => {
  jest.useFakeTimers();
  try {
    const control = ControlClient.over(silent, "here");
    const asked = control.request({ type: "take-calls", id: "Ann", again: [], time: 0 });
    // Something else arrives meanwhile.
    jest.advanceTimersByTime(limits.answerTimeoutMs / 2);
    control.receive('{"type":"pong"}');
    jest.advanceTimersByTime(limits.answerTimeoutMs / 2 + 1);
    await expect(asked).rejects.toMatchObject({ code: "stalled" });
    control.receive('{"type":"error","code":"storage","message":"No database","ref":1}');
    expect(control.isClosed).toBe(false);
    control.receive('{"type":"error","code":"kicked","message":"You were removed"}');
    expect(control.isClosed).toBe(true);
  } finally {
    jest.useRealTimers();
  }
});

test("what was pulled comes as bytes, in whatever form it was sent, and not once it is closed", () => {
  const control = controlHere();
  const heard: Piece[] = [];
  control.onPiece = (piece) => heard.push({ ...piece, bytes: Uint8Array.from(piece.bytes) });
  const data = { type: "data", transfer: 1, offset: 0, data: "AQID" } as const;
  control.receive(encodeServer(data).trimEnd());
  const piece = { transfer: 1, offset: 3, bytes: Uint8Array.of(4, 5) };
  control.receivePiece(piece);
  control.close();
  control.receivePiece(piece);
  expect(heard).toEqual([{ transfer: 1, offset: 0, bytes: Uint8Array.of(1, 2, 3) }, piece]);
});

test.each(messages.map((message) => [message.type, message] as const))("%s", (_, message) => {
  const control = controlHere();
  const heard: TransferMessage[] = [];
  control.onTransferMessage = (one) => heard.push(one);
  control.receive(encodeServer(message).trimEnd());
  control.close();
  expect(heard).toMatchObject([message]);
});
