// Private chat by consent from one person's point of view. Pure.

import type { ChatState } from "../protocol/messages.ts";

/**
 * Names of the partner, of the invited person, and of the person who invited this user. Both
 * invitations may exist at the same time; with a partner there is neither.
 */
export type PrivateChat = {
  partner: string | undefined;
  asked: string | undefined;
  invitedBy: string | undefined;
};

export const noChat: PrivateChat = { partner: undefined, asked: undefined, invitedBy: undefined };

/** The next state after an event `state` about `name`. */
export function chatAfter(chat: PrivateChat, state: ChatState, name: string): PrivateChat {
  switch (state) {
    case "asked":
      return { ...chat, asked: name };
    case "invited":
      return { ...chat, invitedBy: name };
    case "started":
      return { ...noChat, partner: name };
    case "busy":
      // Answers this user's own invitation; a received one remains.
      return { ...chat, asked: undefined };
    case "rejected":
    case "left":
    case "lost":
      return without(chat, name);
  }
}

/** The next state after a rename. */
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
 * Ends any relation with `name`. An unknown name ends all relations: a rename may have been missed.
 */
function without({ partner, asked, invitedBy }: PrivateChat, name: string): PrivateChat {
  if (asked === name) return { partner, asked: undefined, invitedBy };
  return invitedBy === name ? { partner, asked, invitedBy: undefined } : noChat;
}
