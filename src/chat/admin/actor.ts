// Who gives an order, and what that allows.

import type { Session } from "../session.ts";

/** `console`: whoever types at the server itself. */
export type Actor = {
  /** As logs and lists name it. */
  name: string;
  /** Undefined: whoever types at the server. */
  session: Session | undefined;
};

export const consoleActor: Actor = { name: "console", session: undefined };
