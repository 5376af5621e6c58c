// The handshake of a protected call under attack by a man in the middle or the other end:
// signatures of other channels, other ends, other keys; too early, too late, too much.

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
  /** The lines it has sent. */
  sent: string[];
  log: string[];
  offers: LinkOffer[];
  /** That a path was sought, and the lines about it. */
  paths: string[];
};

function end(
  role: "caller" | "called",
  {
    identity = role === "caller" ? bob : ann,
    channel = "channel",
    judge = trusting,
    isDirectAllowed = true,
  } = {},
): End {
  const sent: string[] = [];
  const log: string[] = [];
  const offers: LinkOffer[] = [];
  const paths: string[] = [];
  // The parts of a link that it uses.
  const link = {
    channel,
    waitingBytes: 0,
    send: (text: string) => void sent.push(text),
    end: () => void log.push("ended"),
    cut() {},
    pause() {},
    findPath: () => void paths.push("sought"),
    handlePathLine: (line: string) => void paths.push(line),
  } as unknown as TcpLink;
  const secured = new SecuredLink({
    role,
    link,
    identity,
    id: role === "caller" ? "Bob" : "Ann",
    port: 5_000,
    duplex: true,
    isDirectAllowed,
    judge: async (hello) => judge(hello),
    onOpen: ({ id }) => log.push(`open to ${id}`),
    onAnnounced: () => log.push("called"),
    onData: (data) => log.push(`data ${new TextDecoder().decode(data)}`),
    onOffer: (message) => offers.push(message),
    onPath() {},
    onEnd: (problem) => log.push(`over: ${problem ?? "lost"}`),
  });
  return { secured, sent, log, offers, paths };
}

test("a relayed call looks for a direct path once it is a call, and only if it may", async () => {
  const [caller, called] = [end("caller"), end("called", { isDirectAllowed: false })];
  await carry(caller, called);
  expect([caller.paths, called.paths]).toEqual([[], []]);
  caller.secured.announce();
  await carry(caller, called);
  expect(caller.paths).toEqual(["sought"]);
  // The other end does not, and passes nothing on that it is told.
  expect(called.log.at(-1)).toBe("called");
  called.secured.receive(bytes('{"type":"paths","secret":"…"}\n'));
  expect(called.paths).toEqual(['{"type":"paths","secret":"…"}']);
});

function trusting(_hello: PeerHello): string | undefined {
  return undefined;
}

function onlyAnn({ key }: PeerHello): string | undefined {
  return key === ann.key ? undefined : "another key";
}

/** Delivers each end's output to the other, until neither sends more. */
async function carry(caller: End, called: End): Promise<void> {
  for (let quiet = 0; quiet < 3;) {
    const [toCalled, toCaller] = [caller.sent.splice(0), called.sent.splice(0)];
    quiet = toCalled.length + toCaller.length === 0 ? quiet + 1 : 0;
    for (const line of toCalled) called.secured.receive(bytes(line));
    for (const line of toCaller) caller.secured.receive(bytes(line));
    await Promise.resolve();
  }
}

test("both ends identify themselves; then lines and offers pass", async () => {
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

test("the caller reveals nothing before the callee has identified itself", () => {
  expect(end("caller").sent).toEqual([]);
});

test("a man in the middle with a channel to each end gains no trust by relaying", async () => {
  const [caller, called] = [
    end("caller", { channel: "to the middle" }),
    end("called", { channel: "from the middle" }),
  ];
  await carry(caller, called);
  expect(caller.log).toEqual([
    "ended",
    "over: its signature is not for this connection: somebody may be in between",
  ]);
  expect(caller.sent).toEqual([]);
  expect(called.log).toEqual([]);
});

test("a signature of one end is invalid as the other's", async () => {
  const caller = end("caller", { identity: ann });
  const signature = ann.sign(peerProofText("caller", "Ann", "channel"));
  const hello = { id: "Ann", port: 1, duplex: true, key: ann.key, signature };
  caller.secured.receive(bytes(encodeHello(hello)));
  expect(caller.log).toContain(
    "over: its signature is not for this connection: somebody may be in between",
  );
  // Nor for another ID.
  const other = end("caller");
  const forAnn = ann.sign(peerProofText("called", "Ann", "channel"));
  other.secured.receive(bytes(encodeHello({ ...hello, id: "Eve", signature: forAnn })));
  expect(other.log.at(-1)).toContain("its signature");
});

test("an unexpected key is refused before anything is revealed", async () => {
  const [caller, called] = [end("caller", { judge: onlyAnn }), end("called", { identity: eve })];
  await carry(caller, called);
  expect(caller.log).toEqual(["ended", "over: another key"]);
  expect(called.log).toContain("over: it does not say who it is");
});

test("a refused caller is told so, and nothing else", async () => {
  const [caller, called] = [end("caller"), end("called", { judge: () => "who?" })];
  await carry(caller, called);
  expect(called.log).toEqual(["ended", "over: who?"]);
  expect(caller.log).toEqual([
    "ended",
    "over: it knows you by another key, or not at all: compare your keys",
  ]);
});

test("a caller that sends data before it is accepted is cut off, and its data is ignored", async () => {
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

test("a line that is too long, an early end, and an unknown answer end the call", async () => {
  const long = end("called");
  long.secured.receive(bytes("x".repeat(limits.maxLineBytes + 1)));
  expect(long.log.at(-1)).toBe("over: it sent too long a line");
  const gone = end("caller");
  gone.secured.handleEnded();
  expect(gone.log.at(-1)).toBe("over: it ended the connection before identifying itself");
  // Nobody is told of a caller that has left: it may have come by another way as well.
  const left = end("called");
  left.secured.handleEnded();
  expect(left.log.at(-1)).toBe("over: lost");
  const [caller, called] = [end("caller"), end("called")];
  for (const line of called.sent) caller.secured.receive(bytes(line));
  await Promise.resolve();
  await Promise.resolve();
  caller.secured.receive(bytes('{"type":"cpp","data":"x"}\n'));
  expect(caller.log).toEqual(["ended", "over: it sent something other than an answer"]);
});

test("arbitrary lines neither throw nor get anyone accepted", async () => {
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

test("once open, malformed lines end the call, and unknown ones are ignored", async () => {
  const [caller, called] = [end("caller"), end("called")];
  await carry(caller, called);
  for (const text of ['{"type":"later"}', '{"type":"topic","room":"x","topic":"y"}', "{}", "x"]) {
    called.secured.receive(bytes(`${text}\n`));
  }
  expect(called.log).toEqual(["open to Bob"]);
  called.secured.receive(bytes('{"type":"cpp","data":7}\n'));
  expect(called.log.at(-1)).toBe("over: it sent a line that is none");
});
