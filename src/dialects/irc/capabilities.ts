// The IRCv3 capabilities that a client can request, and which of them change the lines a whole room
// receives: members with the same set of those share every line. Pure.

/** Each capability, and the letter of its variant if it changes lines that a room shares. */
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

/** The dialect variant for clients that requested these capabilities. */
export function variantOf(wanted: ReadonlySet<Capability>): string {
  return capabilities.map((name) => (wanted.has(name) ? letters[name] : "")).join("");
}

/** Every letter that can occur in a variant. */
export const variantLetters: readonly string[] = Object.values(letters).filter(
  (letter) => letter !== "",
);
