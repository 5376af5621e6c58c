// Advice for people whom a closed server has refused. Pure.

const advice: ReadonlyMap<string, string> = new Map([
  ["password-required", "give it by --password-file FILE, or a pass by --pass CODE"],
  ["members-only", "give it by --pass CODE"],
]);

/** The server's sentence, with the flags that help against a refusal with this code. */
export function withAccessAdvice(code: string, sentence: string): string {
  const how = advice.get(code);
  return how === undefined ? sentence : `${sentence} (${how})`;
}
