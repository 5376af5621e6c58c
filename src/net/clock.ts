// The time, which never runs backwards.

/** Unix time in milliseconds, whole, from a monotonic source: a change of the system's clock does not move it. */
export function unixMs(): number {
  return Math.floor(performance.timeOrigin + performance.now());
}

/** The clock of the transfer machines, in whole µs since the start of the process. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}
