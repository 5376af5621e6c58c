// The server's time: Unix milliseconds that never run backwards.

/** Unix time in milliseconds, whole, from a monotonic source: a change of the system's clock does not move it. */
export function unixMs(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}
