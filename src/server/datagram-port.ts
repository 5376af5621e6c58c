// A UDP port for a datagram dialect: one request, one answer. Owns the clock; knows no wire format.

import type { DatagramDialect, LocalTime } from "../chat/dialect.ts";
import { plainAddress } from "../addresses.ts";
import { TokenBucket } from "../chat/rates/token-bucket.ts";
import { DatagramGuard, refusalOf } from "../dialects/datagram-guard.ts";
import { UdpListener } from "../io/udp/udp-listener.ts";
import type { Log } from "../log.ts";
import { harmless } from "../text.ts";
import { datagramDialects as limits, logging } from "../limits.ts";

export interface DatagramPort {
  readonly port: number;
  close(): void;
}

export type DatagramPortOptions = {
  dialect: DatagramDialect;
  host: string;
  /** 0 picks a free port. */
  port: number;
  /** Prints a line of an original system's server. */
  print: (line: string) => void;
  log: Log;
  /**
   * The answer to a network that is not served, and the reason for the log; undefined if it is
   * served.
   */
  refusalFor: (address: string) => { text: string; reason: string } | undefined;
};

/**
 * Opens the port.
 * @throws what `Bun.udpSocket` throws (`EADDRINUSE`)
 */
export async function openDatagramPort(options: DatagramPortOptions): Promise<DatagramPort> {
  const { dialect, host, port, print, log, refusalFor } = options;
  const decoder = new TextDecoder();
  const guard = new DatagramGuard();
  // Forged addresses have no limit of their own. The log counts what exceeds this.
  const printed = new TokenBucket(logging.kindLinesPerSecond, logging.kindBurst, performance.now());
  let listener: UdpListener | undefined;
  const opened = await UdpListener.open({
    host,
    port,
    offload: false,
    onDatagrams(datagram, path) {
      if (datagram.length > limits.maxRequestBytes) return;
      if (!guard.admits(path.address, path.port, performance.now())) return;
      const address = plainAddress(path.address);
      const refusal = refusalFor(address);
      const request = decoder.decode(datagram);
      const answer =
        refusal === undefined
          ? dialect.answer(request, localTime(new Date()))
          : refusalOf(request, refusal.text);
      if (answer === undefined) return;
      const asker = { address, port: path.port, dialect: dialect.name };
      if (refusal === undefined) log.info("request answered", asker);
      else log.info("connection refused", { ...asker, reason: refusal.reason });
      const { log: line } = answer;
      if (line !== undefined && printed.take(1, performance.now())) print(harmless(line));
      const bytes = Buffer.from(answer.text);
      listener?.send(bytes, bytes.length, path);
    },
  });
  listener = opened;
  return { port: opened.port, close: () => opened.close() };
}

/** The server's local time. */
export function localTime(date: Date): LocalTime {
  return {
    year: date.getFullYear(),
    month: date.getMonth() + 1,
    day: date.getDate(),
    hour: date.getHours(),
    minute: date.getMinutes(),
    second: date.getSeconds(),
  };
}
