// CPace against the test vectors of its draft (draft-irtf-cfrg-cpace, appendix "ristretto255 and
// hash SHA-512"), and against malicious input.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { type CpaceInput, CpaceParty, generatorOf } from "../../src/tls/cpace.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(/\s/g, ""));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

const input: CpaceInput = {
  password: ascii("Password"),
  channel: ascii("\u000bA_initiator\u000bB_responder"),
  session: hex("7e4b4791d6a8ef019b936c79fb7f2c57"),
};
const scalars = {
  a: hex("da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08"),
  b: hex("d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"),
};
const shares = {
  a: "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157",
  b: "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258",
};
const key =
  "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd" +
  "2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447";

const a = (given: Partial<CpaceInput> = {}, data = ascii("ADa")) =>
  new CpaceParty("initiator", { ...input, ...given }, data, scalars.a);
const b = (given: Partial<CpaceInput> = {}, data = ascii("ADb")) =>
  new CpaceParty("responder", { ...input, ...given }, data, scalars.b);

test("the generator matches the draft", () => {
  expect(generatorOf(input).toHex()).toBe(
    "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56",
  );
});

test("shares and key match the draft, on both sides", () => {
  expect(a().message.share.toHex()).toBe(shares.a);
  expect(b().message.share.toHex()).toBe(shares.b);
  expect(a().keyWith(b().message)?.toHex()).toBe(key);
  expect(b().keyWith(a().message)?.toHex()).toBe(key);
});

test("any difference results in another key", () => {
  const others: [string, CpaceParty][] = [
    ["password", b({ password: ascii("password") })],
    ["channel", b({ channel: ascii("another") })],
    ["session", b({ session: hex("7e4b4791d6a8ef019b936c79fb7f2c58") })],
    ["data", b({}, ascii("ADB"))],
  ];
  for (const [what, other] of others) {
    const mine = a().keyWith(other.message)?.toHex();
    // The data are sent with the share: both ends see them, so both must be given the same.
    const theirs = other.keyWith(a().message)?.toHex();
    if (what === "data") expect(mine).toBe(theirs ?? "");
    else expect(mine).not.toBe(theirs);
    expect(mine).not.toBe(key);
  }
});

test("roles matter: two initiators do not get the same key", () => {
  const other = new CpaceParty("initiator", input, ascii("ADb"), scalars.b);
  expect(a().keyWith(other.message)).not.toEqual(other.keyWith(a().message));
});

test("an invalid element, or the neutral one, ends the exchange", () => {
  const bad = [
    // The draft's invalid encodings for this group.
    "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
    "00".repeat(32),
    // Not reduced, negative, too short, too long, empty (RFC 9496, appendix A.3).
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ff".repeat(32),
    shares.b.slice(2),
    `${shares.b}00`,
    "",
  ];
  for (const share of bad) {
    expect(a().keyWith({ share: hex(share), data: ascii("ADb") })).toBeUndefined();
  }
});

test("a scalar needs its 32 bytes", () => {
  expect(() => new CpaceParty("initiator", input, ascii(""), new Uint8Array(31))).toThrow(
    "A scalar is made of 32 random bytes, not 31.",
  );
});

test("any code, of any length, results in the same key for both, and random shares in none", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      bytes32,
      bytes32,
      bytes32,
      (password, randomA, randomB, noise) => {
        const one = new CpaceParty("initiator", { ...input, password }, ascii("x"), randomA);
        const two = new CpaceParty("responder", { ...input, password }, ascii("y"), randomB);
        expect(one.keyWith(two.message)).toEqual(two.keyWith(one.message) ?? new Uint8Array());
        const made = one.keyWith({ share: noise, data: ascii("y") });
        expect(made === undefined || made.length === 64).toBe(true);
      },
    ),
    { numRuns: 30 },
  );
});
