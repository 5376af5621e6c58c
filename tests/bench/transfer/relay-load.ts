// Loads the relay of a server: two people with a channel, of whom one sends the other datagrams one
// by one, so that the kernel merges none of them.
//   bun tests/bench/transfer/relay-load.ts HOST PORT DATAGRAMS/S SECONDS [past]
// With `past` they go past the server: what the load itself does to its neighbours. Prints
// {"sent":…,"received":…}.

import { noCookie, readJoined, writeJoin } from "../../../src/transfer/paths/path-wire.ts";
import { readCookie } from "../../../src/transfer/wire.ts";

const [host = "", portText, rateText, secondsText, past] = process.argv.slice(2);
const [port, perSecond, seconds] = [Number(portText), Number(rateText), Number(secondsText)];
const datagramBytes = 1_200;
const tickMs = 1;

type Line = { [field: string]: unknown; type: string };

/** Logs in, and calls back with received messages. */
async function person(name: string, heard: (line: Line) => void) {
  let rest = "";
  const socket = await Bun.connect({
    hostname: host,
    port,
    socket: {
      data(_, bytes) {
        const lines = (rest + bytes.toString()).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) heard(JSON.parse(line) as Line);
      },
    },
  });
  const say = (line: object): void => void socket.write(`${JSON.stringify(line)}\n`);
  say({ type: "hello", version: 2, name, takesFiles: true });
  return say;
}

const offer = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
const tokens = [Promise.withResolvers<string>(), Promise.withResolvers<string>()] as const;
const online = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
const says = await Promise.all(
  ["Loader", "Unloader"].map((name, i) =>
    person(name, (line) => {
      if (line.type === "welcome") online[i]!.resolve();
      if (line.type === "offered") says[1]!({ type: "answer-files", offer, accept: true });
      if (line.type === "channel") tokens[i]!.resolve((line["relay"] as { token: string }).token);
    }),
  ),
);
await Promise.all(online.map(({ promise }) => promise));
const summary = { files: 1, bytes: 1, names: ["load"] };
says[0]!({ type: "offer-files", offer, to: "Unloader", summary });

let received = 0;
const ends = await Promise.all(
  tokens.map(async ({ promise }) => {
    const token = new Uint8Array(Buffer.from(await promise, "base64url"));
    const joined = Promise.withResolvers<void>();
    const join = (cookie: Uint8Array): void => {
      const bytes = new Uint8Array(96);
      writeJoin(bytes, { token, cookie, timeUs: 0 });
      socket.send(bytes, port, host);
    };
    const socket = await Bun.udpSocket({
      binaryType: "uint8array",
      socket: {
        data(_, bytes) {
          const cookie = readCookie(bytes, 0, bytes.length);
          if (cookie !== undefined) return join(cookie.cookie);
          if (readJoined(bytes, 0, bytes.length) !== undefined) return joined.resolve();
          received++;
        },
      },
    });
    join(noCookie);
    await joined.promise;
    return socket;
  }),
);

const datagram = new Uint8Array(datagramBytes);
datagram.set([0xa2, 4, (datagramBytes - 4) >> 8, (datagramBytes - 4) & 0xff]);
const target = past === undefined ? port : ends[1]!.port;
const startedMs = performance.now();
let sent = 0;
while (performance.now() - startedMs < seconds * 1_000) {
  const due = ((performance.now() - startedMs) * perSecond) / 1_000;
  while (sent < due) {
    const count = Math.min(100, Math.ceil(due - sent));
    ends[0]!.sendMany(Array.from({ length: count }, () => [datagram, target, host]).flat());
    sent += count;
  }
  await Bun.sleep(tickMs);
}
await Bun.sleep(300);
console.log(JSON.stringify({ sent, received }));
process.exit(0);
