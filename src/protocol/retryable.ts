// How a client reacts to the codes of `error` lines, which docs/protocol.md explains. Pure.

/** Whether a login refused with this code may succeed later. */
export function isRetryableLogin(code: string): boolean {
  return code === "full" || code === "rate" || code === "login-timeout" || code === "storage";
}

/** Whether a message refused with this code keeps its number and should be resent. */
export function isRetryableMessage(code: string): boolean {
  return code === "rate" || code === "storage";
}
