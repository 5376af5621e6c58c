// Exports, deletes and forgets: messages, and people.

import { history as historyLimits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { expel } from "../disconnect.ts";
import type { Said } from "../events.ts";
import { fittingPage } from "../history/history-page.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { followOperators } from "../rooms/member-news.ts";
import { tellErased } from "../rooms/room-access.ts";
import { mayBeOf } from "../session.ts";
import { type Actor, outranks } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import { type AdminAnswer, failed } from "./answer.ts";
import type { AdminRow } from "../../protocol/messages.ts";
import { logAct } from "./log-act.ts";
import { withAccount } from "./with-account.ts";

type Of<Do extends AdminCommand["do"]> = Extract<AdminCommand, { do: Do }>;
type Answer = (answer: AdminAnswer) => void;

/** One page; the next one starts after its last message (export-pages.ts). */
export function exportRoom(
  hub: HubState,
  actor: Actor,
  { room: name, after }: Of<"export">,
  answer: Answer,
): void {
  const room = fold(name);
  if (after === 0) logAct(hub, actor, "room exported", { target: room });
  hub.store.ask(
    { type: "read-room", room, after, limit: historyLimits.pageMessages },
    (outcome) => {
      if (!outcome.done) return answer(failed(outcome.error));
      const rows = fittingPage(outcome.result, "oldest").map(messageRow);
      if (rows.length > 0 || after > 0 || hub.rooms.has(room)) return answer({ ok: true, rows });
      exportEmpty(hub, name, answer);
    },
  );
}

/** For a room without messages or members here; it may have members on another server. */
function exportEmpty(hub: HubState, name: string, answer: Answer): void {
  hub.store.ask({ type: "room-bounds", room: fold(name) }, (outcome) => {
    if (!outcome.done) return answer(failed(outcome.error));
    const { members = [] } = outcome.result.elsewhere ?? {};
    if (members.length > 0) return answer({ ok: true, rows: [] });
    const message = `Nobody is in ${quoted(name)}, and no messages of it are kept: /rooms lists the rooms`;
    answer({ ok: false, code: "not-found", message });
  });
}

function messageRow({ room, seq, timeMs: time, from, alias, text, deleted }: Said): AdminRow {
  const shown = alias === undefined ? {} : { alias };
  const mark = deleted === true ? { deleted } : {};
  return { fields: { event: "message", room, seq, time, from, ...shown, text, ...mark } };
}

export function deleteMessage(
  hub: HubState,
  actor: Actor,
  { room: name, seq }: Of<"delete">,
  answer: Answer,
): void {
  const room = fold(name);
  hub.store.ask({ type: "erase-message", room, seq }, (outcome) => {
    if (!outcome.done) return answer(failed(outcome.error));
    if (!outcome.result) {
      const message = `There is no longer a message ${seq} in ${quoted(room)}`;
      return answer({ ok: false, code: "not-found", message });
    }
    logAct(hub, actor, "message deleted", { target: room, seq });
    tellErased(hub, room, seq);
    answer({ ok: true, message: `The text of message ${seq} in ${room} is gone` });
  });
}

export function forget(hub: HubState, actor: Actor, { name }: Of<"forget">, answer: Answer): void {
  withAccount(hub, actor, "owner", name, answer, (account) => {
    const { roles } = hub.rights;
    const rank = roles.rankOf([account.id]);
    if (!outranks(actor, rank)) {
      const message = `${account.name} is an ${rank}, whom you can't moderate: nothing was done`;
      return answer({ ok: false, code: "not-allowed", message });
    }
    const change = { type: "delete", account: account.id, atMs: hub.stampMs } as const;
    hub.store.ask({ type: "change-account", change }, (outcome) => {
      if (!outcome.done) return answer(failed(outcome.error));
      const tellRooms = followOperators(hub);
      roles.take(account.id);
      hub.rights.tokens.forgetAccount(account.id);
      logAct(hub, actor, "account deleted", { target: account.name });
      hub.noteAccountChanged(account.id);
      // Also under other names, and without a name.
      for (const session of hub.sessions) {
        if (!mayBeOf(session, account.id)) continue;
        expel(hub, session, "kicked", "Your account was deleted by an operator");
      }
      // Its sessions at other servers are still in their rooms.
      tellRooms();
      answer({ ok: true, message: `${account.name} is no longer registered` });
    });
  });
}
