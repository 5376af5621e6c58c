// The beginning of a protected call, and what somebody in between, or at the other end, can make of
// it: signatures of other channels, other ends, other keys; too early, too late, too much.

import { expect, test } from "bun:test";
import { generateKeyPairSync, sign } from "node:crypto";
import * as fc from "fast-check";
import type { TcpLink } from "../../src/io/tcp-link.ts";
import { type LinkOffer, SecuredLink } from "../../src/io/secured-link.ts";
import { message as limits } from "../../src/limits.ts";
import {
  decodeHello,
  encodeHello,
  type PeerHello,
  peerProofText,
} from "../../src/trust/peer-hello.ts";

function device() {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x = "" } = privateKey.export({ format: "jwk" });
  const signed = (text: string) => sign(null, Buffer.from(text), privateKey).toString("base64url");
  return { key: x, sign: signed };
}

const [ann, bob, eve] = [device(), device(), device()];
const bytes = (text: string) => new TextEncoder().encode(text);

type End = {
  secured: SecuredLink;
  /** Lines that it has sent. */
  sent: string[];
  log: string[];
  offers: LinkOffer[];
};

function end(
  role: "caller" | "called",
  { identity = role === "caller" ? bob : ann, channel = "channel", judge = trusting } = {},
): End {
  const sent: string[] = [];
  const log: string[] = [];
  const offers: LinkOffer[] = [];
  // As much of a link as it uses.
  const link = {
    channel,
    waitingBytes: 0,
    send: (text: string) => void sent.push(text),
    end: () => void log.push("ended"),
    cut() {},
    pause() {},
  } as unknown as TcpLink;
  const secured = new SecuredLink({
    role,
    link,
    identity,
    id: role === "caller" ? "Bob" : "Ann",
    port: 5_000,
    duplex: true,
    judge: async (hello) => judge(hello),
    onOpen: ({ id }) => log.push(`open to ${id}`),
    onAnnounced: () => log.push("called"),
    onData: (data) => log.push(`data ${new TextDecoder().decode(data)}`),
    onOffer: (message) => offers.push(message),
    onEnd: (problem) => log.push(`over: ${problem ?? "lost"}`),
  });
  return { secured, sent, log, offers };
}

function trusting(_hello: PeerHello): string | undefined {
  return undefined;
}

function onlyAnn({ key }: PeerHello): string | undefined {
  return key === ann.key ? undefined : "another key";
}

/** Gives each end what the other has said, until neither says more. */
async function carry(caller: End, called: End): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    const [toCalled, toCaller] = [caller.sent.splice(0), called.sent.splice(0)];
    quiet = toCalled.length + toCaller.length === 0 ? quiet + 1 : 0;
    for (const line of toCalled) called.secured.receive(bytes(line));
    for (const line of toCaller) caller.secured.receive(bytes(line));
    await Promise.resolve();
  }
}

test("both show who they are; then lines and offers pass", async () => {
  const [caller, called] = [end("caller"), end("called")];
  await carry(caller, called);
  expect([caller.log, called.log]).toEqual([["open to Ann"], ["open to Bob"]]);
  expect(caller.secured.peer).toMatchObject({ id: "Ann", key: ann.key, port: 5_000, duplex: true });
  caller.secured.announce();
  caller.secured.send("CHAT\r\n\r\n");
  const offer = "AAECAwQFBgcICQoLDA0ODw";
  caller.secured.offer({ type: "passed", offer, channel: 1, data: "AAAA" });
  await carry(caller, called);
  expect(called.log.slice(1)).toEqual(["called", "data CHAT\r\n\r\n"]);
  expect(called.offers).toEqual([{ type: "passed", offer, channel: 1, data: "AAAA" }]);
  called.secured.handleEnded();
  expect(called.log.at(-1)).toBe("over: lost");
  expect(called.secured.peer).toBeUndefined();
});

test("nothing is shown to whoever is called before it has shown itself", () => {
  expect(end("caller").sent).toEqual([]);
});

test("somebody in between with a channel to each gets nobody's trust by passing on", async () => {
  const [caller, called] = [
    end("caller", { channel: "to the middle" }),
    end("called", { channel: "from the middle" }),
  ];
  await carry(caller, called);
  expect(caller.log).toEqual([
    "ended",
    "over: its signature is not of this connection: somebody may be in between",
  ]);
  expect(caller.sent).toEqual([]);
  expect(called.log).toEqual([]);
});

test("what one end has signed is of no use as the other's", async () => {
  const caller = end("caller", { identity: ann });
  const signature = ann.sign(peerProofText("caller", "Ann", "channel"));
  const hello = { id: "Ann", port: 1, duplex: true, key: ann.key, signature };
  caller.secured.receive(bytes(encodeHello(hello)));
  expect(caller.log).toContain(
    "over: its signature is not of this connection: somebody may be in between",
  );
  // Nor for another ID.
  const other = end("caller");
  const forAnn = ann.sign(peerProofText("called", "Ann", "channel"));
  other.secured.receive(bytes(encodeHello({ ...hello, id: "Eve", signature: forAnn })));
  expect(other.log.at(-1)).toContain("its signature");
});

test("a key that is not the one that is meant is refused before anything is shown", async () => {
  const [caller, called] = [end("caller", { judge: onlyAnn }), end("called", { identity: eve })];
  await carry(caller, called);
  expect(caller.log).toEqual(["ended", "over: another key"]);
  expect(called.log).toContain("over: it does not say who it is");
});

test("a caller that is not let in is told so, and nothing else", async () => {
  const [caller, called] = [end("caller"), end("called", { judge: () => "who?" })];
  await carry(caller, called);
  expect(called.log).toEqual(["ended", "over: who?"]);
  expect(caller.log).toEqual([
    "ended",
    "over: it knows you by another key, or not at all: compare your keys",
  ]);
});

test("whoever speaks before it is let in is cut off, and nothing of it is heard", async () => {
  const called = end("called");
  const signature = bob.sign(peerProofText("caller", "Bob", "channel"));
  const hello = encodeHello({ id: "Bob", port: 1, duplex: true, key: bob.key, signature });
  called.secured.receive(bytes(`${hello}{"type":"cpp","data":"early"}\n`));
  await Promise.resolve();
  expect(called.log).toEqual(["ended", "over: it spoke out of turn"]);
  const plain = end("called");
  plain.secured.receive(bytes('{"type":"cpp","data":"early"}\n'));
  expect(plain.log).toEqual(["ended", "over: it does not say who it is"]);
});

test("too long a line, an end before the beginning, and another answer end it", async () => {
  const long = end("called");
  long.secured.receive(bytes("x".repeat(limits.maxLineBytes + 1)));
  expect(long.log.at(-1)).toBe("over: it sent too long a line");
  const gone = end("caller");
  gone.secured.handleEnded();
  expect(gone.log.at(-1)).toBe("over: it ended the connection before showing who it is");
  const [caller, called] = [end("caller"), end("called")];
  for (const line of called.sent) caller.secured.receive(bytes(line));
  await Promise.resolve();
  await Promise.resolve();
  caller.secured.receive(bytes('{"type":"cpp","data":"x"}\n'));
  expect(caller.log).toEqual(["ended", "over: it sent something else than an answer"]);
});

test("any lines at all: nothing throws, and nobody is let in by them", async () => {
  const line = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.json({ maxDepth: 3 }),
    fc
      .record({ type: fc.constantFrom("peer", "accepted", "cpp", "call"), id: fc.string() })
      .map((value) => JSON.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 6 }), async (lines) => {
      for (const role of ["caller", "called"] as const) {
        const one = end(role);
        for (const text of lines) one.secured.receive(bytes(`${text}\n`));
        await Promise.resolve();
        expect(one.log.some((entry) => entry.startsWith("open"))).toBe(false);
        one.secured.cut();
      }
      for (const text of lines) expect(() => decodeHello(text)).not.toThrow();
    }),
    { numRuns: 200 },
  );
});

test("once open, what is malformed ends it, and what is unknown is skipped", async () => {
  const [caller, called] = [end("caller"), end("called")];
  await carry(caller, called);
  for (const text of ['{"type":"later"}', '{"type":"topic","room":"x","topic":"y"}', "{}", "x"]) {
    called.secured.receive(bytes(`${text}\n`));
  }
  expect(called.log).toEqual(["open to Bob"]);
  called.secured.receive(bytes('{"type":"cpp","data":7}\n'));
  expect(called.log.at(-1)).toBe("over: it sent a line that is none");
});
