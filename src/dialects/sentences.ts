// Sentences shared by all text dialects for events that their originals do not have. They have no
// line ending; each dialect wraps them in its own form. Knows no dialect.

import type { ChatState, PersonalEvent } from "../chat/events.ts";
import type { AccountChangeKind } from "../protocol/messages.ts";
import { sizeText } from "../size-text.ts";

/**
 * The sentence for an event sent to one member; undefined for events that people are not told about
 * or that only the native protocol has. `private`, `names`, `files`, `sent` and `download` are
 * rendered by each dialect itself.
 */
export function sentence(event: PersonalEvent): string | undefined {
  switch (event.type) {
    case "refused":
      return event.message;
    case "error":
      if (event.code !== "not-in-room") return event.message;
      // They know no rooms, and enter the lobby when they connect.
      return "You are not in the lobby: connect again to enter it";
    case "bye":
      return event.reason;
    case "chat":
      return chatSentence(event.state, event.with);
    case "renamed":
      return `${event.from} is called ${event.to} now`;
    case "name":
      return `your name is ${event.name} now`;
    case "parted": {
      if (event.by === undefined) return undefined;
      const why = (event.text ?? "") === "" ? "" : `: ${event.text}`;
      return `${event.by.name} has removed you from the room ${event.room}${why} (connect again to return)`;
    }
    case "topic":
      return event.topic === ""
        ? `${event.room} no longer has a topic`
        : `the topic of ${event.room}: ${event.topic}`;
    case "motd":
      return event.text;
    case "account-changed":
      return accountSentence(event.change);
    case "files-wait": {
      const what = event.bytes === undefined ? "files" : `files (${sizeText(event.bytes)})`;
      return `${event.from} offers you ${what}, which this program can't take: come back with 'parley client' or a browser, under this name`;
    }
    case "call":
      return `${event.from} invites you into the room ${event.room}`;
    default:
      return undefined;
  }
}

function accountSentence(change: AccountChangeKind): string {
  switch (change) {
    case "device-added":
      return "a device was added to your name";
    case "device-revoked":
      return "one of your devices was revoked";
    case "password-changed":
      return "the password of your name was changed";
  }
}

/** Private chat by consent, in select-chat's wording. */
function chatSentence(state: ChatState, partner: string): string {
  switch (state) {
    case "asked":
      return `private chat: ${partner} has been asked`;
    case "invited":
      return `private chat: ${partner} asks you, type accept or reject`;
    case "started":
      return `private chat with ${partner} has started, type leave to end it`;
    case "rejected":
      return `private chat with ${partner} was rejected`;
    case "busy":
      return `private chat: ${partner} is busy`;
    case "left":
      return `private chat with ${partner} has ended`;
    case "lost":
      return `private chat has ended: ${partner} is gone`;
  }
}
