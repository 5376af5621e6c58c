// The relay's timer, for datagrams that had to wait.

import { expect, test } from "bun:test";
import type { OpenRelay } from "../../src/chat/relay-port.ts";
import { ServerRelay } from "../../src/server/server-relay.ts";
import type { ShareOwner } from "../../src/share-owner.ts";
import { noCookie, writeJoin } from "../../src/transfer/paths/path-wire.ts";
import type { UdpPath } from "../../src/transfer/udp-path.ts";
import {
  dataHeaderBytes,
  kind,
  kindAt,
  readCookie,
  writeDataHeader,
} from "../../src/transfer/wire.ts";
import { until } from "../until.ts";

/** An owner that may use a fraction of the rate. */
function owner(key: string, times: number): ShareOwner {
  const shares = [{ key, times, label: key }];
  return { shares, kept: shares };
}

function data(length: number): Uint8Array {
  const bytes = new Uint8Array(dataHeaderBytes + length);
  writeDataHeader(bytes, 0, 1, 1, 1, 0, 0, 0, length);
  return bytes;
}

/** A relay, and what it has sent. */
class Bed {
  /** To which addresses data went. */
  readonly sentTo: string[] = [];
  #answer = new Uint8Array();
  readonly relay = new ServerRelay({
    bytesPerSecond: 1_000_000,
    port: 1,
    send: (bytes, _, { address }) => {
      if (kindAt(bytes, 0) === kind.data) this.sentTo.push(address);
      else this.#answer = bytes.slice();
      return bytes.length;
    },
  });

  /** A pair whose ends have those addresses. */
  open(by: ShareOwner, sender: string, recipient: string): OpenRelay {
    const open = this.relay.open(by);
    if (open === undefined) throw new Error("refused");
    this.#enter(open.sender, at(sender));
    this.#enter(open.recipient, at(recipient));
    return open;
  }

  #enter(text: string, path: UdpPath): void {
    const token = Buffer.from(text, "base64url");
    this.#join(token, noCookie, path);
    const given = readCookie(this.#answer, 0, this.#answer.length);
    if (given === undefined) throw new Error("no cookie");
    this.#join(token, given.cookie, path);
  }

  #join(token: Uint8Array, cookie: Uint8Array, path: UdpPath): void {
    const bytes = new Uint8Array(96);
    writeJoin(bytes, { token, cookie, timeUs: 1 });
    this.relay.handleDatagrams(bytes, path);
  }
}

const at = (address: string): UdpPath => ({ address, port: 40_000, local: "" });

test("a datagram that may leave soon does not wait for an earlier one that may leave much later", async () => {
  const bed = new Bed();
  bed.open(owner("slow", 0.001), "192.0.2.1", "192.0.2.2");
  bed.open(owner("fast", 2), "192.0.2.3", "192.0.2.4");
  // Uses up the rates of all and of the slow one.
  for (let n = 0; n < 3; n++) bed.relay.handleDatagrams(data(60_000), at("192.0.2.1"));
  expect(bed.sentTo).toEqual(["192.0.2.2", "192.0.2.2", "192.0.2.2"]);
  bed.relay.handleDatagrams(data(1_000), at("192.0.2.1"));
  bed.relay.handleDatagrams(data(1_000), at("192.0.2.3"));
  await until(() => bed.sentTo.length > 3);
  bed.relay.close();
  expect(bed.sentTo.slice(3)).toEqual(["192.0.2.4"]);
});
