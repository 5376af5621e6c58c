// Which way a registry is asked, against servers that follow a script.

import { afterEach, expect, test } from "bun:test";
import { encodeBridge, encodeBridgeAck } from "../../src/cpp/codec.ts";
import { ParleyError } from "../../src/errors.ts";
import { Deadline } from "../../src/io/dial.ts";
import { RegistryClient, type RegistrySession } from "../../src/io/registry-client.ts";
import type { Access } from "../../src/protocol/messages.ts";

let closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A client of a registry that says this to every connection, and the requests that it gets. */
function clientOf(says: string, ask: RegistrySession["askRegistry"], access?: Access) {
  const heard: string[] = [];
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        heard.push(bytes.toString());
        socket.end(says);
      },
    },
  });
  const deadline = new Deadline(60_000);
  closing.push(
    () => listener.stop(true),
    () => deadline.cancel(),
  );
  const server = { host: "127.0.0.1", port: listener.port, access };
  const client = new RegistryClient(server, { askRegistry: ask, close() {} });
  return { client, heard, deadline, ask: () => client.ask(encodeBridge("Ann"), deadline) };
}

const nobody = { message: { type: "BRIDGEACK" } };
const answered = async () => ({ answer: encodeBridgeAck(), from: "192.0.2.1" });
const never = (): never => {
  throw new Error("no session is needed");
};

test("an open registry is asked over connections of its own, whatever it refuses", async () => {
  const open = clientOf(encodeBridgeAck(), never);
  expect(await open.ask()).toMatchObject({ answer: nobody, from: "127.0.0.1" });
  expect([open.heard, open.client.usesSession]).toEqual([[encodeBridge("Ann")], false]);
  const refusing = clientOf("banned: You are banned from this server\n", never);
  expect(await refusing.ask()).toMatchObject({
    answer: { failed: "You are banned from this server", isRefused: true },
  });
  expect(refusing.client.usesSession).toBe(false);
});

test("words that are no refusal are quoted, and those of a refusal shown without what moves the cursor", async () => {
  const web = clientOf("HTTP/1.1 400 Bad Request\r\n\r\n", never);
  expect((await web.ask()).answer).toEqual({
    failed: expect.stringMatching(/^the registry's answer is not CPP: 'HTTP\/1.1 400 Bad Request'/),
  });
  const hostile = clientOf(`banned: \u001b[2J${"x".repeat(5000)}\n`, never);
  const { answer } = await hostile.ask();
  expect(answer).toEqual({ failed: "x".repeat(300), isRefused: true });
});

test.each(["password-required: Words", "members-only: Other words"])(
  "%s: from then on the session is used",
  async (text) => {
    const closed = clientOf(`${text}\n`, answered);
    for (let i = 0; i < 2; i++) {
      expect(await closed.ask()).toEqual({ answer: nobody, from: "192.0.2.1" } as never);
    }
    expect([closed.heard.length, closed.client.usesSession]).toEqual([1, true]);
  },
);

test.each([{ pass: "abc" }, { serverPassword: "abc" }])(
  "with %o nothing is asked in another way",
  async (access) => {
    const closed = clientOf("", answered, access);
    expect(await closed.ask()).toEqual({ answer: nobody, from: "192.0.2.1" } as never);
    expect(closed.heard).toEqual([]);
  },
);

test("what fails in the session is said, and whether it was a refusal", async () => {
  const access = { pass: "abc" };
  const failing = (error: ParleyError) => clientOf("", () => Promise.reject(error), access).ask();
  const refused = await failing(new ParleyError("members-only", "The pass is not valid"));
  expect(refused.answer).toEqual({ failed: "The pass is not valid", isRefused: true });
  const lost = await failing(new ParleyError("cannot-connect", "It is gone"));
  expect(lost.answer).toEqual({ failed: "It is gone", isRefused: false });
  const odd = clientOf("", async () => ({ answer: "HELLO\n", from: "" }), access);
  expect((await odd.ask()).answer).toMatchObject({ failed: expect.stringContaining("not CPP") });
  const cut = clientOf("", async () => ({ answer: "BRIDGEACK\r\n", from: "" }), access);
  expect((await cut.ask()).answer).toMatchObject({ failed: expect.stringContaining("not CPP") });
});

test("a session that does not answer is not waited for", async () => {
  const silent = clientOf("", () => new Promise(() => {}), { pass: "abc" });
  const asked = silent.ask();
  silent.deadline.shorten(0);
  expect((await asked).answer).toMatchObject({ failed: expect.stringContaining("in time") });
});
