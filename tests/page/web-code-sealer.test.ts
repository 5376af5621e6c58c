// The browser's side of a channel by code, compared with the program's: each opens data sealed by
// the other, both export the same secret, and the proof of receipt is the same.

import { expect, test } from "bun:test";
import { proofOf } from "../../src/handover/channel-line.ts";
import { receivedProof } from "../../src/page/code/received-proof.ts";
import { webCodeSealer } from "../../src/page/handover/web-code-sealer.ts";
import { codeSealer } from "../../src/tls/code-sealer.ts";
import { noise } from "../noise.ts";

test("the browser and the program seal for each other", async () => {
  const secret = noise(32);
  const [guest, host] = [webCodeSealer(secret), codeSealer(secret, "host")];
  const info = new TextEncoder().encode("parley file channel\0code 7\x001");
  const out = await guest.sealingTo("", info);
  const came = await host.openingFrom("", out.enc, info);
  const back = await host.sealingTo("", info);
  const answer = await guest.openingFrom("", back.enc, info);
  for (const text of ["one", "", "a longer line ".repeat(500)]) {
    const bytes = new TextEncoder().encode(text);
    expect(await came.open(await out.seal(bytes))).toEqual(bytes);
    expect(await answer.open(await back.seal(bytes))).toEqual(bytes);
  }
  expect(await out.export()).toEqual(await came.export());
  expect(await answer.export()).toEqual(await back.export());
});

test("data sealed elsewhere, earlier or in the other direction does not open", async () => {
  const secret = noise(32);
  const [guest, host] = [webCodeSealer(secret), codeSealer(secret, "host")];
  const info = new TextEncoder().encode("one channel");
  const back = await host.sealingTo("", info);
  const first = await back.seal(noise(10));
  const second = await back.seal(noise(10));
  const opening = await guest.openingFrom("", back.enc, info);
  await expect(opening.open(second)).rejects.toThrow();
  const again = await guest.openingFrom("", back.enc, info);
  await again.open(first);
  await expect(again.open(first)).rejects.toThrow();
  const elsewhere = await guest.openingFrom("", back.enc, noise(8));
  await expect(elsewhere.open(first)).rejects.toThrow();
  const own = await guest.sealingTo("", info);
  const reflected = await guest.openingFrom("", own.enc, info);
  await expect(reflected.open(await own.seal(noise(10)))).rejects.toThrow();
  await expect(guest.openingFrom("", noise(31), info)).rejects.toThrow("no key");
});

test("the proof of receipt equals the program's", async () => {
  const exported = noise(64);
  expect(await receivedProof(exported)).toBe(proofOf(exported));
});
