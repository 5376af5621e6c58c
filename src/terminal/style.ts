// Colours of what a terminal shows, or none where NO_COLOR asks for that (no-color.org). Pure; texts come in harmless.

export type Style = {
  /** What a person is called, always in the same colour, followed by `text`. */
  name: (name: string, text: string) => string;
  /** What we said ourselves. */
  own: (text: string) => string;
  /** Somebody speaks of us. */
  mention: (text: string) => string;
  /** What is of less interest: times, events, answers of commands. */
  dim: (text: string) => string;
};

/** Readable on a dark and on a light background. */
const nameColors = [31, 32, 33, 34, 35, 36] as const;

export function createStyle(colors: boolean): Style {
  const paint = (code: string, text: string) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    name: (name, text) => paint(`${nameColor(name)}`, text),
    own: (text) => paint("1", text),
    mention: (text) => paint("1;7", text),
    dim: (text) => paint("2", text),
  };
}

/** Whether a terminal with these variables is to have colours. */
export function wantsColors(environment: Readonly<Record<string, string | undefined>>): boolean {
  return (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
}

function nameColor(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return nameColors[hash % nameColors.length] ?? 36;
}
