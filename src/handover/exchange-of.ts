// The exchange of a session over TCP.

import type { NativeSession } from "../client/events.ts";
import type { PrivateMessages } from "../client/private-messages.ts";
import type { NativeConnection } from "../io/native-connection.ts";
import type { ChannelSealer } from "../tls/channel-sealer.ts";
import type { Exchange } from "./exchange.ts";

export function exchangeOf(
  session: NativeSession,
  connection: Pick<NativeConnection, "applyOutputs" | "waitingBytes" | "onDrained">,
  mail: PrivateMessages | undefined,
  sealer: ChannelSealer | undefined,
): Exchange {
  const applyOutputs = () => connection.applyOutputs();
  return {
    session,
    applyOutputs,
    mail,
    sealer,
    onDrained: (listener) => connection.onDrained(listener),
    port: (offer, channel) => ({
      pass(data) {
        session.pass(offer, channel, data);
        applyOutputs();
      },
      waitingBytes: () => connection.waitingBytes,
    }),
  };
}
