// The user's home folder.

import { homedir } from "node:os";

/**
 * Empty if neither HOME nor the password database names one, as is usual for a container's numeric
 * user ID.
 */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}
