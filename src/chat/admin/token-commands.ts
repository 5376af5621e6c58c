// Access tokens: created, listed and revoked, by owners for any name and by everybody for their
// own. A token is shown once, to its creator, and never logged.

import { history } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { endMinuteText, isoText, minuteText } from "../../utc-time.ts";
import type { Account } from "../accounts/account-store.ts";
import { expel } from "../disconnect.ts";
import type { HubState } from "../hub-state.ts";
import { absentHolder } from "../names/absent-holder.ts";
import { fold, nameProblem } from "../names/grammar.ts";
import { endNamesakes } from "../names/namesakes.ts";
import { withheldRefusal } from "../names/withheld.ts";
import type { AccessToken } from "../rights/access-tokens.ts";
import { isAtLeast } from "../rights/roles.ts";
import { type Actor, demoted } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import { type AdminAnswer, failed } from "./answer.ts";
import { logAct } from "./log-act.ts";

type Of<Do extends AdminCommand["do"]> = Extract<AdminCommand, { do: Do }>;
type Answer = (answer: AdminAnswer) => void;

export function makeToken(hub: HubState, actor: Actor, command: Of<"token">, answer: Answer): void {
  const { name } = command;
  hub.store.ask({ type: "find-account", lookup: { name: fold(name) } }, (outcome) => {
    if (!outcome.done) return answer(failed(outcome.error));
    const account = outcome.result;
    if (account !== undefined && mayUse(actor, account.id)) {
      return answer(issue(hub, actor, account, command));
    }
    if (!isAtLeast(actor.rank, "owner")) {
      const message = `${quoted(name)} is not your registered name: only owners make tokens for others`;
      return answer({ ok: false, code: "not-allowed", message });
    }
    register(hub, actor, command, answer);
  });
}

/** Owners may act for everybody, others for themselves. */
function mayUse({ rank, id }: Actor, account: string): boolean {
  return isAtLeast(rank, "owner") || id === account;
}

/** An unused name is registered for a program, which can only log in with its tokens. */
function register(hub: HubState, actor: Actor, command: Of<"token">, answer: Answer): void {
  const { name } = command;
  const folded = fold(name);
  const problem = nameProblem(name, hub.options.reservedNames);
  if (problem !== undefined) return answer({ ok: false, code: "name-invalid", message: problem });
  const reserved = withheldRefusal(name);
  if (reserved !== undefined) return answer({ ok: false, ...reserved });
  if (hub.names.isTakenByOther(name, "")) return answer(inUse(name));
  // Until that is done, nobody else may take the name.
  hub.names.reserve(folded);
  const finish: Answer = (done) => {
    hub.names.unreserve(folded);
    answer(done);
  };
  hub.store.ask(
    { type: "find-name", name: folded, sinceMs: hub.nowMs - history.mailHoldMs },
    (outcome) => {
      if (!outcome.done) return finish(failed(outcome.error));
      if (!isAtLeast(actor.rank, "owner")) return finish(demoted);
      if (absentHolder(hub, folded, outcome.result) !== undefined) return finish(inUse(name));
      const id = hub.options.newSecret();
      const nothing = { key: undefined, password: undefined };
      const change = { type: "register", account: id, name, folded, ...nothing } as const;
      hub.store.ask(
        { type: "change-account", change: { ...change, atMs: hub.stampMs } },
        (outcome) => {
          if (!outcome.done) return finish(failed(outcome.error));
          if (!outcome.result.done) {
            const isFull = outcome.result.why === "full";
            const message = "The server has no room for more registered names: forget one first";
            return finish(isFull ? { ok: false, code: "full", message } : inUse(name));
          }
          logAct(hub, actor, "name registered for a program", { target: name });
          endNamesakes(hub, outcome.result.account);
          // Services without a login must no longer use the name.
          hub.options.control.dropRegistrations((id) => fold(id) === folded);
          finish(issue(hub, actor, outcome.result.account, command));
        },
      );
    },
  );
}

function inUse(name: string): AdminAnswer {
  const message =
    `Somebody is called ${quoted(name)} at the moment, or will come back under that name: ` +
    "they can /register it, or take another one";
  return { ok: false, code: "name-taken", message };
}

function issue(
  hub: HubState,
  actor: Actor,
  { id: account, name }: Account,
  { termMs }: Of<"token">,
): AdminAnswer {
  const { rights } = hub;
  const { newSecret, hashSecret } = hub.options;
  const token = newSecret();
  const atMs = hub.stampMs;
  const untilMs = termMs === undefined ? Infinity : atMs + termMs;
  const hash = hashSecret(token);
  const payer = isAtLeast(actor.rank, "owner") ? undefined : actor.session?.shareOwner;
  const terms = { hash, account, name, by: actor.name, atMs, untilMs };
  const issued = rights.tokens.issue(terms, payer);
  if (issued === undefined) {
    const where = "from your network, or on this server";
    const message = `There are too many tokens for ${name}, ${where}: untoken some first`;
    return { ok: false, code: "full", message };
  }
  const { id } = issued;
  const until = termMs === undefined ? undefined : isoText(untilMs);
  logAct(hub, actor, "token made", { target: name, token: id, until });
  const fields = { ...fieldsOf(issued), token };
  return {
    ok: true,
    message: `Token #${id} speaks for ${name}${untilText(untilMs)}. It is not shown again`,
    rows: [{ text: token, fields }],
  };
}

export function listTokens(hub: HubState, actor: Actor): AdminAnswer {
  const all = hub.rights.tokens.list(hub.stampMs);
  const tokens = all.filter(({ account }) => mayUse(actor, account));
  if (tokens.length === 0) return { ok: true, message: "There are no tokens" };
  const rows = tokens.map((token) => {
    const { id, name, by, atMs, untilMs } = token;
    const text = `#${id} ${name}${untilText(untilMs)} (${by}, ${minuteText(atMs)})`;
    return { text, fields: fieldsOf(token) };
  });
  return { ok: true, rows };
}

export function revokeToken(hub: HubState, actor: Actor, { id }: Of<"untoken">): AdminAnswer {
  const { tokens } = hub.rights;
  const token = tokens.list(hub.stampMs).find((one) => one.id === id);
  if (token === undefined || !mayUse(actor, token.account)) {
    const message = `There is no token #${id} of yours: tokens lists them`;
    return { ok: false, code: "not-found", message };
  }
  tokens.revoke(token);
  logAct(hub, actor, "token revoked", { target: token.name, token: id });
  for (const session of hub.sessions) {
    if (session.proven.token !== token.hash) continue;
    expel(hub, session, "kicked", "The access token was revoked");
  }
  return { ok: true, message: `Token #${id} of ${token.name} is no longer valid` };
}

function fieldsOf({ id, name, by, atMs, untilMs }: AccessToken) {
  const end = untilMs === Infinity ? {} : { until: untilMs };
  return { event: "token", id, name, by, time: atMs, ...end };
}

function untilText(untilMs: number): string {
  return untilMs === Infinity ? "" : ` until ${endMinuteText(untilMs)}`;
}
