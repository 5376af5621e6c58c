// Measures the path to a server for `parley doctor`: pings over its control connection, datagrams
// that it answers with the address it sees, and a file that is fetched and discarded.

import { doctor as limits, transfer } from "../limits.ts";
import { isLoopback, plainAddress } from "../addresses.ts";
import { ParleyError } from "../errors.ts";
import { ControlClient } from "../files/control-client.ts";
import { DownloadClient } from "../files/download-client.ts";
import type { FetchOutput } from "../files/fetch-events.ts";
import { hostNotFound, hostPortText, type ServerAddress, socketReason } from "../io/host-port.ts";
import { presentInterfaces } from "../io/interfaces.ts";
import { UdpPort } from "../io/udp/udp.ts";
import { secretBytes } from "../secrets.ts";
import { sizeText } from "../size-text.ts";
import { datagramEnd, initBytes, readCookie, writeInit } from "../transfer/wire.ts";
import type { MeasuredDownload, MeasuredPath, Probes } from "./findings.ts";

/** @throws ParleyError `cannot-connect`, `untrusted-server`, … */
export async function measurePath(
  server: ServerAddress,
  second: ServerAddress | undefined,
): Promise<MeasuredPath> {
  const control = await ControlClient.connect(server);
  try {
    const pings = await measurePings(control);
    // Its name may have other addresses, where it does not listen.
    const address = server.host.includes("%") ? server.host : control.remoteAddress;
    const targets = [{ address, port: server.port }];
    if (second !== undefined) {
      const isV6 = address.includes(":");
      targets.push({ address: await addressOf(second.host, isV6), port: second.port });
    }
    const [probes, others] = await probe(targets);
    return {
      server: hostPortText(server),
      isLoopback: isLoopback(server.host),
      isSecured: control.isSecured,
      ...pings,
      probes: probes!,
      others,
      download: await measureDownload(server),
    };
  } finally {
    control.close();
  }
}

async function measurePings(
  control: ControlClient,
): Promise<Pick<MeasuredPath, "roundTripsMs" | "clockOffsetsMs">> {
  const [roundTripsMs, clockOffsetsMs]: [number[], number[]] = [[], []];
  for (let n = 0; n <= limits.pings; n++) {
    const startMs = performance.now();
    const serverMs = await control.ping();
    const tookMs = performance.now() - startMs;
    // The first ping includes the wait for the login.
    if (n === 0) continue;
    roundTripsMs.push(tookMs);
    if (serverMs !== undefined) clockOffsetsMs.push(serverMs - (Date.now() - tookMs / 2));
  }
  return { roundTripsMs, clockOffsetsMs };
}

/** From the same port to all servers, so that their answers can be compared. */
async function probe(servers: readonly { address: string; port: number }[]): Promise<Probes[]> {
  const targets = servers.map((server) => {
    return { ...server, token: secretBytes(transfer.tokenBytes), answers: 0 };
  });
  const seen = new Map<string, { address: string; port: number }>();
  const isV6 = targets.some(({ address }) => address.includes(":"));
  const port = await UdpPort.open({
    host: isV6 ? "::" : "0.0.0.0",
    onDatagrams: (bytes) => {
      for (let at = 0, end = 0; at < bytes.length; at = end) {
        end = datagramEnd(bytes, at);
        if (end < 0) return;
        const cookie = readCookie(bytes, at, end);
        if (cookie === undefined) continue;
        const key = Buffer.from(cookie.token).toString("hex");
        const target = targets.find(({ token }) => Buffer.from(token).toString("hex") === key);
        if (target === undefined || target.answers === limits.probes) continue;
        target.answers++;
        seen.set(key, { address: cookie.address, port: cookie.port });
      }
    },
  });
  const datagram = new Uint8Array(initBytes);
  for (let n = 0; n < limits.probes; n++) {
    for (const { token, address, port: to } of targets) {
      writeInit(datagram, { token, timeUs: Math.round(performance.now() * 1000) % 2 ** 32 });
      port.send(datagram, initBytes, address, to);
    }
    await Bun.sleep(limits.probeEveryMs);
  }
  const deadlineMs = performance.now() + limits.answerMs;
  const isWaiting = () => targets.some(({ answers }) => answers < limits.probes);
  while (isWaiting() && performance.now() < deadlineMs) await Bun.sleep(limits.probeEveryMs);
  const localPort = port.port;
  port.close();
  return targets.map(({ token, answers }) => {
    const found = seen.get(Buffer.from(token).toString("hex"));
    return {
      sent: limits.probes,
      answered: answers,
      seen: found,
      localPort,
      isOwnAddress: found !== undefined && isOwn(found.address),
    };
  });
}

/**
 * Of that family, if there is one: then the answers of both servers can be compared.
 * @throws ParleyError `cannot-connect`
 */
async function addressOf(host: string, isV6: boolean): Promise<string> {
  try {
    const found = await Bun.dns.lookup(host);
    const best = found.find(({ family }) => (family === 6) === isV6) ?? found[0];
    if (best !== undefined) return best.address;
    throw new Error("no address");
  } catch (error) {
    throw hostNotFound(host, socketReason(error));
  }
}

function isOwn(address: string): boolean {
  const plain = plainAddress(address);
  return Object.values(presentInterfaces() ?? {}).some((addresses) =>
    addresses?.some((own) => own.address === plain),
  );
}

async function measureDownload(server: ServerAddress): Promise<MeasuredDownload> {
  let [segmentBytes, isUdp] = [0, true];
  const client = new DownloadClient({
    server,
    onEvent: (event) => {
      // A small file arrives completely before any progress is reported.
      if (event.event === "progress" || event.event === "done") ({ segmentBytes } = event);
      if (event.event === "fallback") isUdp = false;
    },
  });
  try {
    let largest: { name: string; size: number } | undefined;
    let names = 0;
    for await (const { name, size } of client.list()) {
      if (size > (largest?.size ?? 0)) largest = { name, size };
      if (++names === limits.maxNames) break;
    }
    if (largest === undefined) {
      const reason = names > 0 ? "it shares files in folders alone" : "it shares no file";
      return { kind: "none", reason };
    }
    if (largest.size < limits.minFileBytes) {
      const reason = `the largest file that it shares has only ${sizeText(largest.size)}`;
      return { kind: "none", reason };
    }
    const output = new Discarded();
    const stop = setTimeout(
      () => client.stop(new ParleyError("interrupted", "That is enough")),
      limits.downloadMs,
    );
    const startMs = performance.now();
    await client.fetch(largest.name, { kind: "stream", output }).catch((error: unknown) => {
      if (!(error instanceof ParleyError)) throw error;
    });
    clearTimeout(stop);
    if (output.bytes === 0) return { kind: "none", reason: `'${largest.name}' did not come` };
    const seconds = (output.lastMs - startMs) / 1000;
    return {
      kind: "done",
      bytesPerSecond: output.bytes / seconds,
      bytes: output.bytes,
      segmentBytes,
      over: isUdp ? "udp" : "control",
    };
  } catch (error) {
    if (error instanceof ParleyError) return { kind: "none", reason: error.message };
    throw error;
  } finally {
    client.close();
  }
}

/** Counts bytes and discards them. */
class Discarded implements FetchOutput {
  readonly closed = false;
  readonly failure = undefined;
  bytes = 0;
  lastMs = 0;

  data(bytes: Uint8Array): boolean {
    this.bytes += bytes.length;
    this.lastMs = performance.now();
    return true;
  }

  async relief(): Promise<void> {}

  async flush(): Promise<void> {}
}
