// The `parley doctor` program: this machine alone, and the path to a server.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { run } from "./run.ts";
import { testFolder } from "../test-folder.ts";

// It measures for several seconds.
setDefaultTimeout(180_000);

const folder = testFolder("doctor");
let server: Parley | undefined;
let address = "";

beforeAll(async () => {
  writeFileSync(join(folder, "some.bin"), new Uint8Array(2_000_000));
  server = new Parley("server", "--port=0", "--no-web", `--files=${folder}`);
  address = (await server.line(/^Server listening on /)).replace("Server listening on ", "");
});

afterAll(() => server?.[Symbol.asyncDispose]());

type Line = {
  event: string;
  check: string;
  verdict: string;
  values: Record<string, unknown>;
};

test("one object per line: every check, with its numbers", async () => {
  const config = join(folder, "config");
  const { code, out, err } = await run(["doctor", address, "--json"], {
    env: { XDG_CONFIG_HOME: config, PARLEY_CLIENT_NAME: "Ann" },
  });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  expect(new Set(lines.map(({ event }) => event))).toEqual(new Set(["finding"]));
  const found = new Map(lines.map((line) => [line.check, line]));
  expect([...found.keys()].join(" ")).toBe(
    "udp-buffers offload descriptors aes sha setting " +
      "encryption round-trip clock loss mtu download upload nat",
  );
  expect(found.get("download")?.values).toMatchObject({ bytes: 2_000_000, over: "udp" });
  // On loopback, where packets are large, the download is complete before any progress is reported.
  expect(found.get("mtu")).toMatchObject({ verdict: "good" });
  expect(found.get("loss")?.values).toMatchObject({ sent: 100 });
  expect(found.get("loss")?.values["answered"]).toBeGreaterThan(0);
  const { offsetMs, errorMs } = found.get("clock")?.values ?? {};
  expect(Math.abs(Number(offsetMs))).toBeLessThan(1_000 + Number(errorMs));
  expect(found.get("nat")).toMatchObject({ verdict: "good", values: { address: "127.0.0.1" } });
  const settings = lines.filter(({ check }) => check === "setting").map(({ values }) => values);
  expect(settings).toContainEqual({ path: join(config, "parley/identity"), exists: false });
  expect(settings).toContainEqual({ variable: "PARLEY_CLIENT_NAME" });
});

test("no rate is told from a file that is too small to show one", async () => {
  const small = testFolder("small");
  writeFileSync(join(small, "small.txt"), "small");
  const options = ["--port=0", "--no-web", `--files=${small}`, `--state=${join(small, ".state")}`];
  await using other = new Parley("server", ...options);
  const at = (await other.line(/^Server listening on /)).replace("Server listening on ", "");
  const { code, out } = await run(["doctor", at]);
  expect(code).toBe(0);
  expect(out).toMatch(
    /^\? +download +.*not measured: the largest file that it shares has only 5 B$/m,
  );
});

test("an unreachable server: exit code 3, after the findings about this machine", async () => {
  const { code, out, err } = await run(["doctor", "127.0.0.1:1"]);
  expect(code).toBe(3);
  expect(out).toContain("descriptors");
  expect(err).toContain("Cannot connect to 127.0.0.1:1");
});

test("a second server whose name does not resolve is named", async () => {
  const { code, err } = await run(["doctor", address, "no-such-host.invalid"]);
  expect(code).toBe(3);
  expect(err).toMatch(/Cannot (?:find|look up) the host 'no-such-host.invalid'/);
});

test("an address that is none is refused before anything is measured", async () => {
  const { code, out, err } = await run(["doctor", "a:\u001b[31mb"]);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toStartWith("parley doctor: 'a:b' is not an address: write HOST:PORT");
});

test("at most two servers", async () => {
  const { code, err } = await run(["doctor", "a:1", "b:2", "c:3"]);
  expect({ code, err }).toEqual({
    code: 2,
    err: "parley doctor: 'c:3' is a third address: give at most two\n",
  });
});
