// How a session is told that what it asked for did not happen.

import type { ErrorCode, ParleyError } from "../errors.ts";
import { message as messageLimits, names as nameLimits, sender } from "../limits.ts";
import { quoted } from "../text.ts";
import type { HubState } from "./hub-state.ts";
import type { Command, Ref } from "./events.ts";
import { count } from "./metrics.ts";
import type { Session } from "./session.ts";

/**
 * What an error is about: the request, the message, the value. `usesUp`: the message has used up its counter, and is refused for
 * good once that is settled; if the log does not take the batch, the message may come again.
 */
export type About = {
  ref?: Ref | undefined;
  n?: number | undefined;
  subject?: string | undefined;
  usesUp?: boolean;
};

export function reject(
  chat: HubState,
  session: Session,
  code: ErrorCode,
  message: string,
  { ref, n, subject, usesUp = false }: About = {},
): void {
  const about = {
    ...(subject === undefined ? {} : { subject }),
    ...(n === undefined ? {} : { n }),
  };
  const timing = usesUp && n !== undefined ? "committed" : "now";
  chat.tell(session, { type: "error", code, message, ref, ...about }, timing);
}

export function rejectUnknownUser(
  chat: HubState,
  session: Session,
  name: string,
  about: About = {},
): void {
  const message = `Nobody here is called ${quoted(name, nameLimits.maxChars)}: see who is here first (show, or /who)`;
  const subject = name.slice(0, messageLimits.maxTextChars);
  reject(chat, session, "unknown-user", message, { ...about, subject });
}

/** The store could not be read: a counted message has not been taken and may come again. */
export function rejectUnread(
  chat: HubState,
  session: Session,
  command: Command,
  { code, message }: ParleyError,
): void {
  chat.options.log.warn(message);
  const n = "n" in command ? command.n : undefined;
  const ref = "ref" in command ? command.ref : undefined;
  if (n === undefined) return reject(chat, session, code, message, { ref });
  session.counter.refuse(n);
  session.queue.dropFrom(n);
  count(chat.options.metrics.messagesRefused, code);
  chat.tell(session, { type: "error", code, message, n, retryAfterMs: sender.storageRetryMs });
}
