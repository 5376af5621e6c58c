// The colours of the terminal client; none if NO_COLOR is set (no-color.org). Pure; callers make
// texts harmless first.

export type Style = {
  /** A text in the colour assigned to `name`. */
  name: (name: string, text: string) => string;
  /** The user's own name before a message. */
  own: (text: string) => string;
  /** The author of a message that mentions the user. */
  mention: (text: string) => string;
  /** Times, events, responses to commands. */
  dim: (text: string) => string;
};

/** Readable on both dark and light backgrounds. */
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

/** Whether to use colours on a terminal with these environment variables. */
export function wantsColors(environment: Readonly<Record<string, string | undefined>>): boolean {
  return (environment["NO_COLOR"] ?? "") === "" && environment["TERM"] !== "dumb";
}

function nameColor(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  return nameColors[hash % nameColors.length] ?? 36;
}
