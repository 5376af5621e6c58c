// Files that people have put into the shared folder: listing them, and removing them (by their
// owner or by operators).

import { ParleyError } from "../../errors.ts";
import { people, sharing as limits } from "../../limits.ts";
import { sizeText } from "../../size-text.ts";
import { quoted } from "../../text.ts";
import { minuteText } from "../../utc-time.ts";
import { accountMailbox, accountMark } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { isAtLeast } from "../rights/roles.ts";
import { personKey } from "../session.ts";
import { takesNothing } from "../sharing/share-commands.ts";
import type { SharedListing } from "../sharing/sharing-port.ts";
import type { Actor } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import type { AdminRow } from "../../protocol/messages.ts";
import { logAct } from "./log-act.ts";

type Answer = (answer: AdminAnswer) => void;

export function listShared(
  hub: HubState,
  actor: Actor,
  _command: Extract<AdminCommand, { do: "shared" }>,
  answer: Answer,
): void {
  const { sharing } = hub.options;
  if (sharing === undefined) return answer(refusal(takesNothing));
  const listings = sharing.listings();
  const chars = people.searchedChars * listings.length;
  actor.session?.queue.charge(chars, hub.options.rates, hub.nowMs);
  const all = listings.filter((listing) => maySee(actor, listing));
  const newest = all.toSorted((a, b) => b.atMs - a.atMs).slice(0, limits.maxListed);
  if (all.length === 0) return answer({ ok: true, message: "Nothing is shared" });
  const bytes = sizeText(all.reduce((sum, { size }) => sum + size, 0));
  const count = `${all.length} thing${all.length === 1 ? "" : "s"}, ${bytes}`;
  const more = all.length > newest.length ? `; the newest ${newest.length} are listed` : "";
  answer({ ok: true, message: `${count}${more}`, rows: newest.map(rowOf) });
}

function rowOf({ name, size, files, by, atMs }: SharedListing): AdminRow {
  const text = `${sizeText(size).padStart(8)}  ${minuteText(atMs)}  ${name}  by ${by}`;
  return { text, fields: { event: "shared-file", name, size, files, by, time: atMs } };
}

export function unshare(
  hub: HubState,
  actor: Actor,
  { name }: Extract<AdminCommand, { do: "unshare" }>,
  answer: Answer,
): void {
  const { sharing } = hub.options;
  if (sharing === undefined) return answer(refusal(takesNothing));
  const check = (listing: SharedListing): ParleyError | undefined => {
    if (maySee(actor, listing)) return undefined;
    const sentence = `${quoted(listing.name, 200)} was put there by ${quoted(listing.by)}: they can remove it, or an operator`;
    return new ParleyError("not-allowed", sentence);
  };
  sharing.remove(name, check, (outcome) => {
    if (outcome instanceof ParleyError) {
      return answer({ ok: false, code: outcome.code, message: outcome.message });
    }
    logAct(hub, actor, "shared file removed", { file: outcome.name, name: outcome.by });
    answer({ ok: true, message: `${quoted(outcome.name, 200)} is no longer shared` });
  });
}

/**
 * Visible to operators and to the owner of the files: by account, or else by session or device key.
 */
function maySee({ rank, session, id }: Actor, { person, device }: SharedListing): boolean {
  if (isAtLeast(rank, "operator")) return true;
  if (session === undefined) return false;
  if (personKey(session.identity) === person) return true;
  // The account is known if the device still belongs to it.
  if (person.startsWith(accountMark)) return id !== undefined && accountMailbox(id) === person;
  const { key } = session.proven;
  return key !== undefined && key === device;
}

function refusal(message: string): AdminAnswer {
  return { ok: false, code: "not-allowed", message };
}
