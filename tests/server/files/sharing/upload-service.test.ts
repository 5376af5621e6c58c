// The service behind the hub's port: how many uploads run at once, whose frames are accepted,
// floods, senders who leave and return, and a server that stops.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Sharer, SharingEvent } from "../../../../src/chat/sharing/sharing-port.ts";
import { ParleyError } from "../../../../src/errors.ts";
import { encodePart, encodePiece } from "../../../../src/handover/frames.ts";
import { OfferedFolder } from "../../../../src/handover/offered-folder.ts";
import { ServedChannel } from "../../../../src/handover/served-channel.ts";
import { offers, sharing as limits } from "../../../../src/limits.ts";
import { FileService } from "../../../../src/server/files/file-service.ts";
import { UploadService } from "../../../../src/server/files/sharing/upload-service.ts";
import { ownerAt } from "../../../../src/share-owner.ts";
import { noise } from "../../../noise.ts";
import { keepingLog } from "../../../silent-log.ts";
import { noDatagrams } from "../../../no-datagrams.ts";
import { testFolder } from "../../../test-folder.ts";
import { until } from "../../../until.ts";

setDefaultTimeout(180_000);

const base = testFolder("service");
const running: UploadService[] = [];
afterEach(() => {
  for (const service of running.splice(0)) service.close();
});
let count = 0;

const namesIn = (path: string): string[] => {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
};

function place(quotaBytes = 100_000_000) {
  const folder = join(base, `files${++count}`);
  const { log, logged } = keepingLog();
  const open = (more: { leastEveryMs?: number } = {}) => {
    const service = new UploadService({ folder, quotaBytes, log, ...more });
    running.push(service);
    return service;
  };
  return {
    folder,
    logged,
    open,
    listed: () => namesIn(folder).filter((name) => !name.startsWith(".")),
    uploads: () => namesIn(join(folder, ".parley-shared", "uploads")),
  };
}

function sharer(by: string, session: number, address = "127.0.0.1"): Sharer {
  const who = { by, session, person: `person ${by}`, device: undefined };
  return { ...who, owner: ownerAt(address), problem: () => undefined, isHere: () => true };
}

const number = (n: number): string => `upload-${String(n).padStart(15, "0")}`;
const small = { files: 1, folders: 0, bytes: 10, room: undefined };

/** The reported events of an upload. */
class Heard {
  readonly events: SharingEvent[] = [];
  readonly tell = (event: SharingEvent): void => {
    this.events.push(event);
    this.onEvent(event);
  };
  onEvent: (event: SharingEvent) => void = () => {};

  get types(): string[] {
    return this.events.map((event) => ("error" in event ? event.error.code : event.type));
  }

  async next(type: string): Promise<void> {
    await until(
      () => this.types.includes(type),
      () => `${type} in ${JSON.stringify(this.types)}`,
    );
  }
}

/** A sender that answers like `send-file`. */
class Sender extends Heard {
  readonly #service: UploadService;
  readonly #folder: OfferedFolder;
  readonly #files: FileService<OfferedFolder>;
  #channel: ServedChannel | undefined;
  /** Frames that it sends before it stops. */
  frames = Infinity;

  private constructor(service: UploadService, folder: OfferedFolder) {
    super();
    this.#service = service;
    this.#folder = folder;
    this.#files = FileService.over(folder, noDatagrams);
  }

  static async of(service: UploadService, ...paths: string[]): Promise<Sender> {
    return new Sender(service, await OfferedFolder.of(paths));
  }

  offer(id: string, who: Sharer, bytes = this.#folder.bytes): void {
    const { files, folders } = this.#folder;
    this.onEvent = (event) => {
      if (event.type === "channel") this.#open(id, who, event.channel);
      if (event.type === "passed") this.#channel?.receive(event.data);
    };
    this.#service.offer(who, { id, files, folders, bytes, room: undefined }, this.tell);
  }

  #open(id: string, who: Sharer, channel: number): void {
    this.#channel?.close();
    this.#channel = new ServedChannel({
      port: {
        pass: (data) => {
          if (this.frames-- <= 0) return;
          // Not while the receiver is at work.
          setImmediate(() => this.#service.pass(who.session, id, channel, data));
        },
        waitingBytes: () => 0,
      },
      peer: undefined,
      datagrams: undefined,
      service: this.#files,
      pace: undefined,
      to: "the server",
      onReceipt: () => {},
      onBroken: () => {},
    });
  }
}

test("files and folders arrive through the channels of an offer, and continue with another session", async () => {
  const there = place();
  const service = there.open();
  const home = join(base, `home${count}`);
  mkdirSync(join(home, "photos"), { recursive: true });
  const content = noise(5_000_000);
  writeFileSync(join(home, "photos", "big.bin"), content);
  writeFileSync(join(home, "photos", "small.txt"), "small");
  const sender = await Sender.of(service, join(home, "photos"));
  sender.frames = 60;
  sender.offer(number(1), sharer("Ann", 1));
  await until(() => sender.frames <= 0, "a part to be sent");
  service.closed(1);
  expect(there.listed()).toEqual([]);
  expect(there.uploads()).toEqual([number(1)]);
  // Another user with the same number, then Ann again.
  const eve = new Heard();
  const same = { id: number(1), files: 2, folders: 1, bytes: 5, room: undefined };
  service.offer(sharer("Eve", 7), same, eve.tell);
  expect(eve.types).toEqual(["not-allowed"]);
  sender.frames = Infinity;
  sender.offer(number(1), sharer("Ann", 2));
  await sender.next("placed");
  expect(readFileSync(join(there.folder, "photos", "big.bin")).equals(content)).toBe(true);
  expect(there.uploads()).toEqual([]);
  expect(service.size).toBe(0);
});

/** From now on, what has arrived waits to be put into place. */
function slowly(service: UploadService) {
  const { store } = service;
  const finish = store.finish.bind(store);
  const [begun, goOn, over] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  store.finish = async (...args) => {
    begun!.resolve();
    await goOn!.promise;
    return await finish(...args).finally(over!.resolve);
  };
  return { begun: begun!.promise, goOn: goOn!.resolve, over: over!.promise };
}

test("what its sender cancels while it is put into place is not shared", async () => {
  const there = place();
  const service = there.open();
  const storing = slowly(service);
  const path = join(base, `cancelled${count}`);
  writeFileSync(path, "cancelled");
  const sender = await Sender.of(service, path);
  sender.offer(number(1), sharer("Ann", 1));
  await storing.begun;
  service.end(1, number(1));
  await sender.next("interrupted");
  storing.goOn();
  await storing.over;
  expect(there.listed()).toEqual([]);
  expect(sender.types).not.toContain("placed");
});

test("the same, sent as the body of a request", async () => {
  const there = place();
  const service = there.open();
  const storing = slowly(service);
  const heard = new Heard();
  const ann = sharer("Ann", 1);
  const { ticket } = await service.keepPlace(ann, { name: "a", size: 3, room: "" }, heard.tell);
  const receiving = service.take(ticket)!.receive(new Blob(["abc"]).stream());
  await storing.begun;
  service.end(1, ticket);
  storing.goOn();
  expect(await receiving.catch(String)).toBe("ParleyError: Its sender cancelled it");
  expect(there.listed()).toEqual([]);
  expect(heard.types).toEqual([]);
});

test("why received data can't be put into place is logged, as its sender is told", async () => {
  const there = place();
  const service = there.open();
  const storing = slowly(service);
  const path = join(base, `damaged${count}`);
  writeFileSync(path, "damaged");
  const sender = await Sender.of(service, path);
  sender.offer(number(1), sharer("Ann", 1));
  await storing.begun;
  const data = service.store.pathOf(number(1), 0);
  unlinkSync(data);
  symlinkSync(data, data);
  storing.goOn();
  await sender.next("storage");
  expect(reasonOf(sender)).toBe("The server cannot store it: its log says why");
  const why = "An upload failed: it is a link, which is not followed here";
  expect(there.logged.map(({ message }) => message)).toEqual([why]);
});

test("why there is no place for a file is logged, as its sender is told", async () => {
  const there = place();
  const service = there.open();
  const data = service.store.pathOf(number(1), 0);
  mkdirSync(dirname(data), { recursive: true });
  symlinkSync(data, data);
  const heard = new Heard();
  const file = { id: number(1), name: "a.txt", size: 10, room: undefined };
  service.upload(sharer("ann", 1), file, heard.tell);
  await heard.next("storage");
  expect(reasonOf(heard)).toBe("The server cannot do it just now: its log says why");
  const why = "The shared folder cannot be used: it is a link, which is not followed here";
  expect(there.logged.map(({ message }) => message)).toEqual([why]);
});

test("a place whose data can't be looked at is free again", async () => {
  const service = place().open();
  const data = service.store.pathOf(number(1), 0);
  mkdirSync(dirname(data), { recursive: true });
  symlinkSync(data, data);
  const keep = () => {
    const file = { id: number(1), name: "a.txt", size: 10, room: undefined };
    return service.keepPlace(sharer("ann", 1), file, () => {});
  };
  await expect(keep()).rejects.toThrow("ELOOP");
  unlinkSync(data);
  expect(await keep()).toEqual({ ticket: number(1), from: 0 });
});

test("a sender who is lost while files are put into place learns of it on returning", async () => {
  const there = place();
  const service = there.open();
  const storing = slowly(service);
  const path = join(base, `lost${count}`);
  writeFileSync(path, "lost");
  const sender = await Sender.of(service, path);
  sender.offer(number(1), sharer("Ann", 1));
  await storing.begun;
  service.closed(1);
  sender.offer(number(1), sharer("Ann", 2));
  storing.goOn();
  await sender.next("placed");
  expect(there.listed()).toEqual([`lost${count}`]);
});

test("frames of others, and without a channel, are ignored", async () => {
  const there = place();
  const service = there.open();
  const heard = new Heard();
  service.offer(sharer("Ann", 1), { id: number(2), ...small }, heard.tell);
  await heard.next("channel");
  expect(service.pass(2, number(2), 1, "AAAA")).toBe(false);
  expect(service.pass(1, number(2), 9, "AAAA")).toBe(false);
  expect(service.pass(1, number(3), 1, "AAAA")).toBe(false);
  service.end(2, number(2));
  expect(service.size).toBe(1);
  // An invalid frame ends it.
  expect(service.pass(1, number(2), 1, "fw==")).toBe(true);
  await heard.next("integrity");
  await until(() => there.uploads().length === 0, "the rest to go");
});

test("a sender that sends far more than requested is cut off", async () => {
  const there = place();
  const service = there.open();
  const heard = new Heard();
  service.offer(sharer("Ann", 1), { id: number(4), ...small }, heard.tell);
  await heard.next("channel");
  // Pieces of a file that nobody has requested.
  const frame = Buffer.alloc(48_000, 3).toString("base64");
  let sent = 0;
  while (service.pass(1, number(4), 1, frame)) {
    if ((sent += frame.length) > 4 * offers.resentBytes) break;
  }
  expect(sent).toBeLessThan(2 * offers.resentBytes);
  expect(heard.types.at(-1)).toBe("protocol");
});

test("a file that is larger than announced is stopped before it has taken twice the space", async () => {
  const there = place(1_000_000_000);
  const service = there.open();
  let isWhole = false;
  service.store.finish = () => {
    isWhole = true;
    throw new Error("Everything has arrived");
  };
  const path = join(base, `large${count}`);
  writeFileSync(path, noise(60_000_000));
  const sender = await Sender.of(service, path);
  sender.offer(number(1), sharer("Ann", 1), 30_000_000);
  await until(
    () => sender.types.some((type) => type !== "taken" && !/^(channel|passed)$/.test(type)),
    "its end",
  );
  expect(sender.types.at(-1)).toBe("protocol");
  expect(isWhole).toBe(false);
  await until(() => there.uploads().length === 0, "its data to go");
});

const reasonOf = ({ events }: Heard): string => {
  const last = events.at(-1);
  return last !== undefined && "error" in last ? last.error.message : "";
};

type Line = Record<string, unknown>;

/** A sender who answers each line with arbitrary lines. */
function lie(
  service: UploadService,
  id: string,
  amount: { files: number; folders: number; bytes: number },
  answer: (line: Line, pass: (frame: string) => void) => readonly Line[],
): Heard {
  const heard = new Heard();
  let channel = 0;
  const pass = (frame: string): void => void service.pass(1, id, channel, frame);
  heard.onEvent = (event) => {
    if (event.type === "channel") ({ channel } = event);
    if (event.type !== "passed") return;
    const line = JSON.parse(Buffer.from(event.data, "base64").subarray(1).toString()) as Line;
    setImmediate(() => {
      for (const said of answer(line, pass))
        pass(encodePart(Buffer.from(JSON.stringify(said)), true));
    });
  };
  service.offer(sharer("Eve", 1), { id, ...amount, room: undefined }, heard.tell);
  return heard;
}

test("without tags only a limited amount is requested, and kept in memory", async () => {
  const there = place();
  const service = there.open();
  const size = 64 << 20;
  let asked = 0;
  const offer = { type: "offer", transfer: 1, name: "x", size, modified: 0, version: "v" };
  const rest = { chunkBytes: 65_536, udpPort: 1, maxSegmentBytes: 1_444 };
  const heard = lie(service, number(10), { files: 1, folders: 0, bytes: size }, (line, pass) => {
    const { type, ref } = line;
    if (type === "files") return [{ type, files: [{ name: "x", size, modified: 0 }], ref }];
    if (type === "fetch") return [{ ...offer, ...rest, ref }];
    if (type !== "pull") return [];
    const [offset, length] = [Number(line["offset"]), Number(line["length"])];
    asked += length;
    for (let at = 0; at < length; at += 32_768) {
      const bytes = new Uint8Array(Math.min(32_768, length - at));
      pass(encodePiece({ transfer: 1, offset: offset + at, bytes }));
    }
    return [];
  });
  await until(() => asked >= limits.aheadBytes, "requests");
  const path = join(base, `honest${count}`);
  writeFileSync(path, noise(1_000_000));
  const honest = await Sender.of(service, path);
  honest.offer(number(11), sharer("Ann", 2));
  await honest.next("placed");
  expect(asked).toBeLessThan(limits.aheadBytes + (2 << 20));
  expect(heard.types).not.toContain("placed");
});

const entry = (n: number) => ({
  path: `f${String(n).padStart(7, "0")}`,
  size: 1,
  modified: 0,
  mode: 0o644,
});
const pages = (from: number) => Array.from({ length: 1_000 }, (_, i) => entry(from + i));
const folder = (line: Line) => ({
  type: "files",
  files: [{ name: "d/", size: 5, modified: 0 }],
  ref: line["ref"],
});

test("endless lists are abandoned", async () => {
  const there = place();
  const service = there.open();
  const amount = { files: 5, folders: 1, bytes: 5 };
  const endless = lie(service, number(11), amount, (line) => {
    const { type, ref } = line;
    if (type === "files") return [folder(line)];
    if (type !== "tree") return [];
    return Array.from({ length: 150 }, (_, i) => ({
      type: "tree",
      entries: pages(i * 1_000),
      more: true,
      ref,
    }));
  });
  await endless.next("protocol");
  expect(reasonOf(endless)).toBe(
    "The sender's list of 'd/' has more than 100000 entries, 'd/f0100000': nothing of it was saved.",
  );
  // The list of the folder is honest, that of its small files is not.
  const batch = lie(service, number(12), amount, (line) => {
    const { type, ref } = line;
    if (type === "files") return [folder(line)];
    if (type === "tree") return [{ type, entries: pages(0).slice(0, 5), ref }];
    if (type !== "fetch") return [];
    return Array.from({ length: 40 }, () => ({ type: "tree", entries: pages(0), more: true, ref }));
  });
  await batch.next("protocol");
  expect(reasonOf(batch)).toBe("The sender's list of files in 'd/' does not end.");
  expect(there.listed()).toEqual([]);
});

test("concurrent uploads are limited per network and in total", async () => {
  const there = place();
  const service = there.open();
  const counts = new Map<string, number>();
  const ask = async (n: number, address: string): Promise<void> => {
    const heard = new Heard();
    service.offer(sharer(`P${n}`, n, address), { id: number(n), ...small }, heard.tell);
    await until(() => heard.events.length > 0, "an answer");
    const code = heard.types[0] ?? "";
    counts.set(code, (counts.get(code) ?? 0) + 1);
  };
  for (let n = 100; n < 100 + 2 * limits.maxPerOwner; n++) await ask(n, "192.0.2.1");
  expect(counts.get("taken")).toBe(limits.maxPerOwner);
  for (let n = 200; n < 260; n++) await ask(n, `198.51.100.${n % 250}`);
  expect(counts.get("taken")).toBe(limits.maxUploads);
  expect(service.size).toBe(limits.maxUploads);
});

test("an upload that occupies a slot and sends nothing makes way, and continues later", async () => {
  const there = place();
  const service = there.open({ leastEveryMs: 50 });
  const heard = new Heard();
  service.offer(sharer("Ann", 1), { id: number(8), ...small }, heard.tell);
  await heard.next("channel");
  await heard.next("stalled");
  expect(service.size).toBe(0);
  expect(there.uploads()).toEqual([number(8)]);
  // An offline sender is not slow.
  const away = new Heard();
  service.offer(sharer("Ann", 2), { id: number(8), ...small }, away.tell);
  await away.next("channel");
  service.closed(2);
  // Another one that begins now is too slow meanwhile.
  const slow = new Heard();
  service.offer(sharer("Bob", 3), { id: number(9), ...small }, slow.tell);
  await slow.next("stalled");
  expect(service.size).toBe(1);
});

test("thousands of small files are saved in slices, so that nobody else waits for all of them", async () => {
  const there = place();
  const service = there.open();
  const home = join(base, `home${count}`);
  const many = 3_000;
  mkdirSync(join(home, "many"), { recursive: true });
  for (let i = 0; i < many; i++) writeFileSync(join(home, "many", `f${i}`), String(i));
  const sender = await Sender.of(service, join(home, "many"));
  const arriving = join(there.folder, ".parley-shared", "uploads", number(20), "data", "0");
  let [seen, most] = [0, 0];
  let isOver = false;
  // Every few turns: to list thousands of names takes longer than a turn.
  const look = (turn: number): void => {
    if (turn % 4 === 0) {
      const found = namesIn(arriving).length;
      most = Math.max(most, found - seen);
      seen = found;
    }
    if (!isOver) setImmediate(look, turn + 1);
  };
  look(0);
  sender.offer(number(20), sharer("Ann", 1));
  await sender.next("placed");
  isOver = true;
  // All of them are in one chunk.
  expect(most).toBeLessThan(many / 2);
  for (let i = 0; i < many; i++) {
    const text = readFileSync(join(there.folder, "many", `f${i}`), "utf8");
    if (text !== String(i)) throw new Error(`f${i} contains ${JSON.stringify(text)}`);
  }
});

test("whoever asks for files that nobody has shared does not have the folder read each time", async () => {
  const there = place();
  const service = there.open();
  const home = join(base, `home${count}`);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "a.txt"), "a");
  const sender = await Sender.of(service, join(home, "a.txt"));
  sender.offer(number(30), sharer("Ann", 1));
  await sender.next("placed");
  let reads = 0;
  const { refresh } = service.store;
  service.store.refresh = () => {
    reads++;
    return refresh.call(service.store);
  };
  const remove = async (name: string): Promise<unknown> => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    service.remove(name, () => undefined, resolve);
    return promise;
  };
  for (let i = 0; i < 100; i++) {
    expect(await remove(`b${i}.txt`)).toMatchObject({ code: "not-found" });
  }
  expect(reads).toBe(0);
  expect(await remove("A.TXT")).toMatchObject({ name: "a.txt" });
  expect(there.listed()).toEqual([]);
});

test("the rate at which one owner begins uploads is limited", async () => {
  const there = place();
  const service = there.open();
  let refused = "";
  for (let n = 300; n < 300 + 2 * limits.newAtOnce && refused === ""; n++) {
    const heard = new Heard();
    service.offer(sharer("Ann", n, "192.0.2.3"), { id: number(n), ...small }, heard.tell);
    await until(() => heard.events.length > 0, "an answer");
    if (heard.types[0] !== "taken") refused = heard.types[0] ?? "";
    service.end(n, number(n));
  }
  expect(refused).toBe("rate");
});

test("a server that stops keeps the received data, and notifies its sender", async () => {
  const there = place();
  const service = there.open();
  const home = join(base, `home-stop${count}`);
  mkdirSync(home);
  const content = noise(3_000_000);
  writeFileSync(join(home, "big.bin"), content);
  const sender = await Sender.of(service, join(home, "big.bin"));
  sender.frames = 40;
  sender.offer(number(5), sharer("Ann", 1));
  await until(() => sender.frames <= 0, "a part to be sent");
  service.close();
  await sender.next("interrupted");
  expect(there.uploads()).toEqual([number(5)]);
  const next = there.open();
  const again = await Sender.of(next, join(home, "big.bin"));
  again.offer(number(5), sharer("Ann", 2));
  await again.next("placed");
  expect(readFileSync(join(there.folder, "big.bin")).equals(content)).toBe(true);
});

const muted = () => new ParleyError("muted", "You are muted");

test("an upload that is forbidden at the last moment is not shared, and nothing is left", async () => {
  const there = place();
  const service = there.open();
  const home = join(base, `home-muted${count}`);
  mkdirSync(home);
  writeFileSync(join(home, "a.txt"), "a");
  const sender = await Sender.of(service, join(home, "a.txt"));
  sender.offer(number(6), { ...sharer("Ann", 1), problem: muted });
  await sender.next("muted");
  await until(() => there.uploads().length === 0, "the rest to go");
  expect(there.listed()).toEqual([]);
});
