// The UDP ports of greeting and date-time over real sockets.

import { afterEach, expect, test } from "bun:test";
import { dateTime } from "../../src/dialects/date-time.ts";
import { greetingDatagrams } from "../../src/dialects/greeting.ts";
import type { DatagramDialect } from "../../src/chat/dialect.ts";
import { localTime, openDatagramPort } from "../../src/server/datagram-port.ts";

const host = "127.0.0.1";
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function asker(dialect: DatagramDialect, log?: (line: string) => void) {
  const server = await openDatagramPort(dialect, host, 0, log);
  closers.push(() => server.close());
  const waiting: ((text: string) => void)[] = [];
  const socket = await Bun.udpSocket({
    connect: { hostname: host, port: server.port },
    socket: { data: (_, bytes) => waiting.shift()?.(bytes.toString()) },
  });
  closers.push(() => socket.close());
  return (text: string) =>
    new Promise<string>((resolve) => {
      waiting.push(resolve);
      socket.send(text);
    });
}

test("greeting", async () => {
  const ask = await asker(greetingDatagrams);
  expect(await ask("anything")).toBe("Ok ");
});

test("date and time of the server's clock, each request printed", async () => {
  const log: string[] = [];
  const ask = await asker(dateTime, (line) => log.push(line));
  expect(await ask("SEND_DATE")).toMatch(/^\d\d\/\d\d\/\d\d$/);
  expect(await ask("SEND_TIME")).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(await ask("what?")).toBe("Invalid request");
  expect(log).toEqual(["SEND_DATE", "SEND_TIME", "'what?'"]);
});

test("months count from 1", () => {
  expect(localTime(new Date(2023, 1, 2, 4, 6, 21))).toEqual({
    year: 2023,
    month: 2,
    day: 2,
    hour: 4,
    minute: 6,
    second: 21,
  });
});
