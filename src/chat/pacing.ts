// When a command runs: now, after those before it, at its sender's rate, or not at all.

import { sender as limits } from "../limits.ts";
import { execute } from "./commands.ts";
import { end } from "./disconnect.ts";
import type { Command } from "./events.ts";
import type { HubState } from "./hub-state.ts";
import { count } from "./metrics.ts";
import type { Rates } from "./rate-budget.ts";
import type { Session } from "./session.ts";

/** Runs a command that has come, keeps it for later, or refuses it. `readChars`: how long the message was. */
export function handleCommand(
  chat: HubState,
  session: Session,
  command: Command,
  readChars: number,
): void {
  const { queue, counter } = session;
  const n = "n" in command ? command.n : undefined;
  if (n !== undefined && counter.followsRefusal(n)) return;
  if (needsNoTurn(command)) return execute(chat, session, command);
  if (queue.isClosing) return;
  const { rates } = chat.options;
  const mustWait = queue.isBlocked || queue.length > 0;
  if (command.type === "quit") {
    // What it has said before comes first.
    if (!mustWait) return execute(chat, session, command);
    return queue.push({ command, partner: undefined });
  }
  if (!mustWait) {
    if (rates === undefined || queue.spend(command, rates, chat.nowMs, readChars)) {
      return execute(chat, session, command);
    }
    if (command.type !== "say" && command.type !== "tell") {
      return refuse(chat, session, command, rates, readChars);
    }
    chat.options.metrics.messagesDelayed++;
  }
  if (queue.length >= limits.maxDelayed) return refuse(chat, session, command, rates, readChars);
  queue.push({ command, partner: session.privateChat.partner });
  if (!queue.isBlocked) delay(chat, session);
}

/** Runs what may run of the commands that wait; true once none does. */
export function releaseCommands(chat: HubState, session: Session): boolean {
  const { queue } = session;
  const { rates } = chat.options;
  for (let next = queue.first; next !== undefined; next = queue.first) {
    if (queue.isBlocked) return true;
    const { command, partner } = next;
    const isFree = rates === undefined || command.type === "quit";
    if (!isFree && !queue.spend(command, rates, chat.nowMs)) {
      delay(chat, session);
      return false;
    }
    // What becomes of it may change what waits.
    queue.shift();
    execute(chat, session, command, partner);
  }
  return true;
}

/** What asks for nothing, or only gives something back. */
function needsNoTurn(command: Command): boolean {
  if (command.type === "alive") return true;
  return command.type === "transfer" && command.request.type === "fetched";
}

function delay(chat: HubState, session: Session): void {
  if (chat.schedule.delayed.size === 0) chat.wake();
  chat.schedule.delayed.add(session);
}

function refuse(
  chat: HubState,
  session: Session,
  command: Command,
  rates: Rates | undefined,
  readChars: number,
): void {
  const { queue, counter } = session;
  const { nowMs, options } = chat;
  const retryAfterMs =
    rates === undefined ? limits.storageRetryMs : queue.retryAfterMs(rates, nowMs);
  count(options.metrics.messagesRefused, "rate");
  // It has been read all the same.
  queue.charge(readChars, nowMs);
  if (rates !== undefined && !queue.mayRefuse(rates, nowMs)) {
    const message = "Far too fast, for too long: connect again, and slow down";
    chat.tell(session, { type: "error", code: "rate", message });
    return end(chat, session);
  }
  const n = "n" in command ? command.n : undefined;
  if (n !== undefined) counter.refuse(n);
  const perSecond =
    rates === undefined ? "" : ` at most ${rates.messagesPerSecond} messages a second;`;
  chat.tell(session, {
    type: "error",
    code: "rate",
    message: `Too fast:${perSecond} this one was not sent, retry after ${(retryAfterMs / 1000).toFixed(1)} s`,
    retryAfterMs,
    ...(n === undefined ? {} : { n }),
    ref: "ref" in command ? command.ref : undefined,
  });
}
