// Two people send files to each other in a call, while they stop, decline and send again at random:
// in the end everything is in place at both ends, and nothing is open.

import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../../src/errors.ts";
import { Handover } from "../../src/handover/handover.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { PeerExchange } from "../../src/handover/peer-exchange.ts";
import type { LinkOffer } from "../../src/io/secured-link.ts";
import { openIdentity } from "../../src/tls/identity-key.ts";
import { fileOf, seeded } from "../sim/random.ts";
import { testFolder } from "../test-folder.ts";
import { turns } from "../turns.ts";

const base = testFolder("pair");
const names = ["Ann", "Bob"] as const;
const stopped = new ParleyError("interrupted", "Stopped");

/** The two ends of a call, which accept everything into `folder`. */
function call(folder: string): readonly Handover[] {
  const devices = names.map((name) => openIdentity(join(folder, name)));
  const exchanges = names.map((name, own) => {
    const other = 1 - own;
    const link = {
      offer: (message: LinkOffer) =>
        void setImmediate(() => exchanges[other]?.handleOffer(message)),
      waitingBytes: 0,
      remoteAddress: "127.0.0.1",
      relayed: undefined,
      isDirectAllowed: false,
    };
    const [identity, key] = [devices[own]!, devices[other]!.key];
    return new PeerExchange(link, {
      identity,
      self: name,
      peer: names[other]!,
      key,
      isVerified: true,
    });
  });
  return exchanges.map((exchange, own) => {
    const acceptInto = join(folder, `to-${names[own]}`);
    const handover = new Handover({ exchange, acceptInto, onIncoming() {}, onFetch() {} });
    exchange.listen((event) => void handover.handleEvent(event));
    return handover;
  });
}

/** Sends until everything has arrived. */
async function sendAll(from: Handover, to: string, number: number, path: string): Promise<void> {
  const folder = await OfferedFolder.of([path]);
  for (;;) {
    try {
      return await from.send(numberOf(number), to, folder, () => {}).over;
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      await turns(5);
    }
  }
}

const numberOf = (fill: number): string => Buffer.alloc(16, fill).toString("base64url");

test.each(Array.from({ length: 12 }, (_, i) => i + 1))("seed %d", async (seed) => {
  const random = seeded(seed);
  const folder = join(base, String(seed));
  mkdirSync(folder);
  const ends = call(folder);
  const files = Array.from({ length: 4 }, (_, i) => {
    const path = join(folder, `file-${i}`);
    writeFileSync(path, fileOf(Math.floor(random() ** 2 * 3_000_000), seed + i));
    return { path, from: i % 2, into: join(folder, `to-${names[1 - (i % 2)]}`, `file-${i}`) };
  });
  const sent = files.map(({ path, from }, i) =>
    sendAll(ends[from]!, names[1 - from]!, i + 1, path),
  );
  for (let faults = Math.floor(random() * 12); faults > 0; faults--) {
    await turns(Math.floor(random() * 120));
    const one = ends[Math.floor(random() * 2)]!;
    if (random() < 0.3) one.stop(stopped);
    else for (const offer of one.incoming) one.decline(offer);
  }
  await Promise.all(sent);
  for (const { path, into } of files)
    expect(readFileSync(into).equals(readFileSync(path))).toBe(true);
  await turns(5);
  for (const one of ends) expect([one.incoming, one.outgoing]).toEqual([[], []]);
});
