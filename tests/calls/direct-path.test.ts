// The direct path of a call on this machine: datagrams of the other end arrive, and nobody else's,
// not even those of somebody who is at its address.

import { createHmac, hkdfSync } from "node:crypto";
import { expect, test } from "bun:test";
import { DirectPath } from "../../src/calls/direct-path.ts";
import { PersonLink } from "../../src/handover/paths/person-link.ts";
import { secretBytes } from "../../src/secrets.ts";
import { kind, writeCommon } from "../../src/transfer/wire.ts";
import { until } from "../until.ts";

const secret = secretBytes(32);
const rest = { server: "127.0.0.1", relay: undefined, onSilence() {} };

test("datagrams pass both ways, until the path is closed", async () => {
  const heard: string[] = [];
  // Of each end; it may be told again when a better address is found.
  const paths = new Map<boolean, string | undefined>();
  const ends: DirectPath[] = [true, false].map(
    (isCaller) =>
      new DirectPath({
        ...rest,
        isCaller,
        secret,
        sendLine: (line) => queueMicrotask(() => ends[isCaller ? 1 : 0]!.handleLine(line)),
        onPath: (path) => void paths.set(isCaller, path?.kind),
        onDatagram: (bytes) => heard.push(`${isCaller} ${Buffer.from(bytes).toString()}`),
      }),
  );
  for (const end of ends) end.start();
  await until(() => paths.size === 2);
  expect([...paths.values()]).toEqual(["loopback", "loopback"]);
  ends[0]!.send(Buffer.from("to the called"));
  await until(() => heard.length === 1);
  ends[1]!.send(Buffer.from("to the caller"));
  await until(() => heard.length === 2);
  expect(heard).toEqual(["false to the called", "true to the caller"]);
  for (const end of ends) end.close();
});

test("datagrams without the right tag are ignored, whoever sends them", async () => {
  const heard: string[] = [];
  const called: DirectPath = new DirectPath({
    ...rest,
    isCaller: false,
    secret,
    sendLine: (line) => queueMicrotask(() => other.handleLine(line)),
    onPath() {},
    onDatagram: (bytes) => heard.push(Buffer.from(bytes).toString()),
  });
  let hasPath = false;
  // At the address that the probes have proved.
  const other = new PersonLink({
    ...rest,
    isRecipient: false,
    isDirectAllowed: true,
    exported: () => secret,
    sendLine: (line) => queueMicrotask(() => called.handleLine(line)),
    onPath: () => (hasPath = true),
  });
  called.start();
  await other.start();
  await until(() => hasPath);
  const tagBy = (end: string, content: Buffer) => {
    const key = Buffer.from(hkdfSync("sha256", secret, "", `parley call ${end}`, 32));
    return createHmac("sha256", key).update(content).digest().subarray(0, 16);
  };
  const send = (content: Buffer, tag: Uint8Array, what: number = kind.call): void => {
    const datagram = new Uint8Array(20 + content.length);
    writeCommon(datagram, 0, kind.call, datagram.length);
    datagram[1] = what;
    datagram.set(tag, 4);
    datagram.set(content, 20);
    other.send(datagram, datagram.length);
  };
  const content = Buffer.from("forged");
  send(content, new Uint8Array(16));
  send(content, tagBy("called", content));
  send(content, tagBy("caller", Buffer.from("other")));
  send(content, tagBy("caller", content), kind.data);
  send(Buffer.alloc(0), tagBy("caller", Buffer.alloc(0)));
  send(Buffer.alloc(2_000), tagBy("caller", Buffer.alloc(2_000)));
  const last = Buffer.from("the last one");
  await until(() => {
    // Any of them may be lost.
    send(last, tagBy("caller", last));
    return heard.length > 0;
  });
  expect(new Set(heard)).toEqual(new Set(["the last one"]));
  called.close();
  other.close();
});
