// What a client can ask for besides plain IRC (IRCv3 capability negotiation), and which of it changes
// what a whole room hears: members with the same set of those share every line. Pure.

/** Each, and the letter of its variant if it changes lines that a room shares. */
const letters = {
  "account-notify": "n",
  "account-tag": "a",
  "away-notify": "w",
  batch: "",
  "cap-notify": "",
  "draft/chathistory": "",
  "echo-message": "",
  "extended-join": "e",
  "invite-notify": "i",
  "labeled-response": "",
  "message-tags": "m",
  "multi-prefix": "",
  sasl: "",
  "server-time": "t",
  setname: "s",
  "standard-replies": "",
  sts: "",
  "userhost-in-names": "",
} as const;

export type Capability = keyof typeof letters;

export const capabilities = Object.keys(letters) as Capability[];

export function isCapability(name: string): name is Capability {
  return Object.hasOwn(letters, name);
}

/** The variant of the dialect for those who asked for these. */
export function variantOf(wanted: ReadonlySet<Capability>): string {
  return capabilities.map((name) => (wanted.has(name) ? letters[name] : "")).join("");
}

/** Every letter that a variant may have. */
export const variantLetters: readonly string[] = Object.values(letters).filter(
  (letter) => letter !== "",
);
