// A peer registered at one server is found at the other, also after the first has died.

import { expect } from "bun:test";
import { encodeBridge, encodeRegister } from "../../src/cpp/codec.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";
import { Wire } from "./wire.ts";

const withPostgres = skipUnless(hasPostgres, withoutPostgres);

/** One request, and everything received until the server closes. */
async function request(port: number, message: string): Promise<string> {
  const closed = Promise.withResolvers<string>();
  let text = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => void (text += bytes.toString()),
      close: () => closed.resolve(text),
    },
  });
  socket.write(message);
  return await closed.promise;
}

withPostgres(
  "peers meet whichever server each of them asks",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    const ann = { id: "Ann", ip: "127.0.0.1", port: 5_555 };
    const ben = { id: "Ben", ip: "127.0.0.1", port: 7_777 };
    expect(await request(east, encodeRegister(ann))).toContain("Status: registered");
    expect(await request(west, encodeRegister(ben))).toContain("Status: registered");
    expect(await request(west, encodeBridge("Ben"))).toContain("clientID: Ann\r\nIP: 127.0.0.1");
    await setting.servers[1]?.kill();
    expect(await request(east, encodeBridge("Ann", "ben"))).toContain("Port: 7777");
  },
  180_000,
);

withPostgres(
  "a session asks the registry as well, and what follows waits for the answer",
  async () => {
    await using setting = await Setting.start(2);
    const [east = 0, west = 0] = setting.ports;
    using ann = await Wire.open(east);
    using ben = await Wire.open(west);
    for (const wire of [ann, ben]) wire.send({ type: "hello", version: 2 });
    const at = { id: "Ann", ip: "127.0.0.1", port: 5_555 };
    ann.send({ type: "registry", request: encodeRegister(at), ref: 1 });
    ann.send({ type: "ping", ref: 2 });
    expect(await ann.until(/"ref":1\}/)).toContain("Status: registered");
    await ann.until(/"type":"pong","ref":2/);
    ben.send({ type: "registry", request: encodeBridge("Ben", "ann"), ref: 1 });
    expect(await ben.until(/"ref":1\}/)).toContain("clientID: Ann");
  },
  180_000,
);
