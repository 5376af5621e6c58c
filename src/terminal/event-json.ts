// Events of a session as objects of `--json` (docs/json.md): every one has `event`, and times are
// Unix milliseconds. Pure.

import type { SessionEvent } from "../client/events.ts";

/** Undefined: of no use to scripts. */
export function eventJson(event: SessionEvent): object | undefined {
  switch (event.type) {
    case "message": {
      const { type, room, seq, timeMs: time, from, text, mine, replayed } = event;
      return { event: type, room, seq, time, from, text, mine, replayed };
    }
    case "private": {
      const { type, mail, timeMs: time, from, to, text, replayed } = event;
      return { event: type, mail, time, from, to, text, replayed };
    }
    case "failed": {
      const { type, room, text, code, message } = event;
      return { event: type, room, text, code, message };
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
    case "response":
    // However a command fails, cli/run-command.ts prints `ended`.
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
