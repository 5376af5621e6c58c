// Private chat by consent as one person sees it, from what that person is told. Pure.

import type { ChatState } from "../protocol/messages.ts";

/**
 * Names of the partner, of the person invited, and of the person who invited us. There may be both
 * invitations at once; with a partner there is neither.
 */
export type PrivateChat = {
  partner: string | undefined;
  asked: string | undefined;
  invitedBy: string | undefined;
};

export const noChat: PrivateChat = { partner: undefined, asked: undefined, invitedBy: undefined };

/** The state after hearing `state` about `name`. */
export function chatAfter(chat: PrivateChat, state: ChatState, name: string): PrivateChat {
  switch (state) {
    case "asked":
      return { ...chat, asked: name };
    case "invited":
      return { ...chat, invitedBy: name };
    case "started":
      return { ...noChat, partner: name };
    case "busy":
      // The answer to our own invitation: one that we received stays.
      return { ...chat, asked: undefined };
    case "rejected":
    case "left":
    case "lost":
      return without(chat, name);
  }
}

/** The state after somebody changed names. */
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
 * Ends what there was with `name`; an unknown one ends all of it: a rename may have gone unheard.
 */
function without({ partner, asked, invitedBy }: PrivateChat, name: string): PrivateChat {
  if (asked === name) return { partner, asked: undefined, invitedBy };
  return invitedBy === name ? { partner, asked, invitedBy: undefined } : noChat;
}
