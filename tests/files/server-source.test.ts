// How a server is reached as a source of files.

import { expect, test } from "bun:test";
import type { ParleyError } from "../../src/errors.ts";
import { openServerAttempt } from "../../src/files/server-attempt.ts";
import { ServerSource } from "../../src/files/server-source.ts";
import { until } from "../until.ts";
import { anyAttempt } from "./any-attempt.ts";

const twoAddresses = async (): Promise<string[]> => ["127.0.0.1", "127.0.0.2"];

test("the control connection opens while an attempt is prepared, and only once", async () => {
  let accepted = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => void accepted++, data() {} },
  });
  const source = new ServerSource({ host: "127.0.0.1", port: server.port }, undefined);
  const attempt = await source.openAttempt(anyAttempt, openServerAttempt);
  await until(() => accepted === 1);
  const control = await source.connect();
  expect(await source.connect()).toBe(control);
  expect(accepted).toBe(1);
  attempt.close();
  source.close();
  server.stop(true);
});

test("an attempt goes to the same address as the connection that was opened before it", async () => {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  // Many name servers turn the order with each answer.
  const answers = [
    ["127.0.0.1", "127.0.0.2"],
    ["127.0.0.2", "127.0.0.1"],
  ];
  const found: PromiseWithResolvers<string[]>[] = [];
  const find = (): Promise<string[]> => {
    found.push(Promise.withResolvers<string[]>());
    return found.at(-1)!.promise;
  };
  const to = { host: "two.example", port: server.port };
  const source = new ServerSource(to, undefined, undefined, find);
  const connecting = source.connect();
  let usedHost = "";
  const opening = source.openAttempt(anyAttempt, (options, path) => {
    usedHost = path.host;
    return openServerAttempt(options, path);
  });
  for (const [i, { resolve }] of found.entries()) resolve(answers[i] ?? []);
  const attempt = await opening;
  expect((await connecting).remoteAddress).toBe(usedHost);
  expect(source.isCurrent).toBe(true);
  attempt.close();
  source.close();
  server.stop(true);
});

test("a password that is refused before anybody asks for the connection is not shown again", async () => {
  let [accepted, closed] = [0, 0];
  const refusal = { type: "error", code: "wrong-password", message: "The password is wrong" };
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void accepted++,
      data: (socket) => void socket.end(`${JSON.stringify(refusal)}\n`),
      close: () => void closed++,
    },
  });
  const access = { serverPassword: "wrong" };
  const source = new ServerSource({ host: "127.0.0.1", port: server.port, access });
  source.prepare();
  await until(() => closed === 1);
  const attempt = await source.openAttempt(anyAttempt, openServerAttempt);
  const control = await source.connect();
  expect(await control.ping().catch(({ code }: ParleyError) => code)).toBe("wrong-password");
  expect(accepted).toBe(1);
  // Somebody who goes on has a reason to.
  await source.connect();
  await until(() => accepted === 2);
  attempt.close();
  source.close();
  server.stop(true);
});

test("a refused client is not shown to the server's other addresses, nor kept after the end", async () => {
  const server = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data() {} } });
  const to = { host: "two.example", port: server.port };
  let shown = 0;
  const wrongCode = async (): Promise<void> => {
    throw new Error(`wrong code ${++shown}`);
  };
  const refused = new ServerSource(to, undefined, wrongCode, twoAddresses);
  expect(await refused.connect().catch(String)).toBe("Error: wrong code 1");
  const closedMeanwhile = async (): Promise<void> => source.close();
  const source = new ServerSource(to, undefined, closedMeanwhile, twoAddresses);
  expect((await source.connect()).isClosed).toBe(true);
  server.stop(true);
});
