// Encodes a `--json` object as a line that is safe to display on a terminal. Pure.

// Characters that JSON.stringify leaves unescaped: DEL, C1 controls (U+009B starts an escape
// sequence), line separators, bidirectional overrides.
const unsafe = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

const escape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** The line including its newline. */
export function jsonLine(value: object): string {
  return `${JSON.stringify(value).replace(unsafe, escape)}\n`;
}
