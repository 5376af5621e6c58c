// Lists who is here, and who is registered for calls.

import { rights as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { AdminAnswer } from "./answer.ts";

export function who(hub: HubState, isLong: boolean): AdminAnswer {
  const rows = Array.from(hub.names.members(), ({ name, peer, dialect }) => {
    const { address, tls = false } = peer;
    const text = isLong ? `${name} ${address} ${dialect.name}${tls ? " TLS" : ""}` : name;
    return { text, fields: { event: "member", name, address, dialect: dialect.name, tls } };
  });
  const more = rows.length - limits.maxAnswerRows;
  if (more <= 0) return { ok: true, rows };
  return { ok: true, rows: rows.slice(0, -more), message: `${more} more are here` };
}

export function info({ options }: HubState): AdminAnswer {
  const rows = options.control.registrations().map(({ id, ip, port, text }) => ({
    text,
    fields: { event: "registration", id, ip, port },
  }));
  return { ok: true, rows };
}
