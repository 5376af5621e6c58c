// `npm test` lets Bun's allocator take memory in pages of 2 MB and keep what is free (`check.ts`):
// fewer page faults, but more memory than people see. Tests that limit the memory of a program
// start it without that.

/** What `check.ts` sets. */
export const allocation = { MIMALLOC_ALLOW_THP: "2", MIMALLOC_PURGE_DELAY: "-1" };

/** For the environment of a program whose memory is limited: without those settings. */
export const usualMemory = { MIMALLOC_ALLOW_THP: undefined, MIMALLOC_PURGE_DELAY: undefined };

/** Starts programs whose memory is limited. */
export async function inUsualMemory<T>(start: () => T | Promise<T>): Promise<T> {
  const before = { ...process.env };
  for (const name of Object.keys(allocation)) delete process.env[name];
  try {
    return await start();
  } finally {
    for (const name of Object.keys(allocation)) {
      if (before[name] !== undefined) process.env[name] = before[name];
    }
  }
}
