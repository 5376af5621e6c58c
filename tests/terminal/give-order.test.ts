// `parley admin` and servers that do not keep to the protocol.

import { expect, test } from "bun:test";
import { giveOrder } from "../../src/terminal/give-order.ts";
import { visitorWelcome } from "../protocol/welcome.ts";

test("a server that admits the client, and then answers everything but the command, is abandoned", async () => {
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        for (const line of bytes.toString().trimEnd().split("\n")) {
          const { type } = JSON.parse(line) as { type: string };
          if (type === "hello") socket.write(visitorWelcome);
          if (type === "ping") socket.write('{"type":"pong"}\n');
          if (type === "admin") socket.write('{"type":"pong"}\n'.repeat(100));
        }
      },
    },
  });
  const to = { host: "127.0.0.1", port: server.port };
  const order = giveOrder("who", { to, identity: undefined, json: false, answerMs: 500 });
  const error = await order.then(undefined, (reason: unknown) => reason);
  expect(error).toMatchObject({
    code: "stalled",
    message: `127.0.0.1:${server.port} does not answer 'who'.`,
  });
});
