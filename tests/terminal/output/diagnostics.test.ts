// Diagnostics on stderr: lines for people unchanged, log lines with time and level, both as JSON
// with `json`.

import { describe, expect, test } from "bun:test";
import { logging, terminal as limits } from "../../../src/limits.ts";
import { createDiagnostics, type LogLevel } from "../../../src/terminal/output/diagnostics.ts";

function recorded({ level, colors = false }: { level?: string; colors?: boolean } = {}) {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  return { lines, diagnostics: createDiagnostics({ write, level, colors: () => colors }) };
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

/** Without the leading time, which each line must have. */
function untimed(lines: readonly string[]): string[] {
  return lines.map((line) => {
    expect(line).toMatch(time);
    return line.replace(time, "");
  });
}

/** The remaining lines of three at this level. */
function saidAt(level: LogLevel): string {
  const { lines, diagnostics } = recorded();
  diagnostics.configure({ level, json: false });
  diagnostics.say("a");
  diagnostics.warn("b");
  diagnostics.fail("c");
  return lines.join("");
}

/** The levels that are logged with this CONSOLA_LEVEL and this flag. */
function loggedAt(environment: string | undefined, flag?: LogLevel): (string | undefined)[] {
  const { lines, diagnostics } = recorded(environment === undefined ? {} : { level: environment });
  diagnostics.configure({ level: flag, json: false });
  for (const name of ["debug", "info", "warn", "error"] as const) diagnostics.log[name](name);
  return untimed(lines).map((line) => line.trim().split(/\s+/)[1]);
}

describe("lines for people", () => {
  test("are written unchanged", () => {
    const { lines, diagnostics } = recorded();
    diagnostics.say("Page: http://127.0.0.1:8000/");
    diagnostics.warn("Warning: anyone can join");
    diagnostics.fail("parley peer: no such thing");
    const expected = ["Page: http://127.0.0.1:8000/", "Warning: anyone can join"];
    expect(lines).toEqual([...expected, "parley peer: no such thing"]);
  });

  test("are never folded, however often one is repeated", () => {
    const { lines, diagnostics } = recorded();
    for (let i = 0; i < 50; i++) diagnostics.say("again");
    for (let i = 0; i < 50; i++) diagnostics.log.info("again");
    expect(lines.length).toBe(100);
  });

  test("are shown down to their level, errors at every level except silent", () => {
    expect(saidAt("silent")).toBe("");
    expect(saidAt("error")).toBe("c");
    expect(saidAt("warn")).toBe("bc");
    expect(saidAt("info")).toBe("abc");
  });
});

describe("a log", () => {
  test("has time, level, message and fields", () => {
    const { lines, diagnostics } = recorded();
    diagnostics.log.info("logged in", { name: "Ann Lee", address: "127.0.0.1", tls: false });
    diagnostics.log.warn("refused", { why: 'said "no"', name: undefined });
    diagnostics.log.error("disk full");
    expect(untimed(lines)).toEqual([
      'info  logged in name="Ann Lee" address=127.0.0.1 tls=false',
      'warn  refused why="said \\"no\\""',
      "error disk full",
    ]);
  });

  test("can't be forged by strangers' text", () => {
    const { lines, diagnostics } = recorded();
    const evil = "x\n2026-01-01T00:00:00.000Z error \u001b[31mforged\u0007 level=error";
    diagnostics.log.info("logged in", { name: evil, address: "127.0.0.1" });
    expect(untimed(lines)).toEqual([
      'info  logged in name="x 2026-01-01T00:00:00.000Z error forged level=error" address=127.0.0.1',
    ]);
    const long = "y".repeat(10 * limits.maxLogFieldChars);
    diagnostics.log.info("logged in", { name: long, address: "127.0.0.1" });
    expect(lines[1]).toEndWith("y… address=127.0.0.1");
    expect(lines[1]?.length).toBeLessThan(2 * limits.maxLogFieldChars);
  });

  test("takes its level from the flag, else from CONSOLA_LEVEL, a number or a name", () => {
    expect(loggedAt(undefined)).toEqual(["info", "warn", "error"]);
    expect(loggedAt("4")).toEqual(["debug", "info", "warn", "error"]);
    expect(loggedAt("0")).toEqual(["error"]);
    expect(loggedAt("-999")).toEqual([]);
    expect(loggedAt("warn")).toEqual(["warn", "error"]);
    expect(loggedAt("nonsense")).toEqual(["info", "warn", "error"]);
    expect(loggedAt("0", "debug")).toEqual(["debug", "info", "warn", "error"]);
  });

  test("colours its levels on a terminal only", () => {
    const { lines, diagnostics } = recorded({ colors: true });
    diagnostics.log.error("disk full");
    expect(untimed(lines)).toEqual(["\u001b[31merror\u001b[0m disk full"]);
  });

  test("is one object per line with --json, including lines for people", () => {
    const { lines, diagnostics } = recorded({ colors: true });
    diagnostics.configure({ level: undefined, json: true });
    diagnostics.log.info("logged in", { name: "Ann\u009b31m", connections: 3 });
    diagnostics.say("Page: http://127.0.0.1:8000/");
    const [logged, said] = lines.map((line) => JSON.parse(line));
    expect(Object.keys(logged)).toEqual([
      "event",
      "time",
      "level",
      "message",
      "name",
      "connections",
    ]);
    expect(logged).toMatchObject({
      event: "log",
      level: "info",
      message: "logged in",
      connections: 3,
    });
    expect(lines[0]).not.toContain("\u009b");
    expect(said).toMatchObject({
      event: "log",
      level: "info",
      message: "Page: http://127.0.0.1:8000/",
    });
  });

  test("omits a flood of events, counts it, and hides no error because of it", () => {
    const { lines, diagnostics } = recorded();
    const address = "198.51.100.7";
    const most = logging.networkBurst + logging.networkLinesPerSecond;
    for (let i = 0; i < 10 * most; i++) diagnostics.log.info("connected", { address });
    expect(lines.length).toBeLessThanOrEqual(most);
    const leftOut = 10 * most - lines.length;
    diagnostics.log.error("disk full");
    expect(untimed(lines.slice(-1))).toEqual(["error disk full"]);
    diagnostics.reportLeftOut();
    diagnostics.reportLeftOut();
    expect(untimed(lines.slice(-2))).toEqual([
      "error disk full",
      `info  lines left out kind=connected network=${address} lines=${leftOut}`,
    ]);
  });

  test("does not count lines hidden by its level", () => {
    const { lines, diagnostics } = recorded({ level: "warn" });
    for (let i = 0; i < 2 * logging.burst; i++) diagnostics.log.info("connected");
    diagnostics.reportLeftOut();
    expect(lines).toEqual([]);
  });
});
