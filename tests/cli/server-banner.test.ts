// What a server prints when it is ready: addresses that work for the reader.

import { expect, test } from "bun:test";
import {
  exposureWarning,
  reachableHosts,
  type Reachable,
  serverBanner,
} from "../../src/cli/server-banner.ts";

const interfaces = {
  lo: [
    { address: "127.0.0.1", family: "IPv4", internal: true },
    { address: "::1", family: "IPv6", internal: true },
  ],
  eth0: [
    { address: "192.168.1.5", family: "IPv4", internal: false },
    { address: "fe80::1", family: "IPv6", internal: false },
    { address: "2001:db8::5", family: "IPv6", internal: false },
  ],
  wlan0: [{ address: "10.0.0.7", family: "IPv4", internal: false }],
};

const server: Reachable = {
  host: "127.0.0.1",
  port: 55_000,
  webPort: 8000,
  publicUrl: undefined,
  metricsPort: undefined,
  dialectPorts: new Map(),
  files: "./FILES",
  areFilesMissing: false,
};

function banner(more: Partial<Reachable>): string {
  return serverBanner({ ...server, ...more }, interfaces).join("\n");
}

test("of every address, those that other machines can use come first, loopback last", () => {
  expect(reachableHosts("0.0.0.0", interfaces)).toEqual(["192.168.1.5", "10.0.0.7", "127.0.0.1"]);
  expect(reachableHosts("::", interfaces)).toEqual([
    "192.168.1.5",
    "2001:db8::5",
    "10.0.0.7",
    "::1",
  ]);
  expect(reachableHosts("10.0.0.7", interfaces)).toEqual(["10.0.0.7"]);
  expect(reachableHosts("0.0.0.0", {})).toEqual(["127.0.0.1"]);
});

test("what to type, share and open has an address that works on other machines", () => {
  const lines = banner({ host: "0.0.0.0" });
  expect(lines).toContain("Page:          http://192.168.1.5:8000/");
  expect(lines).toContain("client 192.168.1.5:55000 --name NAME");
  expect(lines).toContain("nc 192.168.1.5 55000");
  expect(lines).toContain("Other addresses of this machine: 10.0.0.7, 127.0.0.1");
  expect(banner({ host: "2001:db8::5" })).toContain("client [2001:db8::5]:55000 --name");
  expect(banner({})).not.toContain("Other addresses");
});

test("only what exists is listed", () => {
  expect(banner({ publicUrl: new URL("https://chat.example") })).toContain(
    "Page:          https://chat.example/\n",
  );
  expect(banner({ webPort: undefined })).not.toContain("Page:");
  expect(banner({ metricsPort: 9100 })).toContain("Metrics:       http://127.0.0.1:9100/metrics");
  expect(banner({ dialectPorts: new Map([["cpp", 8080]]) })).toContain("cpp on port 8080");
  expect(banner({ areFilesMissing: true })).toContain("./FILES (create it to share files)");
});

test("a server that other machines can reach is worth a warning", () => {
  expect(exposureWarning("127.0.0.1")).toBeUndefined();
  expect(exposureWarning("0.0.0.0")).toStartWith("Warning: 0.0.0.0 is every address");
  expect(exposureWarning("10.0.0.7")).toStartWith("Warning: other machines can reach 10.0.0.7");
});
