// User input in the dialects without acknowledgements and resuming, and how their users recognize
// relevant output.

import type { Dialect } from "../../../src/chat/dialect.ts";
import { chatRoom } from "../../../src/dialects/chat-room.ts";
import { lineChat } from "../../../src/dialects/line-chat.ts";
import { openChat } from "../../../src/dialects/open-chat/open-chat.ts";
import { selectChat } from "../../../src/dialects/select-chat.ts";

export type PlainWords = {
  dialect: Dialect;
  login: (name: string) => string;
  say: (text: string) => string;
  /** In a private chat; the same as `say` if there is no other form. */
  sayInChat?: (text: string) => string;
  tell?: (to: string, text: string) => string;
  rename?: (from: string, to: string) => string;
  /** Asks for a private chat. */
  invite?: (name: string) => string;
  /** Whether `accept`, `reject` and `leave` are commands. */
  hasConsent: boolean;
  /** Whether users receive their own messages. */
  echoes: boolean;
};

const same = (text: string): string => text;

/** A native client that does not count its messages. `native`: the server's dialect. */
export function uncounted(native: Dialect): PlainWords {
  return {
    dialect: native,
    login: (name) => JSON.stringify({ type: "hello", version: 2, name }),
    say: (text) => JSON.stringify({ type: "say", text }),
    tell: (to, text) => JSON.stringify({ type: "tell", to: [to], text }),
    rename: (_from, to) => JSON.stringify({ type: "rename", name: to }),
    hasConsent: false,
    echoes: true,
  };
}

export const plainWords: readonly PlainWords[] = [
  {
    dialect: openChat,
    login: same,
    say: same,
    tell: (to, text) => `~${to} ${text}`,
    rename: (from, to) => `CHANGENAME ${from} ${to}`,
    hasConsent: true,
    echoes: true,
  },
  { dialect: lineChat, login: same, say: same, hasConsent: true, echoes: false },
  {
    dialect: chatRoom,
    login: (name) => `:${name}-alias:${name}`,
    say: same,
    hasConsent: true,
    echoes: true,
  },
  {
    dialect: selectChat,
    login: same,
    say: (text) => `ALL - ${text}`,
    sayInChat: same,
    tell: (to, text) => `${to} - ${text}`,
    invite: same,
    hasConsent: true,
    echoes: false,
  },
];
