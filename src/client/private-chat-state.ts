// Private chat by consent as one person knows it, from what that person is told. What everybody's sessions are to each other is
// in private-chats.ts. Pure.

import type { ChatState } from "../chat/events.ts";

/** Names. Who has asked somebody can be asked by another meanwhile; with a partner there is neither. */
export type PrivateChat = {
  partner: string | undefined;
  asked: string | undefined;
  invitedBy: string | undefined;
};

export const noChat: PrivateChat = { partner: undefined, asked: undefined, invitedBy: undefined };

/** What it is after one has been told `state` about `name`. */
export function chatAfter(chat: PrivateChat, state: ChatState, name: string): PrivateChat {
  switch (state) {
    case "asked":
      return { ...chat, asked: name };
    case "invited":
      return { ...chat, invitedBy: name };
    case "started":
      return { ...noChat, partner: name };
    case "busy":
      // An answer to one's own question: an invitation stays.
      return { ...chat, asked: undefined };
    case "rejected":
    case "left":
    case "lost":
      return without(chat, name);
  }
}

/** What there was with `name` is over; all of it, where that is a name that somebody has taken out of one's sight. */
function without({ partner, asked, invitedBy }: PrivateChat, name: string): PrivateChat {
  if (asked === name) return { partner, asked: undefined, invitedBy };
  return invitedBy === name ? { partner, asked, invitedBy: undefined } : noChat;
}
