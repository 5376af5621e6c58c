// The UDP ports of greeting and date-time over real sockets.

import { afterEach, expect, spyOn, test } from "bun:test";
import { datagramDialects as limits, logging } from "../../src/limits.ts";
import { dateTime } from "../../src/dialects/date-time.ts";
import { greetingDatagrams } from "../../src/dialects/greeting.ts";
import type { DatagramDialect } from "../../src/chat/dialect.ts";
import { keepingLog } from "../silent-log.ts";
import { localTime, openDatagramPort } from "../../src/server/datagram-port.ts";

const host = "127.0.0.1";
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const { log, logged } = keepingLog();

type Open = { print?: (line: string) => void; refusal?: { text: string; reason: string } };

function open(dialect: DatagramDialect, options: Open = {}) {
  const { print = () => {}, refusal } = options;
  return openDatagramPort({ dialect, host, port: 0, print, log, refusalFor: () => refusal });
}

async function asker(dialect: DatagramDialect, options: Open = {}) {
  const server = await open(dialect, options);
  closers.push(() => server.close());
  const waiting: ((text: string) => void)[] = [];
  const socket = await Bun.udpSocket({
    connect: { hostname: host, port: server.port },
    socket: { data: (_, bytes) => waiting.shift()?.(bytes.toString()), error() {} },
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
  expect(await ask("anything")).toBe("Ok");
});

test("date and time of the server's clock, each request printed", async () => {
  const printed: string[] = [];
  const ask = await asker(dateTime, { print: (line) => printed.push(line) });
  expect(await ask("SEND_DATE")).toMatch(/^\d\d\/\d\d\/\d\d$/);
  expect(await ask("SEND_TIME")).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(await ask("what?")).toBe("Invalid request");
  expect(printed).toEqual(["SEND_DATE", "SEND_TIME", "'what?'"]);
});

test("of a flood, only as many requests are printed as are logged", async () => {
  let printed = 0;
  const server = await open(dateTime, { print: () => printed++ });
  closers.push(() => server.close());
  // At this moment no allowance grows.
  spyOn(performance, "now").mockReturnValue(1_000_000);
  let answered = 0;
  while (answered <= logging.kindBurst) {
    let next = Promise.withResolvers<void>();
    const socket = await Bun.udpSocket({
      connect: { hostname: host, port: server.port },
      socket: { data: () => next.resolve(), error() {} },
    });
    for (let i = 0; i < limits.sourceBurst; i++) {
      next = Promise.withResolvers();
      socket.send("SEND_TIME");
      await next.promise;
      answered++;
    }
    socket.close();
  }
  expect(printed).toBe(logging.kindBurst);
});

test("each request is logged, including refused ones; the sender gets the reason", async () => {
  logged.length = 0;
  await (
    await asker(greetingDatagrams)
  )("anything");
  const refused = await asker(greetingDatagrams, {
    refusal: { text: "No.", reason: "plain text" },
  });
  expect(await refused("anything")).toBe("Refused: No.");
  const about = { address: host, port: expect.any(Number), dialect: "greeting" };
  expect(logged).toEqual([
    { level: "info", message: "request answered", fields: about },
    { level: "info", message: "connection refused", fields: { ...about, reason: "plain text" } },
  ]);
});

test.each([
  ["greeting", greetingDatagrams],
  ["date-time", dateTime],
] as const)(
  "%s: a service that replies to every answer is not answered for ever",
  async (_name, dialect) => {
    const server = await open(dialect);
    closers.push(() => server.close());
    // At this moment its allowance does not grow.
    spyOn(performance, "now").mockReturnValue(1_000_000);
    let quotes = 0;
    const last = Promise.withResolvers<void>();
    const quoteOfTheDay = await Bun.udpSocket({
      hostname: host,
      socket: {
        data(socket, _bytes, port, address) {
          socket.send("To be, or not to be", port, address);
          if (++quotes === limits.sourceBurst) last.resolve();
        },
        error() {},
      },
    });
    closers.push(() => quoteOfTheDay.close());
    // The forged datagram: sent from the service's own port.
    quoteOfTheDay.send("To be, or not to be", server.port, host);
    await last.promise;
    // Others get answers meanwhile, and the next one would have come before theirs.
    const answered = Promise.withResolvers<void>();
    const socket = await Bun.udpSocket({ socket: { data: () => answered.resolve(), error() {} } });
    closers.push(() => socket.close());
    socket.send("hello", server.port, host);
    await answered.promise;
    expect(quotes).toBe(limits.sourceBurst);
  },
);

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
