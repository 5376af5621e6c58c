// Tab in `parley peer`: completes commands, and paths after `/send`.

import type { Completion } from "../editor/completion.ts";
import { commonStart, completePath } from "../editor/typed-paths.ts";

const commands = [
  "/bridge",
  "/chat",
  "/decline",
  "/get",
  "/help",
  "/id",
  "/quit",
  "/register",
  "/send",
  "/verified",
  "/verify",
];

export function completePeerLine(before: string): Completion {
  const [send] = /^\s*\/send\s+/.exec(before) ?? [];
  if (send !== undefined) {
    const path = completePath(before.slice(send.length));
    return { before: send + path.before, choices: path.choices };
  }
  const found = /^\/\S*$/.test(before) ? commands.filter((word) => word.startsWith(before)) : [];
  if (found.length < 2) return { before: found[0] ?? before, choices: [] };
  return { before: commonStart(found), choices: found };
}
