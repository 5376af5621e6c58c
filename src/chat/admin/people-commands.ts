// Who is here, and who is registered for calls.

import type { HubState } from "../hub-state.ts";
import type { AdminAnswer } from "./answer.ts";

export function who(hub: HubState, isLong: boolean): AdminAnswer {
  const rows = Array.from(hub.names.members(), ({ name, peer, dialect }) => {
    const { address, tls = false } = peer;
    const text = isLong ? `${name} ${address} ${dialect.name}${tls ? " TLS" : ""}` : name;
    return { text, fields: { event: "member", name, address, dialect: dialect.name, tls } };
  });
  return { ok: true, rows };
}

export function info({ options }: HubState): AdminAnswer {
  const rows = options.control.registrations().map(({ id, ip, port, text }) => ({
    text,
    fields: { event: "registration", id, ip, port },
  }));
  return { ok: true, rows };
}
