// How lines look on a terminal: with colours, or without where NO_COLOR (no-color.org) asks for that. Pure; texts come in
// harmless.

/** Whether a terminal with these variables is to have colours. */
export function wantsColors(environment: Readonly<Record<string, string | undefined>>): boolean {
  return (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
}

export type Paint = {
  said: (from: string, text: string, mine: boolean) => string;
  whispered: (from: string, text: string) => string;
  /** Our own private message. */
  told: (to: readonly string[], text: string) => string;
  status: (text: string) => string;
  time: (timeMs: number) => string;
};

/** Readable on dark and on light ground. */
const nameColors = [31, 32, 33, 34, 35, 36] as const;

/** `clock` tells the time of day of a Unix time in milliseconds. */
export function painter(colors: boolean, clock: (timeMs: number) => string): Paint {
  const paint = (code: number, text: string) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    said: (from, text, mine) => `${paint(mine ? 1 : nameColor(from), `${from}:`)} ${text}`,
    whispered: (from, text) => `${paint(nameColor(from), `${from} (private):`)} ${text}`,
    told: (to, text) => `${paint(1, `to ${to.join(", ")} (private):`)} ${text}`,
    status: (text) => paint(2, text),
    time: (timeMs) => paint(2, clock(timeMs)),
  };
}

function nameColor(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return nameColors[hash % nameColors.length] ?? 36;
}
