// What the dialects made for people say about things that their own system has no words for: one sentence, without line end.
// The dialect puts it into its own frame. Knows no dialect.

import type { ChatState, PersonalEvent } from "../chat/events.ts";

/**
 * The sentence for what one member alone hears; undefined for what is not for people's eyes, or only comes to those who asked in
 * the native protocol. `private`, `names`, `files`, `sent` and `download` are each dialect's own business.
 */
export function sentence(event: PersonalEvent): string | undefined {
  switch (event.type) {
    case "refused":
    case "error":
      return event.message;
    case "bye":
      return event.reason;
    case "chat":
      return chatSentence(event.state, event.with);
    case "renamed":
      return `${event.from} is called ${event.to} now`;
    case "name":
      return `your name is ${event.name} now`;
    case "welcome":
    case "private":
    case "sent":
    case "ack":
    case "names":
    case "rooms":
    case "entered":
    case "history":
    case "replay":
    case "files":
    case "transfer":
    case "download":
    case "ping":
    case "pong":
      return undefined;
  }
}

/** Private chat by consent, in select-chat's words: accept, reject, leave. */
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
