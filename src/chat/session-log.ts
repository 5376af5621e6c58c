// Log fields that identify a session. Texts are raw; the logger removes control characters.

import type { LogFields } from "../log.ts";
import type { Session } from "./session.ts";

export function sessionFields({ identity, peer, dialect }: Session): LogFields {
  const name = identity.name === "" ? undefined : identity.name;
  const { address, port, tls = false, websocket } = peer;
  return { name, address, port, dialect: dialect.name, tls, websocket };
}
