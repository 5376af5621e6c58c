// The bytes of a shared file over HTTP: in ranges of one version, continued after lost connections.

import { expect, test } from "bun:test";
import { pageFiles as limits } from "../../src/limits.ts";
import { fetchSha256 } from "../../src/page/file-api.ts";
import { fileBytes } from "../../src/page/file-bytes.ts";
import { noise } from "../noise.ts";

type Answer = (start: number, end: number) => Response | Promise<Response>;

/** Reads a file from a server that answers with the next of `answers`, the last one repeatedly. */
async function read(totalBytes: number, ...answers: readonly Answer[]) {
  const asked: (string | undefined)[] = [];
  let rests = 0;
  const pieces: Uint8Array[] = [];
  let problem: unknown;
  try {
    const bytes = fileBytes("a b", totalBytes, {
      async fetch(url, { headers }) {
        expect(url).toBe("/files/a%20b");
        const { Range, "If-Match": version } = (headers ?? {}) as Record<string, string>;
        asked.push(version === undefined ? Range : `${Range} of ${version}`);
        const [start = 0, end = totalBytes - 1] = (Range?.slice(6).split("-") ?? []).map(Number);
        const answer = answers[Math.min(asked.length, answers.length) - 1];
        return await answer!(start, end + 1);
      },
      rest: async (ms) => {
        expect(ms).toBe(limits.retryMs);
        rests++;
      },
    });
    for await (const piece of bytes) pieces.push(piece);
  } catch (error) {
    problem = error;
  }
  return { bytes: Buffer.concat(pieces), asked, rests, problem };
}

const content = noise(2 * limits.rangeBytes + 1_000);
const part: Answer = (start, end) =>
  new Response(content.slice(start, end), { status: 206, headers: { ETag: '"1"' } });
const lost: Answer = () => Promise.reject(new TypeError("Failed to fetch"));
/** The connection is lost after that many bytes. */
const cut =
  (bytes: number): Answer =>
  (start) => {
    let isSent = false;
    const body = new ReadableStream({
      pull(to) {
        if (isSent) return to.error(new TypeError("network error"));
        isSent = true;
        to.enqueue(content.slice(start, start + bytes));
      },
    });
    return new Response(body, { status: 206, headers: { ETag: '"1"' } });
  };

test("a small file is one request, even an empty one", async () => {
  const whole: Answer = (start, end) => new Response(content.slice(start, end));
  const small = await read(1_000, whole);
  expect([small.bytes.equals(content.subarray(0, 1_000)), small.asked]).toEqual([
    true,
    [undefined],
  ]);
  const empty = await read(0, () => new Response(""));
  expect([empty.bytes.length, empty.asked, empty.problem]).toEqual([0, [undefined], undefined]);
});

test("a larger one comes in ranges of one version", async () => {
  const { bytes, asked, rests } = await read(content.length, part);
  expect(bytes.equals(content)).toBe(true);
  const [first, second] = [limits.rangeBytes, 2 * limits.rangeBytes];
  expect(asked).toEqual([
    `bytes=0-${first - 1}`,
    `bytes=${first}-${second - 1} of "1"`,
    `bytes=${second}-${content.length - 1} of "1"`,
  ]);
  expect(rests).toBe(0);
});

test("after a lost connection it continues with the next byte", async () => {
  const { bytes, asked, rests } = await read(content.length, cut(5_000), lost, lost, part);
  expect(bytes.equals(content)).toBe(true);
  expect(asked[3]).toBe(`bytes=5000-${5_000 + limits.rangeBytes - 1} of "1"`);
  expect(rests).toBe(3);
  const small = await read(1_000, (start, end) => cut(400)(start, end), part);
  expect(small.bytes.equals(content.subarray(0, 1_000))).toBe(true);
  expect(small.asked).toEqual([undefined, 'bytes=400-999 of "1"']);
});

/** A proxy of a server that restarts; a server that is busy, or has not seen its user return. */
const passing = [502, 503, 504, 429, 401];

test("what a server refuses for the moment is asked for again", async () => {
  for (const status of passing) {
    const busy: Answer = () => Response.json({ message: "Later" }, { status });
    const { bytes, rests, problem } = await read(content.length, part, busy, busy, part);
    expect([problem, rests]).toEqual([undefined, 2]);
    expect(bytes.equals(content)).toBe(true);
  }
  const gone = await read(content.length, part, () =>
    Response.json({ message: "There is no such file" }, { status: 404 }),
  );
  expect([String(gone.problem), gone.rests]).toEqual(["Error: There is no such file", 0]);
});

test("so is its hash, and after a lost connection", async () => {
  const sha256 = "0f".repeat(32);
  const answers = [
    () => Promise.reject(new TypeError("Failed to fetch")),
    ...passing.map((status) => () => Response.json({ message: "Later" }, { status })),
    () => Response.json({ sha256 }),
  ];
  let rests = 0;
  const found = await fetchSha256("a b", {
    async fetch(url) {
      expect(url).toBe("/files/a%20b?sha256");
      return await answers.shift()!();
    },
    rest: async () => void rests++,
  });
  expect([found, rests]).toEqual([sha256, passing.length + 1]);
  const gone = fetchSha256("a b", {
    fetch: async () => Response.json({ message: "There is no such file" }, { status: 404 }),
    rest: () => Promise.reject(new Error("tried again")),
  });
  await expect(gone).rejects.toThrow("There is no such file");
});

test("it gives up when nothing comes for too long", async () => {
  const { problem, rests } = await read(content.length, cut(5_000), lost);
  expect(problem).toBeInstanceOf(TypeError);
  expect(rests).toBe(limits.maxRetries);
});

test("another version, or another answer, is an error", async () => {
  const after = await read(content.length, part, () => new Response(null, { status: 412 }));
  expect(String(after.problem)).toBe("Error: The file has just changed. Try again.");
  const other = await read(content.length, part, () => new Response(content.slice(0, 100)));
  expect(String(other.problem)).toBe("Error: The server sent an unexpected answer.");
});

test("a file that is emptied meanwhile is an error", async () => {
  const { problem, asked } = await read(1_000, () => new Response(""));
  expect(String(problem)).toBe("Error: The file has just changed. Try again.");
  expect(asked).toEqual([undefined]);
});

test("whoever stops reading keeps no connection open", async () => {
  const cancelled = Promise.withResolvers<string>();
  const body = new ReadableStream({
    pull: (to) => to.enqueue(content.slice(0, 1_000)),
    cancel: () => cancelled.resolve("cancelled"),
  });
  const bytes = fileBytes("a", 5_000, {
    fetch: async () => new Response(body),
    rest: async () => {},
  });
  for await (const piece of bytes) {
    expect(piece.length).toBe(1_000);
    break;
  }
  expect(await cancelled.promise).toBe("cancelled");
});

test("who stops it gets no more of it, and asks for no more", async () => {
  const stop = new AbortController();
  let asked = 0;
  const bytes = fileBytes("a", content.length, {
    fetch: async (_, { signal }) => {
      signal?.throwIfAborted();
      const start = limits.rangeBytes * asked++;
      return await part(start, start + limits.rangeBytes);
    },
    rest: () => Promise.reject(new Error("tried again")),
    signal: stop.signal,
  });
  const read = async (): Promise<void> => {
    for await (const _ of bytes) stop.abort();
  };
  await expect(read()).rejects.toThrow("aborted");
  expect(asked).toBe(1);
});
