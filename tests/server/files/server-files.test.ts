// Files for open-chat clients: a listed file can be requested by the name shown and is offered
// under it; nothing else exists.

import { keepingLog } from "../../silent-log.ts";
import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { clientAt } from "../../files/client-at.ts";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import type { TransferMessage, TransferRequest } from "../../../src/protocol/messages.ts";
import { ParleyError } from "../../../src/errors.ts";
import { files as limits, folder as folderLimits } from "../../../src/limits.ts";
import { OpenChatDownloads } from "../../../src/server/files/open-chat-download.ts";
import { FileService } from "../../../src/server/files/file-service.ts";
import { SharedFolder } from "../../../src/server/files/shared-folder.ts";
import { ServerFiles } from "../../../src/server/files/server-files.ts";
import { testFolder } from "../../test-folder.ts";
import { until } from "../../until.ts";

const host = "127.0.0.1";
const contents: [name: string, content: string][] = [
  ["a.txt", "a"],
  ["my file", "bb"],
  ["esc\u001b[31m.png", "ccc"],
  ["nl\nMallory: forged", "dddd"],
  ["same\u0007", "one"],
  ["same\u001b[1m", "two"],
  ["twin", "eeeee"],
  ["twin\u202e", "no"],
  [" lead", "ffffff"],
];
let folder: string;
let service: FileService;
let downloads: OpenChatDownloads;
let files: ServerFiles;
const { log, logged } = keepingLog();

beforeAll(async () => {
  folder = testFolder("listed");
  for (const [name, content] of contents) writeFileSync(join(folder, name), content);
  service = await FileService.open({ folder: new SharedFolder(folder), host, port: 0 });
  const open = (name: string) => service.folder.open(name);
  downloads = new OpenChatDownloads({ host, firstPort: 0, open });
  files = new ServerFiles(service, downloads, () => {}, log);
});
afterAll(() => {
  downloads.close();
  service.close();
});

let session = 0;

/** Requests in its own session: the offer, or the refusal's code. */
function download(name: string): Promise<{ name: string; sizeBytes: number } | string> {
  return new Promise((resolve) => {
    files.download(++session, name, clientAt(host), (result) => {
      if (result instanceof ParleyError) resolve(result.code);
      else resolve({ name: result.name, sizeBytes: result.sizeBytes });
    });
  });
}

function list(): Promise<string> {
  const { peer, owner } = clientAt(host);
  return new Promise((resolve) => {
    files.list({ after: undefined, limit: undefined, folders: false, owner }, (result) => {
      if (result instanceof ParleyError) return resolve(result.message);
      const said = openChat.open(peer).render({ type: "files", ...result, ref: undefined });
      resolve([said ?? []].flat().join("\n"));
    });
  });
}

let aheadMs = 0;

/** Does something once every earlier listing has expired. */
async function later(act: () => Promise<void>): Promise<void> {
  const now = performance.now.bind(performance);
  aheadMs += folderLimits.listingMs;
  using clock = spyOn(performance, "now");
  clock.mockImplementation(() => now() + aheadMs);
  await act();
}

test("works before anyone has requested the list, and logs the request", async () => {
  expect(await download("esc.png")).toEqual({ name: "esc.png", sizeBytes: 3 });
  const fields = { file: "esc.png", address: host, port: 1 };
  expect(logged).toEqual([{ level: "info", message: "file requested", fields }]);
});

test("list, request and offer agree", async () => {
  expect(await list()).toBe("<CHOOSE_FILE> lead a.txt esc.png my file nl Mallory: forged twin ");
  const sizes = {
    lead: 6,
    "a.txt": 1,
    "esc.png": 3,
    "my file": 2,
    "nl Mallory: forged": 4,
    twin: 5,
  };
  for (const [name, sizeBytes] of Object.entries(sizes)) {
    expect(await download(name)).toEqual({ name, sizeBytes });
  }
});

test("whoever downloads is told that the file has changed meanwhile", async () => {
  const path = join(folder, "log.txt");
  writeFileSync(path, "x".repeat(2_500));
  const told: (string | number)[] = [];
  files.download(++session, "log.txt", clientAt(host), (result) => {
    told.push(result instanceof ParleyError ? result.message : result.port);
  });
  await until(() => told.length === 1);
  const port = Number(told[0]);
  const client = await Bun.udpSocket({
    connect: { hostname: host, port },
    socket: { data: () => writeFileSync(path, "y".repeat(3_000)) },
  });
  let part = 0;
  // Datagrams may be lost.
  const asking = setInterval(() => client.send(`part ${part++ % 2}`), 20);
  await until(() => told.length === 2, "a second answer");
  clearInterval(asking);
  client.close();
  expect(told[1]).toBe("The file has changed or cannot be read: 'log.txt' was not sent completely");
});

test("a new file can be requested as soon as it is listed", async () => {
  await list();
  writeFileSync(join(folder, "new\u0007"), "g");
  await later(async () => {
    expect(await list()).toContain(" new ");
    expect(await download("new")).toEqual({ name: "new", sizeBytes: 1 });
  });
});

/** Requests a comparison in its own native session: the offer, or the refusal's code. */
function fetched(name: string, token?: string): Promise<{ name: unknown; size: unknown } | string> {
  const asking = ++session;
  return new Promise((resolve) => {
    const send = (message: TransferMessage) => {
      if (message.type !== "offer" && message.type !== "error") return;
      expect(message.ref).toBe(7);
      files.closed(asking);
      const { type } = message;
      resolve(type === "offer" ? { name: message.name, size: message.size } : message.code);
    };
    const check = token === undefined;
    const request: TransferRequest = { type: "fetch", name, check, token, ref: 7 };
    files.transfer(asking, clientAt(host), request, send, () => 0);
  });
}

test("a native client gets a file by its name, otherwise by its displayed name", async () => {
  const token = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
  for (const again of [undefined, token]) {
    expect(await fetched("esc.png", again)).toEqual({ name: "esc\u001b[31m.png", size: 3 });
  }
  expect(await fetched("esc\u001b[31m.png")).toEqual({ name: "esc\u001b[31m.png", size: 3 });
  expect(await fetched("lead")).toEqual({ name: " lead", size: 6 });
  // Both have that name if nothing is hidden.
  expect(await fetched("twin")).toEqual({ name: "twin", size: 5 });
  for (const name of ["same", "nobody", "../a.txt", "", " esc.png"]) {
    expect(await fetched(name)).toBe("not-found");
  }
  expect(service.transferCount).toBe(0);
});

test("a client that leaves during the search gets nothing, and keeps no slot", async () => {
  const lines: unknown[] = [];
  const asking = ++session;
  const request = { type: "fetch", name: "esc.png", check: true, ref: 7 } as const;
  files.transfer(
    asking,
    clientAt(host),
    request,
    (message) => lines.push(message),
    () => 0,
  );
  files.closed(asking);
  await fetched("esc.png");
  expect(lines).toEqual([]);
  expect(service.transferCount).toBe(0);
});

test("what a client only asks about is not logged as sent, nor kept until it leaves", async () => {
  const asking = ++session;
  const answers: string[] = [];
  const before = logged.length;
  for (let i = 0; i < 100; i++) {
    const request = { type: "fetch", name: "a.txt", check: true, ref: i } as const;
    files.transfer(
      asking,
      clientAt(host),
      request,
      ({ type }) => answers.push(type),
      () => 0,
    );
  }
  files.closed(asking);
  expect(answers).toEqual(Array.from({ length: 100 }, () => "offer"));
  expect(logged.slice(before)).toEqual([]);
});

/** Requests a page: its names, or the refusal's code. */
function page(after: string, limit: number, address = host): Promise<string[] | string> {
  const { owner } = clientAt(address);
  return new Promise((resolve) => {
    files.list({ after, limit, folders: false, owner }, (result) =>
      resolve(result instanceof ParleyError ? result.code : result.files.map((file) => file.name)),
    );
  });
}

test("few lists are read at once, and equal requests share one", async () => {
  const reading = spyOn(service.folder, "list");
  const same = Array.from({ length: 1_000 }, () => page("a", 2));
  const other = Array.from({ length: limits.maxListings }, (_, i) => page(`${i}`, 1));
  expect(reading).toHaveBeenCalledTimes(limits.maxListings);
  reading.mockRestore();
  for (const names of await Promise.all(same))
    expect(names).toEqual(["a.txt", "esc\u001b[31m.png"]);
  const answers = await Promise.all(other);
  expect(answers.pop()).toBe("full");
  for (const names of answers) expect(names).toEqual(["a.txt"]);
  expect(await page("0", 1)).toEqual(["a.txt"]);
});

test("one network leaves room for the lists that others request", async () => {
  const mallory = Array.from({ length: limits.maxListings }, (_, i) =>
    page(`${i}`, 2, "192.0.2.66"),
  );
  expect(await page("x", 1, "192.0.2.1")).toEqual([]);
  const answers = await Promise.all(mallory);
  expect(answers.filter((one) => one !== "full")).toHaveLength(limits.maxListingsPerOwner);
  expect(await page("0", 1, "192.0.2.66")).toEqual(["a.txt"]);
});

test("a failed list is not cached", async () => {
  const busy = new ParleyError("full", "busy");
  await later(async () => {
    const failing = spyOn(service.folder, "list").mockRejectedValue(busy);
    expect(await download("esc.png")).toBe("full");
    failing.mockRestore();
    expect(await download("esc.png")).toEqual({ name: "esc.png", sizeBytes: 3 });
  });
});

test("unlisted files are not found", async () => {
  const names = [
    "same",
    "same\u0007",
    "twin\u202e",
    "esc\u001b[31m.png",
    " lead",
    "../a.txt",
    "none",
    "",
  ];
  for (const name of names) expect([name, await download(name)]).toEqual([name, "not-found"]);
});

test("many answers leave turns for other work", async () => {
  let turns = 0;
  let going = true;
  const turn = () => {
    turns++;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  const given: number[] = [];
  const all = Array.from({ length: 50 }, () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const answer = () => {
      const untilMs = performance.now() + limits.answerSliceMs;
      while (performance.now() < untilMs);
      given.push(turns);
      resolve();
    };
    files.list({ after: "", limit: 1, folders: false, owner: clientAt(host).owner }, answer);
    return promise;
  });
  await Promise.all(all);
  going = false;
  expect(new Set(given).size).toBeGreaterThan(40);
});
