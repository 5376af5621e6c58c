// Races two attempts, the second started a little later in case a packet of the first was lost; the
// first to succeed wins (after RFC 8305 §5, "connection attempt delay"). Knows nothing about
// connections.

/**
 * Starts an attempt, and a second one if there is no result after `delayMs`. Resolves with the
 * first success (anything but a string), or with a reason once all have failed; passes a second
 * success to `discard`.
 */
export async function happyEyeballs<Success extends object>(
  attempt: () => Promise<Success | string>,
  delayMs: number,
  discard: (late: Success) => void,
): Promise<Success | string> {
  const first = attempt();
  const timer = Promise.withResolvers<undefined>();
  const handle = setTimeout(() => timer.resolve(undefined), delayMs);
  const early = await Promise.race([first, timer.promise]);
  clearTimeout(handle);
  if (early !== undefined) return early;
  const second = attempt();
  const winner = await Promise.race([first, second]);
  if (typeof winner === "string") {
    const outcomes = await Promise.all([first, second]);
    return outcomes.find((outcome) => typeof outcome !== "string") ?? winner;
  }
  void Promise.all([first, second]).then((outcomes) => {
    for (const late of outcomes) if (typeof late !== "string" && late !== winner) discard(late);
  });
  return winner;
}
