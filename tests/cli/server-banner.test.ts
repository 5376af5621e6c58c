// The output of a server when it is ready: addresses that work for the reader.

import { expect, test } from "bun:test";
import {
  claimLines,
  exposureWarning,
  isForOthers,
  pageUrl,
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
  pin: "PIN",
  plain: false,
  isPageSecure: false,
  files: "./FILES",
  areFilesMissing: false,
};

function banner(more: Partial<Reachable>): string {
  return serverBanner({ ...server, ...more }, interfaces).join("\n");
}

function page(more: Partial<Reachable>): string {
  return pageUrl({ ...server, ...more }, interfaces) ?? "";
}

function ownerOf(more: Partial<Reachable>): string {
  return claimLines({ ...server, ...more }, "CODE", interfaces).join("\n");
}

test("the lines to type, share and open have an address that works on other machines", () => {
  const lines = banner({ host: "0.0.0.0" });
  expect(lines).toContain("Page:           http://192.168.1.5:8000/");
  expect(lines).toContain("Terminal:       parley client 192.168.1.5:55000#PIN --name NAME");
  expect(lines).toContain("Other addresses of this machine: 10.0.0.7, 127.0.0.1");
  expect(banner({ host: "2001:db8::5" })).toContain("client [2001:db8::5]:55000#PIN");
  expect(banner({})).not.toContain("Other addresses");
});

test("services without TLS are shown without it, and the key is shown too", () => {
  for (const more of [{}, { host: "192.0.2.1", plain: true }]) {
    const { host } = { host: "127.0.0.1", ...more };
    const lines = banner(more);
    expect(lines).toContain(`client ${host}:55000 --name NAME`);
    expect(lines).toContain(`nc ${host} 55000`);
    expect(lines).toContain(`${host}:55000#PIN`);
  }
  expect(banner({ host: "192.0.2.1" })).not.toContain("nc ");
  expect(banner({ isPageSecure: true })).toContain("Page:           https://127.0.0.1:8000/");
});

test("a public URL names the server, also for ports other than the page's", () => {
  const publicUrl = new URL("https://chat.example");
  const lines = banner({ host: "0.0.0.0", publicUrl });
  expect(lines).toContain("Page:           https://chat.example/");
  expect(lines).toContain("client chat.example:55000#PIN --name NAME");
  expect(lines).toContain("Other addresses of this machine: 192.168.1.5, 10.0.0.7, 127.0.0.1");
  expect(banner({ publicUrl })).toContain("client 127.0.0.1:55000 --name NAME");
});

test("a page that other machines can reach gets a QR code", () => {
  for (const host of ["127.0.0.1", "::1", "localhost"]) {
    expect([host, isForOthers(page({ host }))]).toEqual([host, false]);
  }
  expect(isForOthers(page({ host: "0.0.0.0" }))).toBe(true);
  expect(isForOthers(page({ host: "2001:db8::5" }))).toBe(true);
  expect(isForOthers(page({ publicUrl: new URL("https://chat.example") }))).toBe(true);
});

test("only what exists is listed", () => {
  expect(banner({ publicUrl: new URL("https://chat.example") })).toContain(
    "Page:           https://chat.example/\n",
  );
  expect(banner({ webPort: undefined })).not.toContain("Page:");
  expect(banner({ metricsPort: 9100 })).toContain("Metrics:        http://127.0.0.1:9100/metrics");
  expect(banner({ dialectPorts: new Map([["cpp", 8080]]) })).toContain("cpp on port 8080");
  expect(banner({ areFilesMissing: true })).toContain("./FILES (create it to share files)");
});

test("a server that other machines can reach gets a warning", () => {
  const open = { plain: false, isClosed: false };
  expect(exposureWarning("127.0.0.1", open)).toBeUndefined();
  expect(exposureWarning("0.0.0.0", { plain: false, isClosed: true })).toBeUndefined();
  expect(exposureWarning("0.0.0.0", { plain: true, isClosed: true })).toEndWith(
    "and those who are admitted can join, without encryption.",
  );
  expect(exposureWarning("0.0.0.0", open)).toStartWith("Warning: 0.0.0.0 is every address");
  expect(exposureWarning("10.0.0.7", open)).toStartWith(
    "Warning: other machines can reach 10.0.0.7",
  );
});

test("the first owner is shown a command that can be typed as it is", () => {
  expect(ownerOf({})).toEndWith(" admin 127.0.0.1:55000 claim CODE");
  expect(ownerOf({ host: "0.0.0.0" })).toEndWith(" admin 192.168.1.5:55000#PIN claim CODE");
});

test("paths show no control characters", () => {
  const path = "a\u001b[2J\u009b1m\u202eb\r";
  const lines = [...banner({ files: path }).split("\n"), ...claimLines(server, path, interfaces)];
  for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
});
