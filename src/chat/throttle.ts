// When a command runs: at once, after those before it, at its sender's rate, or not at all.

import { sender as limits } from "../limits.ts";
import { execute } from "./commands.ts";
import { endSession } from "./disconnect.ts";
import type { Command } from "./events.ts";
import type { HubState } from "./hub-state.ts";
import { count } from "./metrics.ts";
import type { Rates } from "./rate-budget.ts";
import type { Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";

/** Runs a command, queues it, or refuses it. `readChars`: length of the message it came in. */
export function handleCommand(
  hub: HubState,
  session: Session,
  command: Command,
  readChars: number,
): void {
  const { queue, counter } = session;
  const n = "n" in command ? command.n : undefined;
  if (n !== undefined && counter.followsRefusal(n)) {
    return void chargeInput(hub, session, readChars);
  }
  if (bypassesQueue(command)) {
    chargeIgnored(hub, session, readChars);
    return execute(hub, session, command);
  }
  if (queue.isClosing) return void chargeIgnored(hub, session, readChars);
  const { rates } = hub.options;
  const mustWait = queue.isBlocked || queue.length > 0;
  if (command.type === "quit") {
    // Queued messages are sent before the session ends.
    if (!mustWait) return execute(hub, session, command);
    return queue.push({ command, partner: undefined, readChars });
  }
  if (!mustWait) {
    if (rates === undefined || queue.spend(command, rates, hub.nowMs, readChars)) {
      return execute(hub, session, command);
    }
    if (command.type !== "say" && command.type !== "tell") {
      return refuse(hub, session, command, rates, readChars);
    }
    hub.options.metrics.messagesDelayed++;
  }
  if (!queue.hasRoomFor(readChars)) return refuse(hub, session, command, rates, readChars);
  queue.push({ command, partner: session.privateChat.partner, readChars });
  if (!queue.isBlocked) delay(hub, session);
}

/** Runs queued commands as far as the rate allows. True if none is left to delay. */
export function releaseCommands(hub: HubState, session: Session): boolean {
  const { queue } = session;
  const { rates } = hub.options;
  for (let next = queue.first; next !== undefined; next = queue.first) {
    if (queue.isBlocked) return true;
    const { command, partner, readChars } = next;
    const isFree = rates === undefined || command.type === "quit";
    if (!isFree && !queue.spend(command, rates, hub.nowMs, readChars)) {
      delay(hub, session);
      return false;
    }
    // Running it may change the queue.
    queue.shift();
    execute(hub, session, command, partner);
  }
  return true;
}

/**
 * Charges for input that asks for nothing. It was read all the same, so a session that floods it is
 * disconnected: false.
 */
export function chargeIgnored(hub: HubState, session: Session, readChars: number): boolean {
  return chargeInput(hub, session, Math.max(readChars, limits.minIgnoredBytes));
}

function chargeInput(hub: HubState, session: Session, bytes: number): boolean {
  const { nowMs, options } = hub;
  const { rates } = options;
  if (rates === undefined) return true;
  session.queue.charge(bytes, rates, nowMs);
  if (!session.queue.isOverdrawn(rates, nowMs)) return true;
  endFlood(hub, session);
  return false;
}

/** Commands that ask for nothing, or only release something. */
function bypassesQueue(command: Command): boolean {
  if (command.type === "alive") return true;
  return command.type === "transfer" && command.request.type === "fetched";
}

function delay(hub: HubState, session: Session): void {
  if (hub.schedule.delayed.size === 0) hub.wake();
  hub.schedule.delayed.add(session);
}

function refuse(
  hub: HubState,
  session: Session,
  command: Command,
  rates: Rates | undefined,
  readChars: number,
): void {
  const { queue, counter } = session;
  const { nowMs, options } = hub;
  const retryAfterMs =
    rates === undefined ? limits.storageRetryMs : queue.retryAfterMs(rates, nowMs);
  count(options.metrics.messagesRefused, "rate");
  options.log.debug("message refused", { ...sessionFields(session), code: "rate" });
  // A refused message was read all the same.
  queue.charge(readChars, rates, nowMs);
  if (rates !== undefined && !queue.mayRefuse(rates, nowMs)) return endFlood(hub, session);
  const n = "n" in command ? command.n : undefined;
  if (n !== undefined) counter.refuse(n);
  const perSecond =
    rates === undefined ? "" : ` at most ${rates.messagesPerSecond} messages a second are allowed;`;
  hub.send(session, {
    type: "error",
    code: "rate",
    message: `Too fast:${perSecond} the message was not sent, retry after ${(retryAfterMs / 1000).toFixed(1)} s`,
    retryAfterMs,
    ...(n === undefined ? {} : { n }),
    ref: "ref" in command ? command.ref : undefined,
  });
}

function endFlood(hub: HubState, session: Session): void {
  if (session.phase === "ending") return;
  const message = "Too many messages over the limit: connect again, and slow down";
  hub.send(session, { type: "error", code: "rate", message });
  endSession(hub, session, "flooding");
}
