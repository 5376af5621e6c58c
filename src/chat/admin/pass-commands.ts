// Creates, lists and revokes passes. A code is shown once, to its creator, and never logged.

import { rights as limits } from "../../limits.ts";
import type { Pass } from "../rights/passes.ts";
import { endMinuteText, isoText, minuteText } from "../../utc-time.ts";
import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";
import type { AdminCommand } from "./admin-command.ts";
import type { AdminAnswer } from "./answer.ts";
import { logAct } from "./log-act.ts";

type Of<Do extends AdminCommand["do"]> = Extract<AdminCommand, { do: Do }>;

export function makePass(
  hub: HubState,
  actor: Actor,
  { uses, termMs = limits.passTermMs }: Of<"pass">,
): AdminAnswer {
  const { rights } = hub;
  const { newSecret, hashSecret } = hub.options;
  const code = newSecret();
  const atMs = hub.stampMs;
  const untilMs = atMs + termMs;
  const hash = hashSecret(code);
  const pass = rights.passes.issue({ hash, uses, by: actor.name, atMs, untilMs });
  if (pass === undefined) {
    return { ok: false, code: "full", message: "There are too many passes: revoke some first" };
  }
  const { id } = pass;
  logAct(hub, actor, "pass made", { target: `#${id}`, uses, until: isoText(untilMs) });
  const fields = { ...fieldsOf(pass), code };
  const people = uses === 1 ? "one person" : `${uses} people`;
  return {
    ok: true,
    message:
      `Pass #${id} lets ${people} in until ${endMinuteText(untilMs)}, ` +
      "by parley client ADDRESS --pass CODE or on the page:",
    rows: [{ text: code, fields }],
  };
}

export function listPasses({ rights, stampMs }: HubState): AdminAnswer {
  const passes = rights.passes.list(stampMs);
  if (passes.length === 0) return { ok: true, message: "There are no passes" };
  const rows = passes.map((pass) => {
    const { id, uses, used, by, atMs, untilMs } = pass;
    const text = `#${id} used by ${used} of ${uses}, until ${endMinuteText(untilMs)} (${by}, ${minuteText(atMs)})`;
    return { text, fields: fieldsOf(pass) };
  });
  return { ok: true, rows };
}

function fieldsOf({ id, uses, used, by, atMs: time, untilMs: until }: Pass) {
  return { event: "pass", id, uses, used, by, time, until };
}

export function revoke(hub: HubState, actor: Actor, { id }: Of<"revoke">): AdminAnswer {
  if (!hub.rights.passes.revoke(id)) {
    return { ok: false, code: "not-found", message: `There is no pass #${id}: passes lists them` };
  }
  logAct(hub, actor, "pass revoked", { target: `#${id}` });
  return { ok: true, message: `Pass #${id} is no longer valid` };
}
