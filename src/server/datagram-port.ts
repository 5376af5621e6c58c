// A UDP port for a datagram dialect: one request, one answer. Has the clock; knows no wire format.

import type { DatagramDialect, LocalTime } from "../chat/dialect.ts";
import { plainAddress } from "../addresses.ts";
import { DatagramGuard } from "../dialects/datagram-guard.ts";
import { plainRefusal } from "../dialects/protocol-detection.ts";
import { UdpListener } from "../io/udp/udp-listener.ts";
import { harmless } from "../text.ts";
import { datagramDialects as limits } from "../limits.ts";

export interface DatagramPort {
  readonly port: number;
  close(): void;
}

/**
 * Opens the port; 0 takes a free one. `log` prints a line on the server's terminal.
 * @throws what `Bun.udpSocket` throws (`EADDRINUSE`)
 */
export async function openDatagramPort(
  dialect: DatagramDialect,
  host: string,
  port: number,
  log: (line: string) => void = () => {},
  admitsPlain: (address: string) => boolean = () => true,
): Promise<DatagramPort> {
  const decoder = new TextDecoder();
  const guard = new DatagramGuard();
  let listener: UdpListener | undefined;
  const opened = await UdpListener.open({
    host,
    port,
    offload: false,
    onDatagrams(datagram, path) {
      if (datagram.length > limits.maxRequestBytes) return;
      if (!guard.admits(path.address, path.port, performance.now())) return;
      const isAdmitted = admitsPlain(plainAddress(path.address));
      const answer = isAdmitted
        ? dialect.answer(decoder.decode(datagram), localTime(new Date()))
        : { text: plainRefusal(false) };
      if (answer === undefined) return;
      if (answer.log !== undefined) log(harmless(answer.log));
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
