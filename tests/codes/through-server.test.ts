// Files by code through a malicious server: what it sees, what it can do with it, and that each
// of its lies costs it the code.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CodeDoor, type DoorState } from "../../src/codes/code-door.ts";
import { LinkedGuest } from "../../src/codes/linked-guest.ts";
import { LinkedSender } from "../../src/codes/linked-sender.ts";
import type { ParleyError } from "../../src/errors.ts";
import { ControlClient } from "../../src/files/control-client.ts";
import { DownloadClient } from "../../src/files/download-client.ts";
import { codeStepIn } from "../../src/handover/frames.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { CodeGuest, CodeHost } from "../../src/tls/code-exchange.ts";
import { testFolder } from "../test-folder.ts";
import { type Lies, LyingServer } from "./lying-server.ts";
import { until } from "../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("through");

const secretName = "very-secret-name.txt";
const path = join(base, secretName);
writeFileSync(path, "a very secret text ".repeat(1_000));

const code = { number: 7, words: "olive-lamp" };

type SenderOptions = Parameters<typeof LinkedSender.open>[0];

async function senderAt(
  server: LyingServer,
  options: Partial<SenderOptions> = {},
): Promise<LinkedSender> {
  return await LinkedSender.open({
    server: { host: "127.0.0.1", port: server.port },
    folder: await OfferedFolder.of([path]),
    isDirectAllowed: true,
    onPath() {},
    onProgress() {},
    onInterrupted() {},
    onDone() {},
    onFailed() {},
    ...options,
  });
}

async function meet(lies: Lies = {}, words = code.words) {
  const server = new LyingServer(lies);
  const address = { host: "127.0.0.1", port: server.port };
  const states: DoorState[] = [];
  const sent = Promise.withResolvers<string>();
  const sender = await senderAt(server, {
    onDone: () => sent.resolve("done"),
    onFailed: (error) => sent.resolve(error.code),
  });
  const door: CodeDoor = new CodeDoor(code, (state) => {
    states.push(state);
    sender.handleDoor();
    if (state === "void") sent.resolve("void");
  });
  sender.serve(code, door);
  const control = await ControlClient.connect(address);
  await control.admitted();
  const guest = await LinkedGuest.join(
    { ...code, words },
    { server: address, control, isDirectAllowed: true, onPath() {} },
  );
  const stop = (): void => {
    guest.close();
    sender.close();
    server[Symbol.dispose]();
  };
  return { server, sender, guest, states, sent: sent.promise, stop };
}

/** Fetches everything; returns the code of the error that ends the transfer. */
async function fetchAll(guest: LinkedGuest): Promise<string> {
  const target = join(mkdtempSync(join(base, "in-")), "file");
  try {
    const source = await guest.entered();
    source.allow({ files: 1, bytes: 100_000 });
    const client = new DownloadClient({ source });
    guest.failed.catch((error: ParleyError) => client.stop(error));
    await client.fetch(secretName, { kind: "file", path: target });
    client.close();
    await guest.tellReceived({ files: 1, failed: 0, reason: "" });
    return readFileSync(target).equals(readFileSync(path)) ? "whole" : "differs";
  } catch (error) {
    return (error as ParleyError).code;
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const frameOf = (...parts: readonly Uint8Array[]): string =>
  Buffer.concat([Buffer.of(4), ...parts]).toString("base64");

test("through an honest server everything arrives, and it has seen none of it", async () => {
  const { server, guest, states, sent, stop } = await meet();
  expect(await fetchAll(guest)).toBe("whole");
  expect(await sent).toBe("done");
  expect(states).toEqual(["tried", "taken"]);
  const seen = server.seen.map(({ data }) => Buffer.from(data, "base64").toString("latin1"));
  for (const secret of [secretName, "secret text", "olive", "lamp"]) {
    expect(seen.join("")).not.toContain(secret);
  }
  expect(seen.length).toBeGreaterThan(8);
  stop();
});

test("wrong words: the guest reports it and leaves, and the code is void", async () => {
  const { server, guest, states, sent, stop } = await meet({}, "olive-lamb");
  expect(await fetchAll(guest)).toBe("integrity");
  expect(await sent).toBe("void");
  expect(states).toEqual(["tried", "void"]);
  // One answer of the host, and no proof of the guest.
  const steps = server.seen.map(({ data }) => codeStepIn(data)?.[0]);
  expect(steps).toEqual([0, 1, 2]);
  stop();
});

test("a server that answers the guest itself has one guess, and sees no proof", async () => {
  let hello: Uint8Array | undefined;
  const lies: Lies = {
    frame(data, to) {
      const step = codeStepIn(data);
      if (to === "guest" && step?.[0] === 0) hello = step.subarray(1);
      if (to === "guest" || step?.[0] !== 1) return [data];
      // Nothing reaches the sender.
      const session = Buffer.concat([hello ?? new Uint8Array(), step.subarray(1, 33)]);
      const host = new CodeHost({ ...code, words: "zoo-zoo" }, session, "through-server");
      const answer = host.answer({ share: base64url(step.subarray(33)) });
      const [share, proof] = [answer?.share ?? "", answer?.proof ?? ""];
      const parts = [
        Buffer.of(2),
        Buffer.from(share, "base64url"),
        Buffer.from(proof, "base64url"),
      ];
      liar?.pass("guest", frameOf(...parts));
      return [];
    },
  };
  const { server, guest, states, sent, stop } = await meet(lies);
  const liar: LyingServer | undefined = server;
  expect(await fetchAll(guest)).toBe("integrity");
  expect(server.seen.filter(({ data }) => codeStepIn(data)?.[0] === 3)).toEqual([]);
  expect(await sent).toBe("void");
  expect(states).toEqual(["void"]);
  stop();
});

test("a server that plays the guest has one guess, in any number of channels", async () => {
  const server = new LyingServer();
  const states: DoorState[] = [];
  const sender = await senderAt(server);
  const door: CodeDoor = new CodeDoor(code, (state) => {
    states.push(state);
    sender.handleDoor();
  });
  sender.serve(code, door);
  for (let n = 1; n <= 5; n++) {
    server.openChannel();
    await until(() => server.seen.filter(({ data }) => codeStepIn(data)?.[0] === 0).length >= n);
    const hello = codeStepIn(server.seen.at(-1)?.data ?? "")?.subarray(1) ?? new Uint8Array();
    for (const words of ["zoo-zoo", code.words]) {
      const nonce = Buffer.alloc(32, n);
      const session = Buffer.concat([hello, nonce]);
      const guess = new CodeGuest({ ...code, words }, session, "through-server");
      server.pass("sender", frameOf(Buffer.of(1), nonce, Buffer.from(guess.share, "base64url")));
    }
  }
  // Once this is read, everything before it is.
  server.pass("sender", frameOf(Buffer.of(3), Buffer.alloc(32)));
  await until(() => states.includes("void"));
  expect(states).toEqual(["tried", "void"]);
  expect(server.seen.filter(({ data }) => codeStepIn(data)?.[0] === 2).length).toBe(1);
  sender.close();
  server[Symbol.dispose]();
});

test("frames changed or repeated after admission end the transfer: nothing false is saved", async () => {
  for (const change of [
    (data: string) => {
      const bytes = Buffer.from(data, "base64");
      bytes[bytes.length - 1]! ^= 1;
      return [bytes.toString("base64")];
    },
    (data: string) => [data, data],
  ]) {
    let isIn = false;
    const lies: Lies = {
      frame(data, to) {
        isIn ||= codeStepIn(data)?.[0] === 3;
        const kind = Buffer.from(data, "base64")[0] ?? 0;
        return isIn && to === "guest" && kind !== 0 && kind !== 4 ? change(data) : [data];
      },
    };
    const { guest, stop } = await meet(lies);
    expect(await fetchAll(guest)).toBe("integrity");
    stop();
  }
});

test("a server that ends the transfer, or replays a receipt, convinces nobody that everything has arrived", async () => {
  const { server, guest, sent, stop } = await meet();
  await guest.entered();
  // Everything the guest has sent so far, in another channel.
  const said = server.seen.filter(({ from }) => from === "guest").map(({ data }) => data);
  server.openChannel();
  for (const data of said) server.pass("sender", data);
  server.tell("guest", { type: "offer-ended", reason: "done" });
  expect(await fetchAll(guest)).toBe("declined");
  server.tell("sender", { type: "offer-ended", reason: "done" });
  expect(["declined", "integrity"]).toContain(await sent);
  stop();
});

test("a server that makes codes void prevents the transfer, and learns nothing", async () => {
  const { server, guest, states, sent, stop } = await meet({ frame: () => [] });
  await until(() => server.seen.length > 0);
  server.tell("sender", { type: "offer-ended", reason: "cancelled" });
  expect(await sent).toBe("void");
  expect(states).toEqual(["void"]);
  server.tell("guest", { type: "offer-ended", reason: "declined" });
  expect(await fetchAll(guest)).toBe("integrity");
  expect(server.seen.map(({ data }) => codeStepIn(data)?.[0])).toEqual([0]);
  stop();
});

test("the sender gives up on a guest who does not return, if others wait for codes", async () => {
  const server = new LyingServer();
  const address = { host: "127.0.0.1", port: server.port };
  const failed = Promise.withResolvers<string>();
  let interruptions = 0;
  const sender = await senderAt(server, {
    patienceMs: 30,
    onInterrupted: () => interruptions++,
    onFailed: ({ code: why }) => failed.resolve(why),
  });
  const door: CodeDoor = new CodeDoor(code, () => sender.handleDoor());
  sender.serve(code, door);
  const control = await ControlClient.connect(address);
  await control.admitted();
  const guest = await LinkedGuest.join(code, {
    server: address,
    control,
    isDirectAllowed: true,
    onPath() {},
  });
  await guest.entered();
  await until(() => door.state === "taken");
  server.tell("sender", { type: "channel-lost", channel: 1 });
  expect(await failed.promise).toBe("stalled");
  expect(interruptions).toBe(1);
  guest.close();
  sender.close();
  server[Symbol.dispose]();
});

test("a restarted server's different number is not mistaken for the code's own", async () => {
  const server = new LyingServer();
  const failed = Promise.withResolvers<string>();
  const sender = await senderAt(server, {
    onFailed: ({ message }) => failed.resolve(message),
  });
  expect(sender.number).toBe(7);
  server.restartAs(8);
  expect(await failed.promise).toContain("7 is the number of another code there now");
  sender.close();
  server[Symbol.dispose]();
});
