// What one sender may do: its messages are taken at its rate, a few more wait for their turn, and what is beyond that is
// refused with the time after which it may try again. A flood is its sender's problem, never the room's.

import { message, sender as limits } from "../limits.ts";
import type { Command } from "./events.ts";
import type { Hub } from "./hub.ts";
import { execute } from "./commands.ts";
import { count } from "./metrics.ts";
import type { Session } from "./session.ts";
import { addressed } from "./messages.ts";
import { TokenBucket } from "./token-bucket.ts";

export type Rates = { messagesPerSecond: number; bytesPerSecond: number };

/** The rates for `--rate N`; undefined, no limit at all, for 0. */
export function ratesFor(messagesPerSecond: number): Rates | undefined {
  if (messagesPerSecond <= 0) return undefined;
  return { messagesPerSecond, bytesPerSecond: limits.bytesPerSecond };
}

/** True if the command may run now. Else it was kept for later, or its sender was told that it is too fast. */
export function pacedCommand(hub: Hub, session: Session, command: Command, rates: Rates): boolean {
  const waiting = session.delayed;
  if (command.type === "alive" || isRelease(command)) return true;
  if (command.type === "quit") {
    // What it has said before comes first; nothing that it sends after this does.
    if (waiting !== undefined && waiting.at(-1)?.type !== "quit") waiting.push(command);
    return waiting === undefined;
  }
  if (waiting?.at(-1)?.type === "quit") return false;
  const { messageChars } = session;
  if (waiting === undefined && spend(hub, session, command, rates, messageChars)) return true;
  const speaks = command.type === "say" || command.type === "tell";
  if (speaks && (waiting?.length ?? 0) < limits.maxDelayed) {
    hub.options.metrics.messagesDelayed++;
    const kept = addressed(session, command);
    if (waiting === undefined) session.delayed = [kept];
    else waiting.push(kept);
    hub.due.delayed(session);
    return false;
  }
  refuse(hub, session, command, rates);
  return false;
}

/** What only gives something back is never too much, and nobody answers it, so nobody would send it again. */
function isRelease(command: Command): boolean {
  return command.type === "fetch" && command.request["type"] === "fetched";
}

/** Runs what may run of a session's delayed commands; true once none waits. */
export function releaseDelayed(hub: Hub, session: Session): boolean {
  const { rates } = hub.options;
  const waiting = session.delayed;
  if (waiting === undefined) return true;
  while (waiting.length > 0 && session.phase === "member") {
    const command = waiting[0]!;
    if (rates !== undefined && command.type !== "quit" && !spend(hub, session, command, rates))
      return false;
    // What becomes of it may change what waits.
    waiting.shift();
    execute(hub, session, command);
  }
  session.delayed = undefined;
  return true;
}

/** Takes what a command costs: everyone whom a message is for, and what is read and written, `readChars` at least. */
function spend(hub: Hub, session: Session, command: Command, rates: Rates, readChars = 0): boolean {
  const { nowMs } = hub;
  const { messagesPerSecond, bytesPerSecond } = rates;
  session.messageBucket ??= new TokenBucket(
    messagesPerSecond,
    messagesPerSecond * limits.burstSeconds,
    nowMs,
  );
  session.byteBucket ??= new TokenBucket(
    bytesPerSecond,
    bytesPerSecond * limits.burstSeconds,
    nowMs,
  );
  const copies = command.type === "tell" ? Math.min(command.to.length, message.maxRecipients) : 1;
  if (session.byteBucket.waitMs(nowMs) > 0) return false;
  if (!session.messageBucket.take(copies, nowMs)) return false;
  const textChars = "text" in command ? (command.text?.length ?? 0) : 0;
  session.byteBucket.take(Math.max(copies * textChars, readChars), nowMs);
  return true;
}

function refuse(hub: Hub, session: Session, command: Command, rates: Rates): void {
  const queueMs = ((session.delayed?.length ?? 0) / rates.messagesPerSecond) * 1000;
  const waitMs = Math.max(
    session.messageBucket?.waitMs(hub.nowMs) ?? 0,
    session.byteBucket?.waitMs(hub.nowMs) ?? 0,
  );
  const retryAfterMs = Math.ceil(Math.max(waitMs, queueMs));
  count(hub.options.metrics.messagesRefused, "rate");
  session.refusalBucket ??= new TokenBucket(
    limits.refusalsPerSecond,
    limits.refusalBurst,
    hub.nowMs,
  );
  if (!session.refusalBucket.take(1, hub.nowMs)) {
    const message = "Far too fast, for too long: connect again, and slow down";
    hub.tell(session, { type: "error", code: "rate", message });
    hub.end(session);
    return;
  }
  const n = "n" in command ? command.n : undefined;
  // One that has been taken already may never come again.
  if (n !== undefined && n > session.n) session.refusedN = n;
  hub.tell(session, {
    type: "error",
    code: "rate",
    message: `Too fast: at most ${rates.messagesPerSecond} messages a second; this one was not sent, retry after ${(retryAfterMs / 1000).toFixed(1)} s`,
    retryAfterMs,
    ...(n === undefined ? {} : { n }),
    ref: "ref" in command ? command.ref : undefined,
  });
}
