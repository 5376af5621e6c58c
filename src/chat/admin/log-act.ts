// Logs every action of an operator: who, what, to whom, from where, why.

import type { LogFields } from "../../log.ts";
import type { HubState } from "../hub-state.ts";
import type { Actor } from "./actor.ts";

export function logAct(hub: HubState, actor: Actor, act: string, fields: LogFields): void {
  const { session } = actor;
  const from = session === undefined ? {} : { from: session.peer.address };
  const reason = fields["reason"] === "" ? undefined : fields["reason"];
  hub.log.info(act, { ...fields, reason, by: actor.name, ...from });
}
