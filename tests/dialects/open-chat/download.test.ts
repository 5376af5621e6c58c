// open-chat's download: the pickles byte for byte, the requests, and which addresses get answers
// for how long.

import { expect, test } from "bun:test";
import { OpenChatDownload, readDownloadRequest } from "../../../src/dialects/open-chat/download.ts";
import { picklePart } from "../../../src/dialects/open-chat/pickle.ts";
import { openChatDownload as limits } from "../../../src/limits.ts";
import { python3, runPython } from "../../python.ts";
import { skipUnless } from "../../skip.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("a pickle is identical to Python's protocol 3", () => {
  expect(picklePart(new Uint8Array(1000)).length).toBe(1016);
  expect(hex(picklePart(new Uint8Array(0)))).toBe("8003430071004b008671012e");
  expect(hex(picklePart(bytesOf("abc")))).toBe("8003430361626371004b038671012e");
  expect(hex(picklePart(new Uint8Array(256).fill(1)))).toBe(
    `80034200010000${"01".repeat(256)}71004d00018671012e`,
  );
});

skipUnless(python3 !== undefined, "no python3 on this machine")(
  "a real Python reads the pickles and writes the same",
  async () => {
    const sizes = [0, 1, 9, 255, 256, 257, 999, 1000];
    const parts = sizes.map((size) => Uint8Array.from({ length: size }, (_, i) => i & 0xff));
    const program = `
import json, pickle, sys
for line in json.load(sys.stdin):
    data = bytes.fromhex(line)
    part, count = pickle.loads(data)
    assert type(part) is bytes and count == len(part) and len(data) <= 1024
    assert part == bytes(i & 255 for i in range(count))
    assert pickle.dumps((part, count), protocol=3) == data, count
print("same")
`;
    const input = JSON.stringify(parts.map((part) => hex(picklePart(part))));
    expect(await runPython(program, input)).toBe("same\n");
  },
);

test("requests", () => {
  expect(readDownloadRequest(bytesOf("part 0"))).toEqual({ type: "part", index: 0 });
  expect(readDownloadRequest(bytesOf("part 482\n"))).toEqual({ type: "part", index: 482 });
  expect(readDownloadRequest(bytesOf("finished"))).toEqual({ type: "finished" });
  for (const text of [
    "",
    "part",
    "part ",
    "part -1",
    "part 1.5",
    "part 0x1",
    "part 1 2",
    "Part 1",
    "part 9999999999999999",
    "p".repeat(65),
  ]) {
    expect([text, readDownloadRequest(bytesOf(text))]).toEqual([text, undefined]);
  }
});

test("parts, the one at the end, and those beyond it", () => {
  const download = new OpenChatDownload(2_500, undefined, 0);
  const ask = (text: string) => download.receive(bytesOf(text), "127.0.0.1", 9, 0);
  expect(ask("part 0")).toEqual({ type: "send", offset: 0, length: 1000 });
  expect(ask("part 2")).toEqual({ type: "send", offset: 2000, length: 500 });
  expect(ask("part 0")).toEqual({ type: "send", offset: 0, length: 1000 });
  expect(ask("part 3")).toEqual({ type: "send", offset: 2500, length: 0 });
  expect(ask("part 999999999999999")).toEqual({ type: "send", offset: 2500, length: 0 });
  expect(ask("nonsense")).toEqual({ type: "ignore" });
  expect(ask("finished")).toEqual({ type: "close", early: false });
});

test("if 1000 divides the size, the last part is empty", () => {
  const download = new OpenChatDownload(2_000, undefined, 0);
  expect(download.receive(bytesOf("part 2"), "::1", 9, 0)).toEqual({
    type: "send",
    offset: 2000,
    length: 0,
  });
});

test("only the client's address gets answers, and of its ports the first that sends a request", () => {
  const download = new OpenChatDownload(10, "10.0.0.1", 0);
  expect(download.receive(bytesOf("part 0"), "10.0.0.2", 9, 0).type).toBe("ignore");
  expect(download.receive(bytesOf("nonsense"), "10.0.0.1", 8, 0).type).toBe("ignore");
  expect(download.receive(bytesOf("part 0"), "10.0.0.1", 9, 0).type).toBe("send");
  expect(download.receive(bytesOf("finished"), "10.0.0.1", 10, 0).type).toBe("ignore");
  expect(download.receive(bytesOf("finished"), "10.0.0.1", 9, 0).type).toBe("close");
});

test("only requests extend the deadline", () => {
  const download = new OpenChatDownload(10, undefined, 1_000);
  expect(download.deadlineMs).toBe(1_000 + limits.firstRequestMs);
  download.receive(bytesOf("noise"), "127.0.0.1", 9, 5_000);
  expect(download.deadlineMs).toBe(1_000 + limits.firstRequestMs);
  download.receive(bytesOf("part 0"), "127.0.0.1", 9, 5_000);
  expect(download.deadlineMs).toBe(5_000 + limits.idleMs);
});

test("requesting the same part forever does not keep a port", () => {
  const download = new OpenChatDownload(10, undefined, 0);
  let answers = 0;
  while (download.receive(bytesOf("part 0"), "127.0.0.1", 9, 0).type === "send") answers++;
  expect(answers).toBe(limits.maxRequestsPerPart + limits.spareRequests);
});
