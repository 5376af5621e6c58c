// An operator command sent over a connection: who sent it, and whether it is safe from forgery on
// the path.

import { isLoopback } from "../../addresses.ts";
import type { Command } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { reject } from "../rejections.ts";
import type { Session } from "../session.ts";
import { actorOf } from "./actor.ts";
import type { AdminAnswer } from "./answer.ts";
import { runAdmin } from "./run-admin.ts";

/**
 * Commands that everybody may use for their own files; over plain text, operators are limited to
 * these as well.
 */
const forEverybody = /^\s*(?:shared|unshare)\b/i;

export function orderFrom(
  hub: HubState,
  session: Session,
  { line, ref }: Extract<Command, { type: "admin" }>,
): void {
  const { tls, address } = session.peer;
  const isPlain = tls !== true && !isLoopback(address);
  if (isPlain && !forEverybody.test(line)) {
    const message =
      "Operator commands need TLS: in plain text somebody in between could forge them";
    return reject(hub, session, "tls-required", message, { ref });
  }
  actorOf(hub, session, (actor) => {
    if ("problem" in actor) return reject(hub, session, "storage", actor.problem, { ref });
    session.queue.block();
    runAdmin(hub, isPlain ? { ...actor, rank: "member" } : actor, line, (answer) => {
      hub.unblock(session);
      reply(answer);
    });
  });
  function reply(answer: AdminAnswer): void {
    if (!answer.ok) return reject(hub, session, answer.code, answer.message, { ref });
    const { message, rows = [] } = answer;
    hub.send(session, { type: "admin", message, rows, ref });
  }
}
