// The exchange between two ends that know a code, and what an attacker gets.

import { expect, test } from "bun:test";
import { CodeGuest, CodeHost, isGuestAgain, proofAgain } from "../../src/tls/code-exchange.ts";

const code = { number: 7, words: "olive-lamp" };
const session = new Uint8Array(32).fill(1);
const otherSession = new Uint8Array(32).fill(2);

/** The secrets of host and guest; undefined: that end does not trust the other. */
function exchange(
  host: CodeHost,
  guest: CodeGuest,
): { host: Uint8Array; guest: Uint8Array } | undefined {
  const answer = host.answer({ share: guest.share });
  const shown = answer && guest.check(answer);
  const secret = shown && host.check(shown);
  return secret === undefined || shown === undefined
    ? undefined
    : { host: secret, guest: shown.secret };
}

test("two ends with the code on the same TLS session share a secret, new each time", () => {
  const first = exchange(new CodeHost(code, session), new CodeGuest(code, session));
  const second = exchange(new CodeHost(code, session), new CodeGuest(code, session));
  expect(first?.host).toEqual(first?.guest ?? new Uint8Array());
  expect(first?.host.length).toBe(32);
  expect(second?.host).not.toEqual(first?.host ?? new Uint8Array());
});

for (const [what, guest] of [
  ["other words", new CodeGuest({ ...code, words: "olive-lamb" }, session)],
  ["another number", new CodeGuest({ ...code, number: 8 }, session)],
  ["a session with whoever is in between", new CodeGuest(code, otherSession)],
] as const) {
  test(`${what}: the guest finds out before it reveals anything`, () => {
    const host = new CodeHost(code, session);
    const answer = host.answer({ share: guest.share });
    expect(answer && guest.check(answer)).toBeUndefined();
    // Nothing else that an attacker can send is accepted.
    for (const proof of ["", "x", answer?.proof ?? "", "A".repeat(43)]) {
      expect(host.check({ proof })).toBeUndefined();
    }
  });
}

test("an invalid share fails, and so does a proof before the share", () => {
  const host = new CodeHost(code, session);
  expect(host.check({ proof: "" })).toBeUndefined();
  for (const share of ["", "AAAA", "A".repeat(43), "_".repeat(43), "not base64 at all"]) {
    expect(host.answer({ share })).toBeUndefined();
  }
});

test("a host's answer can't be passed off as a guest's proof", () => {
  const host = new CodeHost(code, session);
  const answer = host.answer({ share: new CodeGuest(code, session).share });
  expect(host.check({ proof: answer?.proof ?? "" })).toBeUndefined();
});

test("a guest is recognized on another session, only by a proof for that session", () => {
  const secret = new Uint8Array(32).fill(9);
  const proof = proofAgain(secret, session);
  expect(isGuestAgain(secret, session, proof)).toBe(true);
  expect(isGuestAgain(secret, otherSession, proof)).toBe(false);
  expect(isGuestAgain(otherSession, session, proof)).toBe(false);
  expect(isGuestAgain(secret, session, "")).toBe(false);
});
