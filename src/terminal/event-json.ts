// Session events as `--json` objects (docs/json.md): each has an `event`; times are Unix
// milliseconds. Pure.

import type { Seal, SessionEvent } from "../client/events.ts";

/** The object for an event; undefined if scripts have no use for it. */
export function eventJson(event: SessionEvent): object | undefined {
  switch (event.type) {
    case "message": {
      const { type, room, seq, timeMs: time, from, text, kind, mine, replayed, deleted } = event;
      return { event: type, room, seq, time, from, text, kind, mine, replayed, deleted };
    }
    case "private":
      return privateJson(event);
    case "copied": {
      const { type, mail, timeMs: time, to, text, kind, replayed } = event;
      const sealed = event.sealed !== undefined;
      return { event: type, mail, time, to, text, kind, replayed, sealed };
    }
    case "online": {
      // `access` is a secret.
      const { type, name, rooms, returned, server, registered } = event;
      return { event: type, name, rooms, returned, server, registered };
    }
    case "failed": {
      const { type, room, text, code, message } = event;
      return { event: type, room, text, code, message };
    }
    case "account-changed": {
      const { type, change, device } = event;
      return { event: type, change, device };
    }
    case "offline": {
      const { type, reason, attempt, retryMs } = event;
      return { event: type, reason, attempt, retryMs: Math.round(retryMs) };
    }
    case "reconnected": {
      const { type, afterMs, ...rest } = event;
      return { event: type, afterMs: Math.round(afterMs), ...rest };
    }
    case "acknowledged":
    // Offers of files are reported by receive-report.ts.
    case "offer":
    case "response":
    // A token is a secret.
    case "token":
    // cli/run-command.ts prints `ended`, however a command fails.
    case "ended":
      return undefined;
    case "error": {
      const { type, code, message, subject } = event;
      return { event: type, code, message, subject };
    }
    default: {
      const { type, ...rest } = event;
      return { event: type, ...rest };
    }
  }
}

function privateJson(event: Extract<SessionEvent, { type: "private" }>): object {
  const { type, mail, timeMs: time, from, to, text, kind, replayed, seal } = event;
  const sealed = seal !== undefined;
  const fields = { event: type, mail, time, from, to, text, kind, replayed, sealed };
  return { ...fields, ...sealFields(seal) };
}

/** Whose key sealed the message, or why there is no text. */
function sealFields(seal: Seal | undefined): object {
  if (seal === undefined) return {};
  return seal.state === "unopened" ? { key: seal.state, reason: seal.reason } : { key: seal.state };
}
