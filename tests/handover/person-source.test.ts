// A person as a source of files: no more arrives than was offered, whatever the sender calls it.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DownloadClient } from "../../src/files/download-client.ts";
import { Channel } from "../../src/handover/channel.ts";
import { OfferedFolder } from "../../src/handover/offered-folder.ts";
import { PersonSource } from "../../src/handover/person-source.ts";
import { ServedChannel } from "../../src/handover/served-channel.ts";
import { FileService } from "../../src/server/files/file-service.ts";
import { noDatagrams } from "../no-datagrams.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const base = testFolder("source");

/** Takes frames to the other end. */
const port = (to: () => { receive(data: string): void }) => ({
  pass: (data: string) => void setImmediate(() => to().receive(data)),
  waitingBytes: () => 0,
});

type Allowance = { files: number; bytes: number };

/** Fetches from a sender that serves `folder`, within what was accepted. */
function takerOf(folder: OfferedFolder, allowance: Allowance): DownloadClient {
  const source = new PersonSource({ name: "Ann", key: undefined, allowance, slackBytes: 0 });
  const service = FileService.over(folder, noDatagrams);
  const served: ServedChannel = new ServedChannel({
    port: port(() => channel),
    peer: undefined,
    service,
    pace: undefined,
    datagrams: undefined,
    to: "Bob",
    onReceipt() {},
    onBroken() {},
  });
  const channel: Channel = new Channel(
    port(() => served),
    undefined,
    "recipient",
    {
      line: (text) => source.handleLine(text),
      piece: (piece) => source.handlePiece(piece),
      broken() {},
    },
  );
  source.handleOpened(channel);
  return new DownloadClient({ source, retryForMs: 10_000 });
}

/** A sender that calls every file the same. */
async function namesake(path: string): Promise<OfferedFolder> {
  const folder = await OfferedFolder.of([path]);
  const open = folder.open.bind(folder);
  folder.open = (name) => ({ ...open(name), name: "same" });
  return folder;
}

test("files that a sender calls by one name are several, too", async () => {
  const path = join(base, "many");
  mkdirSync(path);
  const names = ["a", "b", "c"];
  for (const name of names) writeFileSync(join(path, name), new Uint8Array(1_000));
  const client = takerOf(await namesake(path), { files: 3, bytes: 1_000 });
  const saved = join(base, "saved");
  mkdirSync(saved);
  const saveAll = async (): Promise<void> => {
    for (const name of names) {
      await client.save(`many/${name}`, { kind: "file", path: join(saved, name) });
    }
  };
  await expect(saveAll()).rejects.toThrow(
    "Ann sends more than was offered: 3 files, 3000 bytes instead of 3 files, 1000 bytes.",
  );
  client.close();
  expect(readdirSync(saved).toSorted()).toEqual(["a", "b"]);
});

test("the batches of a folder count together", async () => {
  const path = join(base, "deep");
  // With paths as long as these, a batch holds 700 files.
  const below = join(path, ...Array.from("klmnopqrstuv", (letter) => letter.repeat(240)));
  mkdirSync(below, { recursive: true });
  for (let n = 1_000; n < 2_100; n++) writeFileSync(join(below, String(n)), "0123456789");
  const client = takerOf(await OfferedFolder.of([path]), { files: 1_100, bytes: 5_000 });
  const saving = client.save("deep/", { kind: "folder", path: join(base, "deep-saved") });
  await expect(saving).rejects.toThrow("Ann sends more than was offered");
  client.close();
});
