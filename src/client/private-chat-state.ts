// Private chat by consent as one person sees it, from what that person is told. Pure.

import type { ChatState } from "../protocol/messages.ts";

/**
 * Names: the partner, who was asked, who has asked. Somebody who has asked can be asked by another
 * meanwhile; with a partner there is neither.
 */
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
      // The answer to one's own request: an invitation stays.
      return { ...chat, asked: undefined };
    case "rejected":
    case "left":
    case "lost":
      return without(chat, name);
  }
}

/** The same with the new name of somebody in it. */
export function chatRenamed(chat: PrivateChat, from: string, to: string): PrivateChat {
  const renamed = (name: string | undefined) => (name === from ? to : name);
  const { partner, asked, invitedBy } = chat;
  return {
    partner: renamed(partner),
    asked: renamed(asked),
    invitedBy: renamed(invitedBy),
  };
}

/**
 * Ends what there was with `name`; a name that is not known here ends everything: it may have
 * changed unheard.
 */
function without({ partner, asked, invitedBy }: PrivateChat, name: string): PrivateChat {
  if (asked === name) return { partner, asked: undefined, invitedBy };
  return invitedBy === name ? { partner, asked, invitedBy: undefined } : noChat;
}
