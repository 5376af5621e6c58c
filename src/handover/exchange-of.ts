// The exchange of a session over TCP.

import type { NativeSession } from "../client/events.ts";
import type { PrivateMessages } from "../client/private-messages.ts";
import { parseHostPort } from "../io/host-port.ts";
import type { NativeConnection } from "../io/native-connection.ts";
import type { DeviceKey } from "../tls/identity-key.ts";
import type { Exchange } from "./exchange.ts";

type Connected = {
  readonly session: NativeSession;
  readonly connection: Pick<
    NativeConnection,
    "applyOutputs" | "waitingBytes" | "onDrained" | "remoteAddress" | "checkAlive" | "moveTo"
  >;
};

type Settings = {
  readonly identity: Pick<DeviceKey, "channelSealer"> | undefined;
  /** False: the other end of a channel must not learn our addresses. */
  readonly direct?: boolean | undefined;
};

export function exchangeOf(
  { session, connection }: Connected,
  mail: PrivateMessages | undefined,
  { identity, direct = true }: Settings,
): Exchange {
  const applyOutputs = () => connection.applyOutputs();
  return {
    session,
    applyOutputs,
    moveTo(server) {
      const address = parseHostPort(server);
      return address !== undefined && connection.moveTo(address);
    },
    mail,
    sealer: identity?.channelSealer,
    datagrams: {
      server: () => connection.remoteAddress,
      isDirectAllowed: direct,
      checkAlive: () => connection.checkAlive(),
    },
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
