// What did not happen: how a session is told so, and what follows for the messages that it has sent after a refused one. Changes
// nothing but the session.

import type { ErrorCode, ParleyError } from "../errors.ts";
import { message as messageLimits, names as nameLimits, sender } from "../limits.ts";
import type { Command, Ref } from "./events.ts";
import type { Hub } from "./hub.ts";
import { count } from "./metrics.ts";
import type { Session } from "./session.ts";
import { quoted } from "../text.ts";

/** Tells a session that what it asked for did not happen. */
export function refuse(
  hub: Hub,
  session: Session,
  code: ErrorCode,
  message: string,
  ref?: Ref,
  subject?: string,
): void {
  hub.tell(session, {
    type: "error",
    code,
    message,
    ref,
    ...(subject === undefined ? {} : { subject }),
  });
}

export function unknownUser(hub: Hub, session: Session, name: string, ref?: Ref, n?: number): void {
  hub.tell(session, {
    type: "error",
    code: "unknown-user",
    message: `Nobody here is called ${quoted(name, nameLimits.maxChars)}: see who is here first (show, or /who)`,
    subject: name.slice(0, messageLimits.maxTextChars),
    ref,
    ...(n === undefined ? {} : { n }),
  });
}

/** The history could not be read: a counted message has not been taken and may come again. */
export function refuseUnread(
  hub: Hub,
  session: Session,
  command: Command,
  { code, message }: ParleyError,
): void {
  const n = "n" in command ? command.n : undefined;
  if (n === undefined) return refuse(hub, session, code, message, refOf(command));
  refuseFrom(session, n);
  count(hub.options.metrics.messagesRefused, code);
  hub.tell(session, { type: "error", code, message, n, retryAfterMs: sender.storageRetryMs });
}

function refOf(command: Command): Ref | undefined {
  return "ref" in command ? command.ref : undefined;
}

/**
 * Whether a message comes after one that was refused: it has been told so, and goes back to that one. Until then nothing that
 * follows is of use.
 */
export function followsRefusal(session: Session, command: Command): boolean {
  const n = "n" in command ? command.n : undefined;
  if (n === undefined || n < session.refusedN) return false;
  if (n > session.refusedN) return true;
  session.refusedN = 0;
  return false;
}

/** Message `n` has been refused: what waits after it is of no use either. */
export function refuseFrom(session: Session, n: number): void {
  session.refusedN = n;
  const waiting = session.delayed;
  if (waiting === undefined) return;
  const useful = waiting.filter((command) => !("n" in command) || (command.n ?? 0) < n);
  waiting.splice(0, waiting.length, ...useful);
}
