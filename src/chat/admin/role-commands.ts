// Appoints and dismisses operators. The first owner is whoever enters the claim code that the
// server generated.

import { minuteText } from "../../utc-time.ts";
import type { HubState } from "../hub-state.ts";
import { type Actor, outranks } from "./actor.ts";
import type { AdminAnswer } from "./answer.ts";
import { logAct } from "./log-act.ts";
import { isClaim } from "../server-control.ts";
import { followOperators } from "../rooms/member-news.ts";
import { removeNonGuests } from "../rooms/room-access.ts";
import { withAccount } from "./with-account.ts";
import { tooMany } from "../rates/guess-rates.ts";

type Answer = (answer: AdminAnswer) => void;

export function op(hub: HubState, actor: Actor, name: string, answer: Answer): void {
  withAccount(hub, actor, "owner", name, answer, (account) => {
    const { roles } = hub.rights;
    const { id } = account;
    if (roles.rankOf([id]) !== "member") {
      return answer({ ok: true, message: `${account.name} is ${roles.rankOf([id])} already` });
    }
    const role = { id, rank: "operator", name: account.name, by: actor.name } as const;
    const tellRooms = followOperators(hub);
    if (!roles.give({ ...role, atMs: hub.stampMs })) {
      return answer(tooManyRoles);
    }
    tellRooms();
    logAct(hub, actor, "operator made", { target: account.name });
    answer({ ok: true, message: `${account.name} is an operator now` });
  });
}

export function deop(hub: HubState, actor: Actor, name: string, answer: Answer): void {
  // Somebody known by a key alone is listed by that.
  const byKey = hub.rights.roles.list().find((role) => role.id === name && role.name === name);
  if (byKey !== undefined) return answer(dismiss(hub, actor, byKey));
  withAccount(hub, actor, "owner", name, answer, (account) => answer(dismiss(hub, actor, account)));
}

function dismiss(
  hub: HubState,
  actor: Actor,
  { id, name }: { id: string; name: string },
): AdminAnswer {
  const { roles } = hub.rights;
  const rank = roles.rankOf([id]);
  if (rank === "member") return { ok: true, message: `${name} is not an operator` };
  if (!outranks(actor, rank)) {
    const message = `${name} is an ${rank}: only the server's terminal can change that`;
    return { ok: false, code: "not-allowed", message };
  }
  const tellRooms = followOperators(hub);
  roles.take(id);
  for (const room of hub.rooms.keys()) removeNonGuests(hub, room);
  tellRooms();
  logAct(hub, actor, "operator removed", { target: name });
  return { ok: true, message: `${name} is no longer an ${rank}` };
}

export function listOps({ rights }: Pick<HubState, "rights">): AdminAnswer {
  const roles = rights.roles.list();
  if (roles.length === 0) return { ok: true, message: "There are no operators" };
  const rows = roles.map(({ rank, name, by, atMs }) => ({
    text: `${name} ${rank} (${by}, ${minuteText(atMs)})`,
    fields: { event: "role", name, rank, by, time: atMs },
  }));
  return { ok: true, rows };
}

/** Makes the actor an owner, once, with the code that only somebody at the server can read. */
export function claim(hub: HubState, actor: Actor, code: string): AdminAnswer {
  const { rights } = hub;
  const { control } = hub.options;
  const { session, id } = actor;
  if (session === undefined || id === undefined) {
    const message = "A claim needs a key or a registered name: use parley admin ADDRESS claim CODE";
    return { ok: false, code: "no-identity", message };
  }
  const { address } = session.peer;
  const waitMs = hub.guessRates.waitMs(address, hub.nowMs);
  if (waitMs > 0) {
    return { ok: false, code: "rate", message: tooMany("attempts", waitMs) };
  }
  if (!isClaim(hub.options, code)) {
    hub.guessRates.wasWrong(address, hub.nowMs);
    logAct(hub, actor, "claim refused", {});
    const message = "This is not the claim of this server, or it has been used";
    return { ok: false, code: "not-allowed", message };
  }
  const tellRooms = followOperators(hub);
  const role = { id, rank: "owner", name: actor.name, by: "claim" } as const;
  if (!rights.roles.give({ ...role, atMs: hub.stampMs })) return tooManyRoles;
  tellRooms();
  control.claimUsed();
  logAct(hub, actor, "server claimed", { target: actor.name });
  // Somebody without a name.
  const message =
    actor.name === id
      ? `You own this server now: it knows you by the key of this device, ${id}`
      : `${actor.name} owns this server now`;
  return { ok: true, message };
}

const tooManyRoles: AdminAnswer = {
  ok: false,
  code: "full",
  message: "There are too many operators: deop one first",
};
