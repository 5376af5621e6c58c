// How a client proves its name: what it signs, and what it refuses to sign.

import { expect, test } from "bun:test";
import { LoginProofs } from "../../src/client/login-proofs.ts";
import { loginProofText } from "../../src/trust/login-proof.ts";

const identity = { key: "the key", sign: (text: string) => `signed ${text}` };

test("over TLS the hello is signed for this channel and this name", () => {
  const proofs = new LoginProofs(identity, undefined);
  const text = loginProofText({ name: "Ann", channel: "c1" });
  expect(proofs.forHello("Ann", "c1")).toEqual({
    identity: { key: "the key", signature: `signed ${text}` },
  });
  expect(text).not.toBe(loginProofText({ name: "Ann", nonce: "c1" }));
  expect(text).not.toBe(loginProofText({ name: "Ann", channel: "c2" }));
});

test("a nonce is signed only in plain text, once per connection", () => {
  const proofs = new LoginProofs(identity, undefined);
  proofs.forHello("Ann", "c1");
  expect(proofs.answer("Ann", "n1")).toBeUndefined();
  expect(proofs.forHello("Ann", undefined)).toEqual({ identity: { key: "the key" } });
  const text = loginProofText({ name: "Ann", nonce: "n2" });
  expect(proofs.answer("Ann", "n2")).toBe(`signed ${text}`);
  expect(proofs.answer("Ann", "n3")).toBeUndefined();
});

test("a client without a key signs nothing", () => {
  const proofs = new LoginProofs(undefined, undefined);
  expect(proofs.forHello("Ann", "c1")).toEqual({});
  expect(proofs.answer("Ann", "n1")).toBeUndefined();
});

test("a password is sent until a token arrives in return, which a bye revokes", () => {
  const proofs = new LoginProofs(undefined, { password: "correct horse", remember: true });
  expect(proofs.forHello("Ann", undefined)).toEqual({ password: "correct horse", remember: true });
  expect(proofs.forBye()).toEqual({});
  proofs.handleToken("t1");
  expect(proofs.forHello("Ann", undefined)).toEqual({ token: "t1" });
  expect(proofs.forBye()).toEqual({ forget: true });
});
