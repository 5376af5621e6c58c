// A UDP port that speaks a datagram dialect: one request, one answer. Has the clock; knows no wire
// format.

import type { DatagramDialect, LocalTime } from "../chat/dialect.ts";
import { DatagramGuard } from "../dialects/datagram-guard.ts";
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
): Promise<DatagramPort> {
  const decoder = new TextDecoder();
  const guard = new DatagramGuard();
  const socket = await Bun.udpSocket({
    hostname: host,
    port,
    binaryType: "uint8array",
    socket: {
      data(socket, datagram, fromPort, from) {
        if (datagram.length > limits.maxRequestBytes) return;
        if (!guard.admits(from, fromPort, performance.now())) return;
        const answer = dialect.answer(decoder.decode(datagram), localTime(new Date()));
        if (answer === undefined) return;
        if (answer.log !== undefined) log(harmless(answer.log));
        socket.send(answer.text, fromPort, from);
      },
      error: () => {},
    },
  });
  return { port: socket.port, close: () => socket.close() };
}

/** The server's own clock and time zone. */
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
