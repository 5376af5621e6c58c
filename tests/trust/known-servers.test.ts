// The file of known servers: every written entry is found again, and a damaged line does not make a
// server unknown.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { findKnownServer, knownServerLine } from "../../src/trust/known-servers.ts";

const pins = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((hash) => Buffer.from(hash).toString("base64url"));
const servers = fc
  .tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => `${host}:${port}`);
const pin = Buffer.alloc(32, 7).toString("base64url");

test("every server is found again, whatever was written before and after it", () => {
  const entries = fc.uniqueArray(fc.tuple(servers, pins), {
    selector: ([server]) => server.toLowerCase(),
  });
  fc.assert(
    fc.property(entries, (list) => {
      let text = "";
      for (const [server, pin] of list) text += knownServerLine(text, server, pin);
      for (const [index, [server, pin]] of list.entries()) {
        const known = { kind: "known" as const, pin, line: index + 1 };
        expect(findKnownServer(text, server)).toEqual(known);
        expect(findKnownServer(text.replaceAll("\n", "\r\n"), server.toUpperCase())).toEqual(known);
      }
      expect(findKnownServer(text, "elsewhere.test.invalid:1")).toEqual({ kind: "unknown" });
    }),
  );
});

test("comments, blank lines and a last line without a line end do no harm", () => {
  const text = `# a:1 ${pin}\n\n  b:2\t${pin}  \nc:3 ${pin}`;
  expect(findKnownServer(text, "a:1")).toEqual({ kind: "unknown" });
  expect(findKnownServer(text, "b:2")).toEqual({ kind: "known", pin, line: 3 });
  const more = text + knownServerLine(text, "d:4", pin);
  expect(findKnownServer(more, "c:3")).toEqual({ kind: "known", pin, line: 4 });
  expect(findKnownServer(more, "d:4")).toEqual({ kind: "known", pin, line: 5 });
});

test("the first of two lines for a server counts, and one without a valid key is malformed", () => {
  const other = Buffer.alloc(32, 9).toString("base64url");
  expect(findKnownServer(`a:1 ${pin}\na:1 ${other}\n`, "a:1")).toMatchObject({ pin });
  for (const rest of ["", " ", " x", ` ${pin}x`, ` ${pin} more`, ` ${pin.slice(1)}`]) {
    const text = `b:2 ${pin}\na:1${rest}\na:1 ${pin}\n`;
    expect(findKnownServer(text, "a:1")).toEqual({ kind: "malformed", line: 2 });
  }
  // The port is part of the name.
  expect(findKnownServer(`a:11 ${pin}\n`, "a:1")).toEqual({ kind: "unknown" });
});
