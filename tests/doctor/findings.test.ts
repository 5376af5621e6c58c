// The conclusions of parley doctor from measurements, at and on both sides of each bound.

import { describe, expect, test } from "bun:test";
import {
  type Finding,
  type Machine,
  machineFindings,
  type MeasuredPath,
  pathFindings,
} from "../../src/doctor/findings.ts";

const machine: Machine = {
  platform: "linux",
  udp: { segment: true, merge: true, dontFragment: true, receiveBufferBytes: 8_388_608 },
  wantedBufferBytes: 8_388_608,
  descriptors: 20_000,
  aesBytesPerSecond: 2e9,
  shaBytesPerSecond: 1e9,
};

const probes = {
  sent: 100,
  answered: 100,
  seen: { address: "198.51.100.7", port: 40_000 },
  localPort: 40_000,
  isOwnAddress: false,
};

const path: MeasuredPath = {
  server: "chat.example:55000",
  isLoopback: false,
  isSecured: true,
  roundTripsMs: [20, 21, 22],
  clockOffsetsMs: [3, 4, 5],
  probes,
  download: { kind: "done", bytesPerSecond: 5e6, bytes: 1e7, segmentBytes: 1_432, over: "udp" },
};

function finding(check: string, findings: readonly Finding[]): Finding {
  const found = findings.filter((one) => one.check === check);
  expect(found.length).toBe(1);
  return found[0]!;
}

const ofMachine = (check: string, change: Partial<Machine>) =>
  finding(check, machineFindings({ ...machine, ...change }));
const ofPath = (check: string, change: Partial<MeasuredPath>) =>
  finding(check, pathFindings({ ...path, ...change }));

const buffers = (receiveBufferBytes: number, platform = "linux") =>
  ofMachine("udp-buffers", { platform, udp: { ...machine.udp, receiveBufferBytes } });
const descriptorsVerdict = (descriptors: number) =>
  ofMachine("descriptors", { descriptors }).verdict;
const clock = (...clockOffsetsMs: number[]) => ofPath("clock", { clockOffsetsMs });
const loss = (answered: number) => ofPath("loss", { probes: { ...probes, answered } });
const mtu = (segmentBytes: number, over: "udp" | "control" = "udp") =>
  ofPath("mtu", {
    download: { kind: "done", bytesPerSecond: 1, bytes: 1, segmentBytes, over },
  });
const nat = (change: Partial<MeasuredPath["probes"]>, others?: MeasuredPath["others"]) =>
  ofPath("nat", { probes: { ...probes, ...change }, others });

test("a good machine needs no advice", () => {
  for (const { verdict, advice } of machineFindings(machine)) {
    expect({ verdict, advice }).toEqual({ verdict: "good", advice: undefined });
  }
});

test("every verdict other than good has advice, or is unknown", () => {
  const worst = machineFindings({
    platform: "linux",
    udp: { segment: false, merge: false, dontFragment: false, receiveBufferBytes: 1 },
    wantedBufferBytes: 8_388_608,
    descriptors: 1,
    aesBytesPerSecond: 1,
    shaBytesPerSecond: 1,
  });
  const far = pathFindings({
    ...path,
    isSecured: false,
    roundTripsMs: [1, 1, 900],
    clockOffsetsMs: [60_000],
    probes: { ...probes, answered: 0 },
    download: { kind: "none", reason: "it shares no file" },
  });
  for (const one of [...worst, ...far]) {
    if (one.verdict === "fair" || one.verdict === "bad") expect(one.advice).toBeString();
  }
  expect(worst.map(({ verdict }) => verdict)).not.toContain("good");
});

describe("buffers", () => {
  test("are good in full, fair from a sixteenth on, and unknown at 0", () => {
    expect(buffers(8_388_608).verdict).toBe("good");
    expect(buffers(8_388_607).verdict).toBe("fair");
    expect(buffers(524_288).verdict).toBe("fair");
    expect(buffers(524_287).verdict).toBe("bad");
    expect(buffers(0).verdict).toBe("unknown");
  });

  test("name the setting of the platform", () => {
    expect(buffers(212_992).advice).toContain("net.core.rmem_max = 8388608");
    expect(buffers(212_992, "darwin").advice).toContain("kern.ipc.maxsockbuf");
  });
});

test("descriptors", () => {
  expect([999, 1_000, 9_999, 10_000, Infinity].map(descriptorsVerdict)).toEqual([
    "bad",
    "fair",
    "fair",
    "good",
    "unknown",
  ]);
});

test("plain text is only good on this machine", () => {
  expect(ofPath("encryption", { isSecured: false }).verdict).toBe("bad");
  expect(ofPath("encryption", { isSecured: false, isLoopback: true }).verdict).toBe("good");
});

describe("the clock", () => {
  test("agrees within half a round trip", () => {
    expect(clock(11).says).toBe("this clock agrees with the server's");
    expect(clock(-11).says).toBe("this clock agrees with the server's");
    expect(clock(12).says).toBe("this clock is 12 ms behind the server's");
    expect(clock(-12).says).toBe("this clock is 12 ms ahead of the server's");
  });

  test("is bad from two seconds on; one outlier changes nothing", () => {
    expect(clock(1_999).verdict).toBe("good");
    expect(clock(2_000).verdict).toBe("bad");
    expect(clock(3, 4, 90_000).verdict).toBe("good");
    expect(clock().verdict).toBe("unknown");
  });
});

test("loss", () => {
  expect(loss(100).says).toBe("all of 100 datagrams were answered");
  expect(loss(98)).toMatchObject({ verdict: "good" });
  expect(loss(97)).toMatchObject({ verdict: "fair", values: { sent: 100, answered: 97 } });
  expect(loss(97).says).toStartWith("3.0 % of");
  expect(loss(89).verdict).toBe("bad");
  expect(loss(0).says).toContain("UDP is blocked");
});

test("the MTU: Ethernet's is good, a tunnel's is reported", () => {
  expect(mtu(1_424).verdict).toBe("good");
  expect(mtu(1_423).verdict).toBe("fair");
  expect(mtu(1_424, "control").verdict).toBe("unknown");
  expect(mtu(0).verdict).toBe("unknown");
});

describe("NAT", () => {
  test("there is none if the server sees an address of this machine", () => {
    expect(nat({ isOwnAddress: true }).verdict).toBe("good");
  });

  test("with one server only the port can be compared, and the result says what is unknown", () => {
    expect(nat({}).says).toStartWith(
      "a NAT keeps the port: the server sees 198.51.100.7, port 40000",
    );
    expect(nat({ localPort: 1 }).says).toStartWith("a NAT changes the port");
    expect(nat({})).toMatchObject({ verdict: "fair" });
    expect(nat({}).says).toContain("can't be told with one server");
    expect(nat({ seen: undefined }).verdict).toBe("unknown");
  });

  test("with two, the mapping is the same for both, or differs by destination", () => {
    expect(nat({}, probes)).toMatchObject({ verdict: "good", values: { isSame: true } });
    const elsewhere = { ...probes, seen: { address: "198.51.100.7", port: 40_001 } };
    expect(nat({}, elsewhere)).toMatchObject({ verdict: "bad", values: { isSame: false } });
    expect(nat({}, { ...probes, seen: undefined, answered: 0 }).verdict).toBe("fair");
    // A NAT of IPv4 does nothing to IPv6.
    const overIPv6 = nat({}, { ...probes, seen: { address: "2001:db8::7", port: 1 } });
    expect(overIPv6.verdict).toBe("fair");
    expect(overIPv6.says).toContain("can't be told with one over IPv4 and one over IPv6");
    expect(overIPv6.advice).toStartWith("give a second server's IPv4 address");
  });
});
