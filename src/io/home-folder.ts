// The user's home folder.

import { homedir } from "node:os";

/**
 * Empty if there is none: neither HOME nor the password database knows one, as of the user of a
 * container that is only a number.
 */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}
