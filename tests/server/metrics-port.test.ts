// Prometheus metrics, and who can read them.

import { afterAll, expect, test } from "bun:test";
import { createDatabaseMetrics, createMetrics, observe } from "../../src/chat/metrics/metrics.ts";
import { reachableHosts } from "../../src/io/host-port.ts";
import { openMetricsPort } from "../../src/server/metrics-port.ts";
import { skipUnless } from "../skip.ts";

const promtool = Bun.which("promtool");
const withPromtool = skipUnless(promtool !== null, "promtool(1) is missing: install prometheus");

const metrics = createMetrics();
metrics.connectionsRefused.set('odd"\\\n', 2);
const database = createDatabaseMetrics();
observe(database.latency, 0.004);
observe(database.latency, 20);
database.outcomes.unknown = 3;
metrics.database = database;
let refreshed = 0;
const opened = openMetricsPort({ port: 0, metrics, version: "1.2.3", refresh: () => refreshed++ });
afterAll(() => opened.close());

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${opened.port}${path}`, { headers });

test("metrics are in Prometheus's format", async () => {
  const answer = await get("/metrics");
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await answer.text();
  expect(refreshed).toBe(1);
  expect(text).toContain('parley_build_info{version="1.2.3"} 1\n');
  expect(text).toContain('parley_connections_refused_total{reason="odd\\"\\\\\\n"} 2\n');
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  expect(text).toContain('parley_database_request_duration_seconds_bucket{le="0.0025"} 0\n');
  expect(text).toContain('parley_database_request_duration_seconds_bucket{le="0.005"} 1\n');
  expect(text).toContain('parley_database_request_duration_seconds_bucket{le="10"} 1\n');
  expect(text).toContain('parley_database_request_duration_seconds_bucket{le="+Inf"} 2\n');
  expect(text).toContain('parley_database_requests_total{outcome="unknown"} 3\n');
  for (const line of text.trimEnd().split("\n")) {
    expect(line).toMatch(/^# (HELP|TYPE) \w+ .+$|^[a-z_]+(\{\w+="(\\.|[^"\\])*"\})? [\d.e+-]+$/);
  }
});

withPromtool("Prometheus's own checker has nothing to say about them", async () => {
  const text = new Blob([await (await get("/metrics")).bytes()]);
  const { exitCode, stdout, stderr } = Bun.spawnSync([promtool!, "check", "metrics"], {
    stdin: text,
  });
  expect(stdout.toString() + stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
});

test("a store in this process reports no database", async () => {
  metrics.database = undefined;
  expect(await (await get("/metrics")).text()).not.toContain("parley_database");
  metrics.database = database;
});

const others = reachableHosts("0.0.0.0").filter((host) => host !== "127.0.0.1");
const withOthers = skipUnless(others.length > 0, "an address besides loopback is needed");

withOthers("nothing is served at the machine's other addresses", async () => {
  for (const host of others) {
    const status = await fetch(`http://${host}:${opened.port}/metrics`).then(
      (answer) => answer.status,
      () => "refused",
    );
    expect(status).toBe("refused");
  }
});

test("nothing else is served, and no rebound web page can read them", async () => {
  expect((await get("/")).status).toBe(404);
  expect((await get("/metrics", { Host: "evil.example" })).status).toBe(421);
  const posted = await fetch(`http://127.0.0.1:${opened.port}/metrics`, { method: "POST" });
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});
