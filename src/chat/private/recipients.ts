// Whom a private message is for: people here, at other servers, and absent ones who have a mailbox.
// Names that nobody on this server uses are looked up in the store.

import type { ParleyError } from "../../errors.ts";
import { history } from "../../limits.ts";
import { type Account, accountMailbox } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { absentHolder } from "../names/absent-holder.ts";
import { fold, lobby } from "../names/grammar.ts";
import type { Refusal } from "../refusal.ts";
import { speechProblem } from "../rooms/room-rights.ts";
import { personKey, type Session } from "../session.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { SessionRecord } from "../turn/store.ts";
import { partnerElsewhere } from "./private-chat.ts";

/** Holders of the names that nobody here has: absent sessions, and owners. */
type Absent = {
  readonly records: Map<string, SessionRecord>;
  readonly accounts: Map<string, Account>;
  /** Away messages of people on other servers. */
  readonly notes: Map<string, string>;
};

/** Connected sessions, and mailboxes of absent people. */
export type Recipients = { here: Session[]; away: Recipient[] };
/** Somebody who is absent or on another server; `note`: their away message. */
type Recipient = {
  name: string;
  mailbox: string;
  isElsewhere?: boolean;
  note?: string | undefined;
};
/**
 * `unknown`: names that nobody has. `reassigned`: former names of the partner that now belong to
 * somebody else, who is not meant. `full`: absent people for whom the sender's network has left too
 * many messages. `barred`: the message was for everyone, but its sender may not speak in the lobby.
 */
export type Found = Recipients & {
  everyone: boolean;
  barred: Refusal | undefined;
  unknown: string[];
  reassigned: string[];
  full: string[];
};

/**
 * Calls `then` at once, or when the store has answered unless the session is over. `resolve` counts
 * messages to absent people, so it is called only if the message is to be sent.
 */
export function findRecipients(
  hub: HubState,
  session: Session,
  to: readonly string[],
  then: (error: ParleyError | undefined, resolve: () => Found) => void,
): void {
  const names = [...namesIn(to).keys()].filter((folded) => folded !== "all");
  const missing = names.filter((folded) => hub.names.holder(folded) === undefined);
  const absent: Absent = { records: new Map(), accounts: new Map(), notes: new Map() };
  const queries = new StoreQueries(hub, session);
  const sinceMs = hub.nowMs - history.mailHoldMs;
  for (const folded of missing) {
    queries.ask({ type: "find-name", name: folded, sinceMs }, (record) => {
      if (record !== undefined) absent.records.set(folded, record);
    });
    queries.ask({ type: "find-account", lookup: { name: folded } }, (account) => {
      if (account !== undefined) absent.accounts.set(folded, account);
    });
  }
  askForNotes(hub, session, queries, missing, absent);
  queries.whenAnswered((error) => then(error, () => resolve(hub, session, to, absent)));
}

/**
 * In dialects that report absences immediately, requests the notes of recipients on other servers.
 */
function askForNotes(
  hub: HubState,
  { dialect }: Session,
  queries: StoreQueries,
  names: readonly string[],
  { notes }: Absent,
): void {
  if (hub.isAlone || dialect.showsPersonas !== true || !names[0]) return;
  queries.ask({ type: "find-elsewhere", names }, (found) => {
    for (const { folded, about } of found) {
      if (about.away !== undefined) notes.set(folded, about.away);
    }
  });
}

/** By folded name. */
function namesIn(to: readonly string[]): Map<string, string> {
  return new Map(to.map((name) => [fold(name), name]));
}

/** Resolves `to`, each person once. */
function resolve(hub: HubState, session: Session, to: readonly string[], absent: Absent): Found {
  const names = namesIn(to);
  const isForAll = names.delete("all");
  const barred = isForAll ? speechProblem(hub, session, lobby) : undefined;
  const everyone = isForAll && barred === undefined;
  const nobody = { here: [], away: [], unknown: [], reassigned: [], full: [] };
  const found: Found = { everyone, barred, ...nobody };
  const reached = new Set<string>();
  for (const [folded, name] of names) {
    const who = addressee(hub, session, folded, absent);
    if (typeof who === "string") {
      found[who].push(name);
      continue;
    }
    const { key, here, isElsewhere } = who;
    // One person under two names: the old one, whose release is not committed yet, and the new one.
    if (reached.has(key)) continue;
    reached.add(key);
    // Members of the lobby receive it there.
    const isThere = hub.rooms.get(lobby)?.has(here?.identity.folded ?? folded) === true;
    if (everyone && isThere) continue;
    if (here !== undefined) found.here.push(here);
    else if (isElsewhere || mayWriteTo(hub, session, key)) {
      found.away.push({ name, mailbox: key, isElsewhere, note: absent.notes.get(folded) });
    } else found.full.push(name);
  }
  return found;
}

/** Somebody here, or the mailbox with that key. */
type Addressee = { key: string; here: Session | undefined; isElsewhere: boolean };

/** Who has a name; the partner of the private chat keeps former ones for a while. */
function addressee(
  hub: HubState,
  session: Session,
  folded: string,
  absent: Absent,
): Addressee | "unknown" | "reassigned" {
  const known = session.privateChat.names?.keyOf(folded, hub.nowMs);
  const isPartners = known !== undefined && known === partnerPerson(hub, session);
  const partner = isPartners ? partnerOf(hub, session) : undefined;
  const here = hub.names.holder(folded) ?? partner?.here[0];
  const key =
    here === undefined
      ? (mailboxOfAbsent(hub, folded, absent) ?? partner?.away[0]?.mailbox)
      : personKey(here.identity);
  if (key === undefined) return "unknown";
  if (known !== undefined && known !== key) return "reassigned";
  return { key, here, isElsewhere: isPartners || absent.records.get(folded)?.isElsewhere === true };
}

/** Counts a message to an absent person. */
function mayWriteTo(hub: HubState, { shareOwner }: Session, mailbox: string): boolean {
  return hub.options.rates === undefined || hub.absentMail.take(mailbox, shareOwner, hub.nowMs);
}

/** A registered name belongs to its owner, whoever used it before. */
function mailboxOfAbsent(
  hub: HubState,
  folded: string,
  { records, accounts }: Absent,
): string | undefined {
  const account = accounts.get(folded);
  if (account !== undefined) return accountMailbox(account.id);
  return absentHolder(hub, folded, records.get(folded))?.id;
}

/** The partner of the private chat, here or on another server. */
export function partnerOf(hub: HubState, session: Session): Recipients | undefined {
  const { partner } = session.privateChat;
  if (partner === undefined) return undefined;
  const elsewhere = partnerElsewhere(session);
  if (elsewhere !== undefined) {
    return {
      here: [],
      away: [{ name: elsewhere.name, mailbox: elsewhere.person, isElsewhere: true }],
    };
  }
  const here = hub.names.byKey(partner);
  return here && { here: [here], away: [] };
}

/** The person who holds the partner's name. */
export function partnerPerson(hub: HubState, session: Session): string | undefined {
  const partner = partnerOf(hub, session);
  const [here] = partner?.here ?? [];
  return here === undefined ? partner?.away[0]?.mailbox : personKey(here.identity);
}
