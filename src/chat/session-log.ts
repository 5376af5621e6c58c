// What the server's log says about a session: who, from where, in which dialect. Texts come as they were written; whoever
// writes the line makes them harmless.

import type { LogFields } from "../log.ts";
import type { Session } from "./session.ts";

export function sessionFields({ identity, peer, dialect }: Session): LogFields {
  const name = identity.name === "" ? undefined : identity.name;
  return { name, address: peer.address, port: peer.port, dialect: dialect.name };
}
