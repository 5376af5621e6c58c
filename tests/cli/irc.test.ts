// IRC at the compiled program: its own port, one with TLS, and the main port, in plain text and
// inside TLS.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Parley } from "../parley.ts";
import { testFolder } from "../test-folder.ts";

setDefaultTimeout(180_000);

const hello = "NICK Ann\r\nUSER ann 0 * :Ann\r\nJOIN #lobby\r\n";

/** The output to a client until that text arrives. */
async function session(port: number, isTls: boolean, until: string): Promise<string> {
  let heard = "";
  const done = Promise.withResolvers<void>();
  const tls = isTls ? { rejectUnauthorized: false } : undefined;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    ...(tls && { tls }),
    socket: {
      open: (socket) => void (isTls || socket.write(hello)),
      handshake: (socket) => void socket.write(hello),
      data(_, bytes) {
        heard += bytes.toString();
        if (heard.includes(until)) done.resolve();
      },
      close: () => done.resolve(),
    },
  });
  await done.promise;
  socket.end();
  return heard;
}

test("on its own ports and the main port, with and without TLS", async () => {
  const folder = testFolder("cli-irc");
  const flags = "--port 0 --no-web --json --listen irc=0,ircs=0 --irc-name irc.example";
  const state = ["--state", join(folder, "state"), "--files", join(folder, "FILES")];
  await using server = new Parley("server", ...flags.split(" "), ...state);
  const { port, dialects } = JSON.parse(await server.line(/"event":"listening"/)) as {
    port: number;
    dialects: { irc: number; ircs: number };
  };
  for (const [at, isTls] of [
    [dialects.irc, false],
    [dialects.ircs, true],
    [port, false],
    [port, true],
  ] as const) {
    const heard = await session(at, isTls, " 366 ");
    expect(heard).toStartWith(":irc.example 001 Ann :");
    expect(heard).toContain(" 353 Ann = #lobby :Ann\r\n");
  }
  expect(await session(dialects.ircs, false, "\n")).toBe("ERROR :This port only speaks TLS\r\n");
});
