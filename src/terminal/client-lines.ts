// What a client prints for each event: a line for people, or an object for `--json` (docs/json.md). Pure.

import type { SessionEvent, Unsayable } from "../client/events.ts";
import { harmless } from "../text.ts";
import { countText } from "./units.ts";

/** A line to print: `room` is what was said (stdout), `status` what happened (stderr in a pipe). */
export type ClientLine = { kind: "room" | "status"; text: string };

/** Undefined: nothing that a person needs to read. */
export function clientLine(event: SessionEvent): ClientLine | undefined {
  switch (event.type) {
    case "message":
      return { kind: "room", text: `${harmless(event.from)}: ${harmless(event.text)}` };
    case "private":
      return { kind: "room", text: `${harmless(event.from)} (private): ${harmless(event.text)}` };
    default: {
      const text = statusText(event);
      return text === undefined ? undefined : { kind: "status", text };
    }
  }
}

function statusText(event: SessionEvent): string | undefined {
  switch (event.type) {
    case "online":
      return event.returned
        ? undefined
        : `You are ${harmless(event.name)} in the room ${harmless(event.room)}`;
    case "offline":
      return event.everOnline && event.attempt === 1
        ? `Connection lost (${harmless(event.reason)}): trying to come back`
        : undefined;
    case "reconnected":
      return event.summary.replace(/^r/, "R");
    case "gap":
      return `No longer kept by the server: ${countText(event.to - event.from + 1, "message")}`;
    case "failed":
      return `Not said: ${harmless(event.message)}`;
    case "joined":
      return `${harmless(event.name)} has joined`;
    case "left":
      return `${harmless(event.name)} ${leaving[event.reason]}`;
    case "renamed":
      return `${harmless(event.from)} is now called ${harmless(event.to)}`;
    case "chat":
      return chatText(event.state, harmless(event.with));
    case "error":
      return harmless(event.message);
    case "entered":
      return `You are in the room ${harmless(event.room)} now`;
    default:
      return undefined;
  }
}

const leaving = {
  quit: "has left",
  lost: "has lost the connection",
  slow: "was too slow and has lost the connection",
  moved: "went to another room",
  replaced: "connected again from elsewhere",
} as const;

function chatText(
  state: Extract<SessionEvent, { type: "chat" }>["state"],
  partner: string,
): string {
  switch (state) {
    case "asked":
      return `${partner} has been asked for a private chat`;
    case "invited":
      return `${partner} asks for a private chat: /accept or /reject`;
    case "started":
      return `Private chat with ${partner}: what you type goes to ${partner} alone until /leave`;
    case "rejected":
      return `No private chat with ${partner}: rejected`;
    case "busy":
      return `${partner} is busy with another private chat`;
    case "left":
      return `The private chat with ${partner} has ended: what you type goes to the room again`;
    case "lost":
      return `${partner} has lost the connection, and the private chat has ended: what you type goes to the room again`;
  }
}

/** The event as an object of `--json`; undefined for what scripts do not need. Times are Unix milliseconds, as on the wire. */
export function clientJson(event: SessionEvent): Readonly<Record<string, unknown>> | undefined {
  switch (event.type) {
    case "message": {
      const { type, seq, timeMs: time, from, text, mine, replayed } = event;
      return { type, seq, time, from, text, mine, replayed };
    }
    case "private": {
      const { type, mail, timeMs: time, from, to, text, replayed } = event;
      return { type, mail, time, from, to, text, replayed };
    }
    case "acknowledged":
    case "answer":
    case "ended":
      return undefined;
    case "failed": {
      const { type, text, code, message } = event;
      return { type, text, code, message };
    }
    case "offline": {
      const { type, reason, attempt, retryMs } = event;
      return { type, reason, attempt, retryMs };
    }
    case "reconnected":
      return { ...event, afterMs: Math.round(event.afterMs) };
    default:
      return event;
  }
}

/** What a person is told who could not say `text`; a message has at most `textChars`. */
export function unsayableText(why: Unsayable, text: string, textChars: number): string {
  switch (why) {
    case "too-long":
      return `Not said: a message has at most ${textChars} characters, this one ${text.length}. Send it in parts (Up brings it back)`;
    case "queue-full":
      return "Not said: too many messages wait for the connection. Try again when it is back";
    case "no-recipient":
      return "Not said: name somebody";
    case "ended":
      return "Not said: the session is over";
  }
}
