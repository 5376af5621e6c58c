// What the prompt says when offers are declined, or stopped.

import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Exchange } from "../../../src/handover/exchange.ts";
import { PromptHandover } from "../../../src/terminal/files/prompt-handover.ts";
import { testFolder } from "../../test-folder.ts";
import { turns } from "../../turns.ts";

const base = testFolder("prompt-handover");
const offer = Buffer.alloc(16, 1).toString("base64url");
const summary = { files: 1, bytes: 3, names: ["a"] };

function offered() {
  const said: string[] = [];
  const exchange: Exchange = {
    session: { name: "Bob", online: true, request: () => 1, pass: () => true, endOffer() {} },
    applyOutputs() {},
    mail: undefined,
    sealer: undefined,
    port: () => ({ pass() {}, waitingBytes: () => 0 }),
    onDrained: () => () => {},
  };
  const prompt = new PromptHandover({
    exchange,
    identity: undefined,
    downloads: join(base, "downloads"),
    acceptInto: undefined,
    say: (text) => void said.push(text),
    progress() {},
  });
  const about = { type: "offered", offer, from: "Ann", summary } as const;
  prompt.handleEvent({ type: "offer", about });
  return { prompt, said };
}

test("an offer that waits is declined, one that is being received is stopped", async () => {
  const waiting = offered();
  await turns(5);
  waiting.prompt.decline("1");
  expect(waiting.said.slice(1)).toEqual(["You have declined what Ann offers"]);
  const running = offered();
  await turns(5);
  running.prompt.get("1");
  running.prompt.decline("1");
  await turns(5);
  expect(running.said.slice(1)).toEqual(["Stopped; the part that has arrived is kept"]);
});
