// The log's lines about a connection's transfers.

import { expect, test } from "bun:test";
import { TransferReport } from "../../../src/server/files/transfer-report.ts";
import { keepingLog } from "../../silent-log.ts";

const place = { address: "198.51.100.7", port: 40_000 };

test("each transfer ends once, with its file, its size and the reason", () => {
  const { log, logged } = keepingLog();
  const report = new TransferReport(log, place);
  for (const [transfer, name] of ["a", "b", "c"].entries()) {
    report.started(transfer, { name, size: 10 });
  }
  report.fetched(0);
  report.fetched(0);
  report.sent({ type: "error", code: "changed", transfer: 1, message: "It changed." });
  report.closed();
  const ended = (file: string, reason: string) => ({
    level: "info",
    message: "transfer ended",
    fields: { file, bytes: 10, seconds: expect.any(Number), reason, ...place },
  });
  expect(logged).toEqual([ended("a", "done"), ended("b", "changed"), ended("c", "lost")] as never);
});

test("a disk that fails is a warning", () => {
  const { log, logged } = keepingLog();
  const report = new TransferReport(log, place);
  report.started(1, { name: "a", size: 10 });
  report.sent({ type: "error", code: "unreadable", transfer: 1, message: "It can't be read." });
  report.sent({ type: "error", code: "unreadable", message: "The folder can't be read." });
  expect(logged.map(({ level }) => level)).toEqual(["warn", "warn"]);
});

test("a refusal has its code, and an unknown transfer has no file", () => {
  const { log, logged } = keepingLog();
  const report = new TransferReport(log, place);
  report.sent({ type: "error", code: "not-found", message: "No file 'x'" });
  report.sent({ type: "error", code: "stalled", transfer: 7, message: "Too slow." });
  report.fetched(7);
  report.closed();
  expect(logged).toEqual([
    { level: "info", message: "file refused", fields: { code: "not-found", ...place } },
  ]);
});
