// The two ends of a call in the server's role: what one of them is told, in which order.

import { expect, test } from "bun:test";
import type { SessionEvent } from "../../src/client/events.ts";
import { PeerExchange } from "../../src/handover/peer-exchange.ts";
import type { LinkOffer } from "../../src/io/secured-link.ts";
import type { DeviceKey } from "../../src/tls/identity-key.ts";

const offer = "AAECAwQFBgcICQoLDA0ODw";

function exchange() {
  const sent: LinkOffer[] = [];
  const heard: SessionEvent[] = [];
  const link = {
    offer: (message: LinkOffer) => void sent.push(message),
    waitingBytes: 0,
    remoteAddress: "192.0.2.1",
    relayed: { relay: { token: "token", port: 9 }, checkAlive() {} },
    isDirectAllowed: true,
  };
  const identity = { key: "own" } as DeviceKey;
  const ends = { identity, self: "Ann", peer: "Bob", key: "proved", isVerified: false };
  const made = new PeerExchange(link, ends);
  made.listen((event) => heard.push(event));
  return { made, sent, heard };
}

test("a channel is open before its first frame, also if both arrive together", () => {
  const { made, heard } = exchange();
  // Whatever the other end writes, its key is the one that it has proved.
  made.handleOffer({ type: "channel", offer, channel: 1, with: "Eve", key: "claimed" });
  made.handleOffer({ type: "passed", offer, channel: 1, data: "AAAA" });
  expect(heard).toMatchObject([
    { about: { type: "channel", channel: 1, with: "Bob", key: "proved", relay: { port: 9 } } },
    { about: { type: "passed", channel: 1, data: "AAAA" } },
  ]);
});

test("whoever accepts learns of the channel after the request, and the other end at once", async () => {
  const { made, sent, heard } = exchange();
  made.session.request({ type: "answer-files", offer, accept: true });
  expect(heard).toEqual([]);
  expect(sent).toMatchObject([{ type: "channel", offer, channel: 1 }]);
  await Promise.resolve();
  expect(heard).toMatchObject([{ about: { type: "channel", channel: 1, with: "Bob" } }]);
});

test("the relay of a call is for one offer at a time", () => {
  const { made, heard } = exchange();
  const other = "EBESExQVFhcYGRobHB0eHw";
  const channel = { type: "channel", channel: 1, with: "Bob" } as const;
  made.handleOffer({ ...channel, offer });
  made.handleOffer({ ...channel, offer: other });
  made.handleOffer({ type: "offer-ended", offer, reason: "done" });
  made.handleOffer({ ...channel, offer: other, channel: 2 });
  const relays = heard.flatMap((event) =>
    event.type === "offer" && event.about.type === "channel" ? [event.about.relay?.port] : [],
  );
  expect(relays).toEqual([9, undefined, 9]);
});
