// Interprets measurements of a machine and of a path, and gives advice. Pure: the numbers are
// parameters.

import { isIPv6 } from "../addresses.ts";
import { sizeText } from "../size-text.ts";

/** `unknown`: it could not be measured; `says` explains why. */
export type Verdict = "good" | "fair" | "bad" | "unknown";

export type Finding = {
  check: string;
  verdict: Verdict;
  says: string;
  /** What to do; undefined if nothing. */
  advice?: string | undefined;
  /** The measured values, for programs; names end in the unit. */
  values: Readonly<Record<string, number | string | boolean | null>>;
};

export type Machine = {
  platform: string;
  /** Properties of a UDP socket. */
  udp: {
    segment: boolean;
    merge: boolean;
    dontFragment: boolean;
    /** 0 if unknown. */
    receiveBufferBytes: number;
  };
  wantedBufferBytes: number;
  /** Maximum number of open descriptors; Infinity: as many as needed. */
  descriptors: number;
  aesBytesPerSecond: number;
  shaBytesPerSecond: number;
};

export type MeasuredPath = {
  /** As given. */
  server: string;
  isLoopback: boolean;
  isSecured: boolean;
  roundTripsMs: readonly number[];
  /**
   * For each answer: the server's clock minus the local clock half a round trip before the answer
   * arrived.
   */
  clockOffsetsMs: readonly number[];
  probes: Probes;
  /** The same from the same local port to a second server. */
  others?: Probes | undefined;
  download: MeasuredDownload;
};

/** Results of datagrams that a server answers with the address it sees. */
export type Probes = {
  sent: number;
  answered: number;
  /** The address that the server saw; undefined if there was no answer. */
  seen: { address: string; port: number } | undefined;
  localPort: number;
  /** Whether `seen.address` is an address of this machine. */
  isOwnAddress: boolean;
};

export type MeasuredDownload =
  | { kind: "none"; reason: string }
  | {
      kind: "done";
      bytesPerSecond: number;
      bytes: number;
      segmentBytes: number;
      over: "udp" | "control";
    };

export function machineFindings(machine: Machine): Finding[] {
  return [
    buffers(machine),
    offload(machine),
    descriptors(machine),
    speed("aes", "AES-256-GCM", machine.aesBytesPerSecond, 1e9, 0.3e9),
    speed("sha", "SHA-256", machine.shaBytesPerSecond, 0.5e9, 0.1e9),
  ];
}

export function pathFindings(path: MeasuredPath): Finding[] {
  return [
    encryption(path),
    roundTrip(path),
    clock(path),
    loss(path),
    mtu(path),
    rate(path),
    {
      check: "upload",
      verdict: "unknown",
      says: "the rate towards the server is not measured: it takes no test data",
      values: {},
    },
    nat(path),
  ];
}

function buffers({ platform, udp, wantedBufferBytes }: Machine): Finding {
  const { receiveBufferBytes: bytes } = udp;
  const values = { receiveBufferBytes: bytes, wantedBytes: wantedBufferBytes };
  const check = "udp-buffers";
  if (bytes === 0) {
    const says = "the size of socket buffers can't be read on this system";
    return { check, verdict: "unknown", says, values };
  }
  const wanted = `${sizeText(wantedBufferBytes)} that parley asks for`;
  if (bytes >= wantedBufferBytes) {
    return { check, verdict: "good", says: `UDP sockets get the buffer of ${wanted}`, values };
  }
  const says = `UDP sockets get a buffer of ${sizeText(bytes)} instead of the ${wanted}`;
  const setting = `net.core.rmem_max = ${wantedBufferBytes}`;
  const advice =
    platform === "linux"
      ? `fast transfers may lose datagrams: put \`${setting}\` and the same for wmem_max into /etc/sysctl.d/parley.conf, then run \`sysctl --system\``
      : "fast transfers may lose datagrams: raise kern.ipc.maxsockbuf";
  return { check, verdict: bytes * 16 < wantedBufferBytes ? "bad" : "fair", says, advice, values };
}

function offload({ platform, udp: { segment, merge, dontFragment } }: Machine): Finding {
  const values = { segment, merge, dontFragment };
  const check = "offload";
  if (segment && merge && dontFragment) {
    const says = "the kernel sends and receives many datagrams at once";
    return { check, verdict: "good", says, values };
  }
  const missing = [
    ...(segment ? [] : ["send many datagrams at once"]),
    ...(merge ? [] : ["receive many at once"]),
    ...(dontFragment ? [] : ["find the MTU"]),
  ];
  const advice =
    platform === "linux"
      ? "use Linux 5.0 or later, and an architecture on which parley can call libc"
      : "nothing: only Linux can, and elsewhere transfers take more of the processor";
  return { check, verdict: "fair", says: `the kernel can't ${missing.join(", ")}`, advice, values };
}

function descriptors({ descriptors: limit }: Machine): Finding {
  const check = "descriptors";
  if (limit === Number.POSITIVE_INFINITY) {
    const says = "how many connections and files may be open can't be read on this system";
    return { check, verdict: "unknown", says, values: {} };
  }
  const values = { limit };
  const says = `${limit} connections and files may be open at once`;
  if (limit >= 10_000) return { check, verdict: "good", says, values };
  const advice =
    "for a server raise it: LimitNOFILE=32768 in its systemd unit, or `ulimit -n` before it starts";
  return { check, verdict: limit < 1_000 ? "bad" : "fair", says, advice, values };
}

function speed(
  check: string,
  name: string,
  bytesPerSecond: number,
  goodFrom: number,
  fairFrom: number,
): Finding {
  const values = { bytesPerSecond: Math.round(bytesPerSecond) };
  const says = `${name} runs at ${sizeText(bytesPerSecond)}/s on one core`;
  if (bytesPerSecond >= goodFrom) return { check, verdict: "good", says, values };
  const advice =
    check === "aes"
      ? "it limits transfers over fast networks: check that the processor has AES instructions, and that the virtual machine passes them on"
      : "it only limits `--sha256` and `--checksum`: leave them out for large files";
  return { check, verdict: bytesPerSecond >= fairFrom ? "fair" : "bad", says, advice, values };
}

function encryption({ isSecured, isLoopback, server }: MeasuredPath): Finding {
  const check = "encryption";
  const values = { tls: isSecured };
  if (isSecured) return { check, verdict: "good", says: "the connection uses TLS 1.3", values };
  if (isLoopback) {
    return { check, verdict: "good", says: "plain text, which stays on this machine", values };
  }
  const says = `the connection to ${server} is plain text: everybody on the way can read it`;
  return { check, verdict: "bad", says, advice: "connect without --plain", values };
}

function roundTrip({ roundTripsMs }: MeasuredPath): Finding {
  const check = "round-trip";
  const median = medianOf(roundTripsMs);
  const [least, most] = [Math.min(...roundTripsMs), Math.max(...roundTripsMs)];
  if (median === undefined) {
    return { check, verdict: "unknown", says: "the server answers no ping", values: {} };
  }
  const values = { medianMs: rounded(median), minMs: rounded(least), maxMs: rounded(most) };
  const says = `a round trip takes ${msText(median)} (${msText(least)} to ${msText(most)})`;
  if (most < 3 * median + 30) {
    return { check, verdict: median < 300 ? "good" : "fair", says, values };
  }
  const advice =
    "it varies: something on the path, often Wi-Fi or a full queue, holds packets back";
  return { check, verdict: "fair", says, advice, values };
}

/** A clock error of this size makes message times confusing. */
const confusingMs = 2_000;

function clock({ clockOffsetsMs, roundTripsMs }: MeasuredPath): Finding {
  const check = "clock";
  const offset = medianOf(clockOffsetsMs);
  if (offset === undefined) {
    const says = "the server does not say what time it is";
    return { check, verdict: "unknown", says, values: {} };
  }
  // If one direction takes no time at all, the error is half of the shortest round trip.
  const errorMs = Math.min(...roundTripsMs) / 2 + 1;
  const values = { offsetMs: rounded(offset), errorMs: rounded(errorMs) };
  const size = Math.abs(offset);
  if (size <= errorMs) {
    return { check, verdict: "good", says: "this clock agrees with the server's", values };
  }
  const says = `this clock is ${msText(size)} ${offset > 0 ? "behind" : "ahead of"} the server's`;
  if (size < confusingMs) return { check, verdict: "good", says, values };
  const advice =
    "the times of messages will look wrong: switch on NTP on both machines (`timedatectl set-ntp true`)";
  return { check, verdict: "bad", says, advice, values };
}

function loss({ probes: { sent, answered } }: MeasuredPath): Finding {
  const check = "loss";
  const values = { sent, answered };
  if (answered === 0) {
    const says = `none of ${sent} datagrams was answered: UDP is blocked`;
    const advice =
      "open the server's UDP port (the number of its TCP port) in firewalls; until then files come over TCP, more slowly on long paths";
    return { check, verdict: "bad", says, advice, values };
  }
  const lost = (sent - answered) / sent;
  const percent = (lost * 100).toFixed(lost > 0 && lost < 0.1 ? 1 : 0);
  const says =
    lost === 0
      ? `all of ${sent} datagrams were answered`
      : `${percent} % of ${sent} datagrams were not answered, both ways together`;
  if (lost <= 0.02) return { check, verdict: "good", says, values };
  const advice = "transfers cope with it; look for Wi-Fi, a bad cable or an overloaded link";
  return { check, verdict: lost > 0.1 ? "bad" : "fair", says, advice, values };
}

/** IPv6 guarantees 1280 bytes, Ethernet has 1500; minus the headers of IPv6, UDP and a segment. */
const ethernetSegmentBytes = 1_500 - 40 - 8 - 28;
const overheadBytes = 20 + 8 + 28;

function mtu({ download }: MeasuredPath): Finding {
  const check = "mtu";
  if (download.kind === "none") {
    const says = "the MTU of the path is found while a file is fetched, and none was";
    return { check, verdict: "unknown", says, values: {} };
  }
  if (download.over === "control") {
    return {
      check,
      verdict: "unknown",
      says: "without UDP, there is no need to find the MTU",
      values: {},
    };
  }
  const { segmentBytes } = download;
  if (segmentBytes === 0) {
    const says = "the download was too short to find the MTU of the path";
    return { check, verdict: "unknown", says, values: {} };
  }
  const mtuBytes = segmentBytes + overheadBytes;
  const values = { segmentBytes, mtuBytes };
  const says = `packets of about ${mtuBytes} bytes get through`;
  if (segmentBytes >= ethernetSegmentBytes) return { check, verdict: "good", says, values };
  const advice = "a tunnel or VPN on the path makes packets smaller; transfers adapt to it";
  return { check, verdict: "fair", says, advice, values };
}

function rate({ download }: MeasuredPath): Finding {
  const check = "download";
  if (download.kind === "none") {
    const says = `the rate from the server is not measured: ${download.reason}`;
    const advice = "share a file of some megabytes in the server's folder";
    return { check, verdict: "unknown", says, advice, values: {} };
  }
  const { bytesPerSecond, bytes, over } = download;
  const values = { bytesPerSecond: Math.round(bytesPerSecond), bytes, over };
  const says = `files come at ${sizeText(bytesPerSecond)}/s${over === "udp" ? "" : ", over TCP"}`;
  return { check, verdict: over === "udp" ? "good" : "fair", says, values };
}

function nat({ probes, others }: MeasuredPath): Finding {
  const check = "nat";
  const { seen, localPort, isOwnAddress } = probes;
  if (seen === undefined) {
    return {
      check,
      verdict: "unknown",
      says: "without UDP, nothing can be said about a NAT",
      values: {},
    };
  }
  const values = { address: seen.address, port: seen.port, localPort };
  if (isOwnAddress) {
    const says = `there is no NAT: the server sees ${seen.address}, an address of this machine`;
    return { check, verdict: "good", says, values };
  }
  const kept = seen.port === localPort ? "keeps the port" : "changes the port";
  const start = `a NAT ${kept}: the server sees ${seen.address}, port ${seen.port}`;
  const second = others?.seen;
  if (second === undefined || isIPv6(second.address) !== isIPv6(seen.address)) {
    const few = second === undefined ? "one server" : "one over IPv4 and one over IPv6";
    const says = `${start}. Whether others can reach that port can't be told with ${few}`;
    const family = second === undefined ? "" : isIPv6(seen.address) ? "IPv6 " : "IPv4 ";
    const advice = `give a second server's ${family}address to compare the ports that both see`;
    return { check, verdict: "fair", says, advice, values };
  }
  const isSame = second.port === seen.port && second.address === seen.address;
  const both = { ...values, isSame };
  if (isSame) {
    const says = `${start}, and so does the second: two such machines can reach each other directly`;
    return { check, verdict: "good", says, values: both };
  }
  const says = `${start}, the second one port ${second.port}: direct paths to others will often fail`;
  const advice = "what can't go directly is relayed; a router with UPnP or IPv6 would help";
  return { check, verdict: "bad", says, advice, values: both };
}

function medianOf(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function msText(ms: number): string {
  if (ms >= 10_000) return `${Math.round(ms / 1000)} s`;
  return `${ms < 10 ? rounded(ms) : Math.round(ms)} ms`;
}
