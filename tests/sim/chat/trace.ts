// What a simulation prints for debugging a seed: SIM_TRACE=Ann,s1,database (or all) for everything
// that they send, receive and report. SIM_CHARS=10000: lines of that length.

const traced = new Set(process.env["SIM_TRACE"]?.split(","));
const maxChars = Number(process.env["SIM_CHARS"] ?? 300);

export function isTraced(who: string): boolean {
  return traced.size > 0 && (traced.has("all") || traced.has(who));
}

/** `what` that is no text is printed as JSON. */
export function trace(atMs: number, who: string, way: "<" | ">" | "!", what: unknown): void {
  if (!isTraced(who)) return;
  const text = typeof what === "string" ? what : JSON.stringify(what);
  console.log(`${atMs / 1_000} ${who} ${way} ${text.trimEnd().slice(0, maxChars)}`);
}
