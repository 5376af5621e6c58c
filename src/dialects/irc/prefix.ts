// The prefix that shows a member's rank in a channel. Pure.

import type { RoomRank } from "../../chat/people/persona.ts";
import type { Self } from "./self.ts";

export function prefixOf(self: Self, { isOperator, isVoiced }: RoomRank): string {
  if (self.has("multi-prefix")) return `${isOperator ? "@" : ""}${isVoiced ? "+" : ""}`;
  return isOperator ? "@" : isVoiced ? "+" : "";
}
