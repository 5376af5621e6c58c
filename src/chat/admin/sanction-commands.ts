// kick, ban and mute, and how sanctions are lifted and listed.

import { isLoopback } from "../../addresses.ts";
import { ParleyError } from "../../errors.ts";
import { rights as limits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import { expel } from "../disconnect.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { nearestName } from "../names/near-name.ts";
import { networkText, readNetwork } from "../rights/network.ts";
import {
  type Sanction,
  sanctionedNetwork,
  type SanctionKind,
  type Subject,
  subjectText,
  termsText,
} from "../rights/sanction.ts";
import { SanctionIndex } from "../rights/sanction-index.ts";
import type { Session } from "../session.ts";
import { isoText, minuteText } from "../../utc-time.ts";
import { banText, suspectOf } from "../suspect.ts";
import { isAtLeast, type Rank } from "../rights/roles.ts";
import { type Actor, demoted, isNameless, outranks, rankOf } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import { type AdminAnswer, failed } from "./answer.ts";
import type { AdminRow } from "../../protocol/messages.ts";
import { logAct } from "./log-act.ts";

type Of<Do extends AdminCommand["do"]> = Extract<AdminCommand, { do: Do }>;

export function kick(
  hub: HubState,
  actor: Actor,
  command: Of<"kick">,
  answer: (answer: AdminAnswer) => void,
): void {
  const { name, reason } = command;
  const folded = fold(name);
  const kicked = kickHere(hub, actor, command);
  if (hub.isAlone) return answer(kicked ?? nobody(hub, name));
  if (kicked?.ok === false) return answer(kicked);
  // Devices of a registered name may be connected to several servers.
  hub.store.ask({ type: "find-elsewhere", names: [folded] }, (outcome) => {
    if (!isAtLeast(actor.rank, "operator")) return answer(kicked ?? demoted);
    const here = kicked ?? kickHere(hub, actor, command);
    if (!outcome.done) return answer(hereAlone(here, outcome.error));
    const [first] = outcome.result;
    if (first === undefined || here?.ok === false) return answer(here ?? nobody(hub, name));
    const rank = hub.rights.roles.rankOf(first.about.ids);
    if (!outranks(actor, rank)) return answer(protectedBy(first.name, rank));
    const why = removalText(actor, reason);
    for (const { server } of outcome.result) {
      hub.signal(server, { type: "expel", to: folded, reason: why });
    }
    logAct(hub, actor, "kicked", { target: first.name, reason });
    answer({ ok: true, message: `Removed ${first.name}` });
  });
  hub.wake();
}

/** What is known if the store can't say whether they are at other servers too. */
function hereAlone(here: AdminAnswer | undefined, error: ParleyError): AdminAnswer {
  if (here?.ok !== true) return here ?? failed(error);
  const { code, message } = error;
  return { ok: false, code, message: `${here.message} from this server alone: ${message}` };
}

function kickHere(
  hub: HubState,
  actor: Actor,
  { name, reason }: Of<"kick">,
): AdminAnswer | undefined {
  const session = hub.names.holder(fold(name));
  if (session === undefined) return undefined;
  if (session === actor.session) {
    return { ok: false, code: "usage", message: "That is you: nothing was done" };
  }
  const rank = rankOf(hub, session);
  if (!outranks(actor, rank)) return protectedBy(session.name, rank);
  // All devices of the name's owner.
  for (const one of hub.names.devices(session)) {
    logAct(hub, actor, "kicked", { target: one.name, address: one.peer.address, reason });
    expel(hub, one, "kicked", removalText(actor, reason));
  }
  return { ok: true, message: `Removed ${session.name}` };
}

function removalText(actor: Actor, reason: string): string {
  const who = isNameless(actor) ? "An operator" : actor.name;
  return `${who} has removed you${reason === "" ? "" : `: ${harmless(reason)}`}`;
}

export function impose(
  hub: HubState,
  actor: Actor,
  command: Of<"ban" | "mute">,
  answer: (answer: AdminAnswer) => void,
): void {
  subjectOf(hub, command.target, (subject, shown, ids = []) => {
    if (typeof subject === "string") return answer({ ok: false, code: "usage", message: subject });
    if (subject instanceof ParleyError) return answer(failed(subject));
    if (!isAtLeast(actor.rank, "operator")) return answer(demoted);
    const rank = hub.rights.roles.rankOf(ids);
    if (!outranks(actor, rank)) return answer(protectedBy(shown, rank));
    answer(imposeOn(hub, actor, command, withoutSharedNetwork(hub, actor, subject), shown));
  });
}

/**
 * For a ban by name: leaves out the network if the actor or a superior is connected from it too, so
 * that an operator can ban somebody on the same network without banning themselves.
 */
function withoutSharedNetwork(hub: HubState, actor: Actor, subject: Subject): Subject {
  const { name, network } = subject;
  if (name === undefined || network === undefined) return subject;
  const isConcerned = concernedBy({ network }, hub.stampMs);
  const isShared =
    (actor.session !== undefined && isConcerned(actor.session)) ||
    superiorOf(hub, actor, {}, isConcerned) !== undefined;
  return isShared ? { ...subject, network: undefined } : subject;
}

function concernedBy(subject: Subject, nowMs: number): (session: Session) => boolean {
  const terms = {
    kind: "ban",
    id: 0,
    reason: "",
    by: "",
    atMs: nowMs,
    untilMs: undefined,
  } as const;
  const index = new SanctionIndex([{ ...subject, ...terms }]);
  return (session) => index.find(suspectOf(session), nowMs) !== undefined;
}

function imposeOn(
  hub: HubState,
  actor: Actor,
  { do: kind, reason, termMs }: Of<"ban" | "mute">,
  subject: Subject,
  shown: string,
): AdminAnswer {
  const nowMs = hub.stampMs;
  const untilMs = termMs === undefined ? undefined : nowMs + termMs;
  const terms = { ...subject, kind, reason, by: actor.name, atMs: nowMs, untilMs };
  const isConcerned = concernedBy(subject, nowMs);
  if (actor.session !== undefined && isConcerned(actor.session)) {
    return { ok: false, code: "usage", message: `That would ${kind} you too: nothing was done` };
  }
  const superior = superiorOf(hub, actor, subject, isConcerned);
  if (superior !== undefined) return protectedBy(superior.name, superior.rank);
  const { sanctions } = hub.rights;
  const sanction = sanctions.impose(terms);
  if (sanction === undefined) {
    return { ok: false, code: "full", message: `There are too many ${kind}s: lift some first` };
  }
  const verb = kind === "ban" ? "banned" : "muted";
  const until = untilMs === undefined ? undefined : isoText(untilMs);
  const named = subject.name === undefined ? subject : { ...subject, name: shown };
  const target = subjectText(named);
  logAct(hub, actor, verb, { target, until, reason });
  if (kind === "ban") expelAll(hub, isConcerned, sanction);
  const done = kind === "ban" ? "Banned" : "Muted";
  return {
    ok: true,
    message: `${done} ${target}${termsText({ untilMs, reason: "" })}`,
  };
}

/** Somebody affected by the sanction whom the actor does not outrank. */
function superiorOf(
  { rights, names }: HubState,
  actor: Actor,
  { account = "", key = "" }: Subject,
  isConcerned: (session: Session) => boolean,
): { name: string; rank: Rank } | undefined {
  const { roles } = rights;
  for (const role of roles.list()) {
    const isMeant = role.id === account || role.id === key;
    if (isMeant && !outranks(actor, role.rank)) return role;
  }
  for (const session of names.members()) {
    const rank = rankOf({ rights }, session);
    if (rank !== "member" && isConcerned(session) && !outranks(actor, rank)) {
      return { name: session.name, rank };
    }
  }
  return undefined;
}

function protectedBy(name: string, rank: Rank): AdminAnswer {
  const message = `${name} is an ${rank}, whom you can't moderate: nothing was done`;
  return { ok: false, code: "not-allowed", message };
}

function expelAll(
  hub: HubState,
  isConcerned: (session: Session) => boolean,
  sanction: Sanction,
): void {
  for (const session of hub.sessions) {
    if (isConcerned(session)) expel(hub, session, "banned", banText(sanction));
  }
  const index = new SanctionIndex([sanction]);
  hub.options.control.dropRegistrations(
    (id, address) =>
      index.find({ address, names: [fold(id)], keys: [], accounts: [] }, sanction.atMs) !==
      undefined,
  );
}

export function lift(
  hub: HubState,
  actor: Actor,
  { do: what, target }: Of<"unban" | "unmute">,
): AdminAnswer {
  const kind = what === "unban" ? "ban" : "mute";
  const number = /^#(\d{1,15})$/.exec(target)?.[1];
  const written = writtenSubject(target);
  const more = typeof written === "string" ? {} : written;
  const which = number === undefined ? { name: fold(target), ...more } : { id: Number(number) };
  const lifted = hub.rights.sanctions.lift(kind, which);
  if (lifted.length === 0) {
    if (number === undefined && typeof written === "string") {
      return { ok: false, code: "usage", message: written };
    }
    const message = `There is no ${kind} of ${quoted(target)}: ${kind}s lists them`;
    return { ok: false, code: "not-found", message };
  }
  const textOf = (one: Sanction): string =>
    subjectText(one.name === fold(target) ? { ...one, name: target } : one);
  for (const one of lifted) {
    const verb = kind === "ban" ? "unbanned" : "unmuted";
    logAct(hub, actor, verb, { target: textOf(one) });
  }
  const all = lifted.map(textOf).join("; ");
  return { ok: true, message: `Lifted the ${kind} of ${all}` };
}

export function listSanctions(hub: HubState, kind: SanctionKind): AdminAnswer {
  const list = hub.rights.sanctions.list(kind, hub.stampMs);
  if (list.length === 0) return { ok: true, message: `There are no ${kind}s` };
  const rows = newestThatFit(list.map(sanctionRow));
  if (rows.length === list.length) return { ok: true, rows };
  const message = `There are ${list.length} ${kind}s, of which the newest ${rows.length} are listed`;
  return { ok: true, rows, message };
}

/** Oldest first. Somebody to whom more is sent counts as a slow reader. */
function newestThatFit(rows: readonly AdminRow[]): readonly AdminRow[] {
  let bytes = 0;
  const exceeds = (row: AdminRow): boolean => {
    bytes += Buffer.byteLength(JSON.stringify(row)) + 1;
    return bytes > limits.maxSanctionListBytes;
  };
  return rows.slice(rows.findLastIndex(exceeds) + 1);
}

function sanctionRow(sanction: Sanction): AdminRow {
  const { id, kind, name, network, key, account, reason, by, atMs, untilMs } = sanction;
  const text = `#${id} ${subjectText(sanction)}${termsText(sanction)} (${by}, ${minuteText(atMs)})`;
  const given = Object.entries({ name, network, key, account, until: untilMs }).flatMap(
    ([field, value]) => (value === undefined ? [] : [[field, value] as const]),
  );
  return {
    text,
    fields: { event: kind, id, ...Object.fromEntries(given), reason, by, time: atMs },
  };
}

/**
 * The subject that an operator means: a person rather than a name, which is easily changed. A
 * registered name stands for its owner. Otherwise, if somebody with the name is connected to any
 * server, their device's key and their network are included, unless the network is this machine's.
 * A name may look like an address, as those do that the server assigns.
 * `shown`: the name as its owner writes it. `ids`: the IDs of a person on another server.
 */
function subjectOf(
  hub: HubState,
  target: string,
  then: (subject: Subject | string | ParleyError, shown: string, ids?: readonly string[]) => void,
): void {
  const written = writtenSubject(target);
  const isNobody = typeof written !== "string" && written.key !== undefined;
  if (isNobody || target.includes("/")) return then(written, target);
  const name = fold(target);
  hub.store.ask({ type: "find-account", lookup: { name } }, (outcome) => {
    if (!outcome.done) return then(unread(written, outcome.error), target);
    const { result: owner } = outcome;
    if (owner !== undefined) return then({ name, account: owner.id }, owner.name);
    const session = hub.names.holder(name);
    if (session === undefined) return subjectElsewhere(hub, target, written, then);
    const { address } = session.peer;
    const network = isLoopback(address) ? undefined : sanctionedNetwork(address);
    then({ name, network, key: session.proven.key }, session.name);
  });
}

function subjectElsewhere(
  hub: HubState,
  target: string,
  written: Subject | string,
  then: (subject: Subject | string | ParleyError, shown: string, ids?: readonly string[]) => void,
): void {
  if (hub.isAlone) return then(written, target);
  const name = fold(target);
  hub.store.ask({ type: "find-elsewhere", names: [name] }, (outcome) => {
    if (!outcome.done) return then(unread(written, outcome.error), target);
    const [found] = outcome.result;
    if (found === undefined) return then(written, target);
    const { network, proved: key, ids } = found.about;
    then({ name, network, key }, found.name, ids);
  });
  hub.wake();
}

/** What the target means if the store can't look up names: an address needs no lookup. */
function unread(written: Subject | string, error: ParleyError): Subject | string | ParleyError {
  return typeof written === "string" || written.network !== undefined ? written : error;
}

/** A subject taken literally from the typed text, or why there is none. */
function writtenSubject(target: string): Subject | string {
  if (/^[\d.]+(?:\/\d+)?$/.test(target) || target.includes(":")) {
    const network = readNetwork(target);
    if (typeof network !== "string") return { network: networkText(network) };
    if (target.includes(":") || target.includes("/")) {
      return `${quoted(target)} can't be banned: ${network}`;
    }
  }
  // No name is as long as a key.
  return keyForm.test(target) ? { key: target } : { name: fold(target) };
}

/** An Ed25519 public key in base64url. */
const keyForm = /^[A-Za-z0-9_-]{43}$/;

function nobody(hub: HubState, name: string): AdminAnswer {
  const near = nearestName(name, hub.names.names());
  const advice = near === undefined ? "list everybody with 'who'" : `did you mean ${quoted(near)}?`;
  const message = `Nobody here is called ${quoted(name)}: ${advice}`;
  return { ok: false, code: "unknown-user", message };
}
