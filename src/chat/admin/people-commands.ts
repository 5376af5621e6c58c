// Lists who is here, and who is registered for calls.

import { rights as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";
import { type AdminAnswer, failed } from "./answer.ts";
import type { AdminRow } from "../../protocol/messages.ts";

/** Also lists people at other servers; `isLong`: with the server instead of their address. */
export function who(
  hub: HubState,
  _actor: Actor,
  { long: isLong }: { long: boolean },
  answer: (answer: AdminAnswer) => void,
): void {
  const rows = Array.from(hub.names.members(), ({ name, peer, dialect }): AdminRow => {
    const { address, tls = false } = peer;
    const text = isLong ? `${name} ${address} ${dialect.name}${tls ? " TLS" : ""}` : name;
    return { text, fields: { event: "member", name, address, dialect: dialect.name, tls } };
  });
  if (hub.isAlone) return answer(fitting(rows, false));
  hub.store.ask({ type: "list-elsewhere", limit: limits.maxAnswerRows }, (outcome) => {
    if (!outcome.done) return answer(failed(outcome.error));
    const isCut = outcome.result.length === limits.maxAnswerRows;
    for (const { folded, name, server: id, address } of outcome.result) {
      if (hub.names.holder(folded) !== undefined) continue;
      const server = address === "" ? id : address;
      const text = isLong ? `${name} at ${server}` : name;
      rows.push({ text, fields: { event: "member", name, server } });
    }
    answer(fitting(rows, isCut));
  });
  hub.wake();
}

/** `isCut`: there may be others, whom the store has not listed. */
function fitting(rows: readonly AdminRow[], isCut: boolean): AdminAnswer {
  const more = Math.max(0, rows.length - limits.maxAnswerRows);
  if (more === 0 && !isCut) return { ok: true, rows };
  const least = isCut ? "at least " : "";
  const listed = rows.slice(0, limits.maxAnswerRows);
  const message = `There are ${least}${rows.length} people, of whom ${listed.length} are listed`;
  return { ok: true, rows: listed, message };
}

export function info({ options }: HubState): AdminAnswer {
  const rows = options.control.registrations().map(({ id, ip, port, text }) => ({
    text,
    fields: { event: "registration", id, ip, port },
  }));
  return { ok: true, rows };
}
