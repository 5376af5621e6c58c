// Changes that room operators make to a room, apart from its topic, and their notation: `+o Ann`,
// as IRC writes modes, in operator commands and in the native protocol. Pure.

/** Each letter, and its effect while it is set. */
export const roomFlags = {
  i: "invite-only",
  m: "moderated",
  n: "members-only",
  s: "secret",
  t: "topic-locked",
} as const;

export type RoomFlag = (typeof roomFlags)[keyof typeof roomFlags];

export type RoomChange =
  | { readonly what: "operator" | "voice"; readonly name: string; readonly isOn: boolean }
  | { readonly what: "flag"; readonly flag: RoomFlag; readonly isOn: boolean }
  /** Undefined: no key is required any more. */
  | { readonly what: "key"; readonly key: string | undefined }
  | { readonly what: "limit"; readonly limit: number | undefined }
  | { readonly what: "ban"; readonly mask: string; readonly isOn: boolean };

/** A letter that can't be applied, and why. */
export type BadChange =
  | { readonly letter: string; readonly why: "unknown" | "needs-argument" }
  | { readonly letter: "l"; readonly why: "bad-limit"; readonly limit: string };
export type ReadChanges = {
  changes: readonly RoomChange[];
  bad: readonly BadChange[];
  /** Letters of lists that were requested without an argument: they should be shown. */
  lists: readonly "b"[];
};

/** Parses `+ov-b Ann Bob *!*@x`: letters, and an argument for each letter that takes one. */
export function readChanges(letters: string, args: readonly string[], max: number): ReadChanges {
  const changes: RoomChange[] = [];
  const bad: BadChange[] = [];
  const lists: "b"[] = [];
  const left = [...args];
  let isOn = true;
  for (const letter of letters) {
    if (changes.length + bad.length >= max) break;
    if (letter === "+" || letter === "-") {
      isOn = letter === "+";
      continue;
    }
    if (isFlag(letter)) {
      changes.push({ what: "flag", flag: roomFlags[letter], isOn });
      continue;
    }
    if (letter === "b" && left.length === 0) {
      lists.push("b");
      continue;
    }
    const change = withArgument(letter, isOn, left);
    if (change === undefined) bad.push({ letter, why: "unknown" });
    else if (change === "needs-argument") bad.push({ letter, why: change });
    else if ("why" in change) bad.push(change);
    else changes.push(change);
  }
  return { changes, bad, lists };
}

function withArgument(
  letter: string,
  isOn: boolean,
  left: string[],
): RoomChange | BadChange | "needs-argument" | undefined {
  switch (letter) {
    case "o":
    case "v": {
      const name = left.shift();
      const what = letter === "o" ? "operator" : "voice";
      return name === undefined || name === "" ? "needs-argument" : { what, name, isOn };
    }
    case "b": {
      const mask = left.shift() ?? "";
      return mask === "" ? "needs-argument" : { what: "ban", mask, isOn };
    }
    case "k": {
      const key = left.shift() ?? "";
      if (!isOn) return { what: "key", key: undefined };
      return key === "" ? "needs-argument" : { what: "key", key };
    }
    case "l": {
      if (!isOn) return { what: "limit", limit: undefined };
      const limit = left.shift() ?? "";
      if (limit === "") return "needs-argument";
      return /^[1-9]\d{0,5}$/.test(limit)
        ? { what: "limit", limit: Number(limit) }
        : { letter, why: "bad-limit", limit };
    }
    default:
      return undefined;
  }
}

export const limitRule = "A limit is a number from 1 to 999999";

function isFlag(letter: string): letter is keyof typeof roomFlags {
  return Object.hasOwn(roomFlags, letter);
}

/** `+o Ann`; several changes as `+ov Ann Bob`. */
export function changesText(changes: readonly RoomChange[]): string {
  const { letters, args } = changeLetters(changes);
  return [letters, ...args].join(" ");
}

export function changeLetters(changes: readonly RoomChange[]): {
  letters: string;
  args: readonly string[];
} {
  let letters = "";
  let sign = "";
  const args: string[] = [];
  for (const change of changes) {
    const { letter, isOn, argument } = written(change);
    const now = isOn ? "+" : "-";
    if (now !== sign) letters += sign = now;
    letters += letter;
    if (argument !== undefined) args.push(argument);
  }
  return { letters, args };
}

function written(change: RoomChange): {
  letter: string;
  isOn: boolean;
  argument: string | undefined;
} {
  switch (change.what) {
    case "operator":
    case "voice":
      return {
        letter: change.what === "operator" ? "o" : "v",
        isOn: change.isOn,
        argument: change.name,
      };
    case "flag":
      return { letter: letterOf(change.flag), isOn: change.isOn, argument: undefined };
    case "key":
      return { letter: "k", isOn: change.key !== undefined, argument: change.key ?? "*" };
    case "limit": {
      const { limit } = change;
      return { letter: "l", isOn: limit !== undefined, argument: limit?.toString() };
    }
    case "ban":
      return { letter: "b", isOn: change.isOn, argument: change.mask };
  }
}

export function letterOf(flag: RoomFlag): string {
  const found = Object.entries(roomFlags).find(([, one]) => one === flag);
  return found?.[0] ?? "";
}
