// The operator commands, parsed the same way for all entry points: the server's stdin, `parley
// admin`, and slash commands. Pure.

import { nearestWord } from "../../nearest-word.ts";
import { rights as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { readDuration } from "../rights/duration.ts";
import type { Rank } from "../rights/roles.ts";

type Bare = "help" | "info" | "bans" | "mutes" | "passes" | "tokens" | "ops" | "reload" | "stop";

export type AdminCommand =
  | { do: Bare }
  | { do: "who"; long: boolean }
  | { do: "kick"; name: string; reason: string }
  | { do: "ban" | "mute"; target: string; reason: string; termMs: number | undefined }
  | { do: "unban" | "unmute"; target: string }
  | { do: "pass"; uses: number; termMs: number | undefined }
  | { do: "revoke"; id: number }
  | { do: "token"; name: string; termMs: number | undefined }
  | { do: "untoken"; id: number }
  | { do: "op" | "deop"; name: string }
  | { do: "claim"; code: string }
  | { do: "topic"; room: string; text: string }
  | { do: "private" | "public"; room: string }
  | { do: "allow" | "disallow"; room: string; name: string }
  | { do: "motd"; text: string }
  | { do: "export"; room: string; after: number }
  | { do: "delete"; room: string; seq: number }
  | { do: "forget"; name: string }
  | { do: "shared" }
  | { do: "unshare"; name: string }
  | { do: "away"; text: string }
  | { do: "mode"; room: string; letters: string; args: readonly string[] }
  | { do: "call"; room: string; name: string }
  | { do: "remove"; room: string; name: string; reason: string };

type Words = {
  /** The words that are not flags. */
  words: readonly string[];
  /** Everything after the command, as it was typed. */
  text: string;
  termMs?: number | undefined;
  uses?: number | undefined;
  flags: ReadonlySet<string>;
};

type Entry = {
  usage: string;
  help: string;
  /** The lowest rank allowed; default: operator. */
  rank?: Rank;
  /** Flags without a value. */
  flags?: readonly string[];
  /** `--for TERM` is allowed. */
  hasTerm?: boolean;
  /** `--uses N` is allowed. */
  hasUses?: boolean;
  /** A sentence that says what is wrong; undefined: wrong usage. */
  read: (words: Words) => AdminCommand | string | undefined;
};

const named = (what: "op" | "deop") => ({
  read: ({ words: [name, ...more] }: Words) =>
    name === undefined || more.length > 0 ? undefined : ({ do: what, name } as const),
});

const privacy = (what: "private" | "public") => ({
  read: ({ words: [room, ...more] }: Words) =>
    room === undefined || more.length > 0 ? undefined : ({ do: what, room } as const),
});

const guest = (what: "allow" | "disallow") => ({
  read: ({ words: [room, name, ...more] }: Words) =>
    room === undefined || name === undefined || more.length > 0
      ? undefined
      : ({ do: what, room, name } as const),
});

const numbered = (what: "revoke" | "untoken") => ({
  read: ({ words: [number = "", ...more] }: Words) => {
    const id = /^#(\d{1,15})$/.exec(number)?.[1];
    return id === undefined || more.length > 0
      ? undefined
      : ({ do: what, id: Number(id) } as const);
  },
});

const bare = (what: Bare) => ({
  read: ({ words }: Words) => (words.length === 0 ? ({ do: what } as const) : undefined),
});

const sanction = (what: "ban" | "mute") => ({
  hasTerm: true,
  read: ({ words: [target, ...reason], termMs }: Words): AdminCommand | string | undefined => {
    if (target === undefined) return undefined;
    const term = termMs === undefined ? leadingTerm(reason) : undefined;
    if (term === undefined) return { do: what, target, termMs, reason: reason.join(" ") };
    const ms = readDuration(term.text);
    if (ms === undefined) return badTerm("", term.text);
    return { do: what, target, termMs: ms, reason: term.rest.join(" ") };
  },
});

/**
 * What a reason begins with if it looks like a term, whether or not it is written like one: `10m`,
 * `for 10m`, `10min`, `10 minutes`. It is meant as one then.
 */
function leadingTerm(
  reason: readonly string[],
): { text: string; rest: readonly string[] } | undefined {
  const words = reason[0]?.toLowerCase() === "for" ? reason.slice(1) : reason;
  const [first = "", second = ""] = words;
  if (termForm.test(first)) return { text: first, rest: words.slice(1) };
  const text = `${first} ${second}`;
  return /^\d+$/.test(first) && termForm.test(text) ? { text, rest: words.slice(2) } : undefined;
}

const termForm =
  /^\d+ ?(?:s|sec|second|m|min|minute|h|hr|hour|d|day|w|week|mo|month|y|yr|year)s?$/i;

const lift = (what: "unban" | "unmute") => ({
  read: ({ words: [target, ...more] }: Words) =>
    target === undefined || more.length > 0 ? undefined : ({ do: what, target } as const),
});

export const adminCommands: Readonly<Record<AdminCommand["do"], Entry>> = {
  help: { usage: "help", help: "show this list", rank: "member", ...bare("help") },
  who: {
    usage: "who [--long]",
    help: "list who is here; --long adds addresses and dialects",
    flags: ["--long"],
    read: ({ words, flags }) =>
      words.length === 0 ? { do: "who", long: flags.has("--long") } : undefined,
  },
  info: { usage: "info", help: "list the registered peers", ...bare("info") },
  kick: {
    usage: "kick NAME [REASON]",
    help: "disconnect somebody, who may come back",
    read: ({ words: [name, ...reason] }) => {
      if (name === undefined) return undefined;
      const term = leadingTerm(reason);
      // "10 days of spam" is a reason.
      if (term === undefined || term.rest.length > 0) {
        return { do: "kick", name, reason: reason.join(" ") };
      }
      return `A kick has no term, such as ${quoted(term.text)}: 'ban NAME --for 10m' keeps somebody out`;
    },
  },
  ban: {
    usage: "ban NAME|ADDRESS[/BITS]|KEY [--for 1d] [REASON]",
    help: "disconnect somebody, and keep them out",
    ...sanction("ban"),
  },
  unban: { usage: "unban NAME|ADDRESS|KEY|#N", help: "lift a ban", ...lift("unban") },
  bans: { usage: "bans", help: "list the bans", ...bare("bans") },
  mute: {
    usage: "mute NAME|ADDRESS[/BITS]|KEY [--for 1h] [REASON]",
    help: "keep somebody from writing",
    ...sanction("mute"),
  },
  unmute: { usage: "unmute NAME|ADDRESS|KEY|#N", help: "lift a mute", ...lift("unmute") },
  mutes: { usage: "mutes", help: "list the mutes", ...bare("mutes") },
  pass: {
    usage: "pass [--uses 1] [--for 1d]",
    help: "make a code that lets somebody in past --members-only or --password-file",
    hasTerm: true,
    hasUses: true,
    read: ({ words, termMs, uses = 1 }) =>
      words.length === 0 ? { do: "pass", uses, termMs } : undefined,
  },
  passes: { usage: "passes", help: "list the passes that are valid", ...bare("passes") },
  revoke: {
    usage: "revoke #N",
    help: "make a pass invalid",
    ...numbered("revoke"),
  },
  token: {
    usage: "token NAME [--for 30d]",
    help: "make a token with which a program speaks for a registered name, over HTTP",
    rank: "member",
    hasTerm: true,
    read: ({ words: [name, ...more], termMs }) =>
      name === undefined || more.length > 0 ? undefined : { do: "token", name, termMs },
  },
  tokens: {
    usage: "tokens",
    help: "list the tokens that are valid",
    rank: "member",
    ...bare("tokens"),
  },
  untoken: {
    usage: "untoken #N",
    help: "make a token invalid",
    rank: "member",
    ...numbered("untoken"),
  },
  topic: {
    usage: "topic ROOM [TEXT]",
    help: "set what a room is about; without TEXT, it has no topic",
    read: ({ words: [room, ...text] }) =>
      room === undefined ? undefined : { do: "topic", room, text: text.join(" ") },
  },
  motd: {
    usage: "motd [TEXT]",
    help: "set what everybody is told on entering; without TEXT, nothing",
    read: ({ words }) => ({ do: "motd", text: words.join(" ") }),
  },
  private: {
    usage: "private ROOM",
    help: "let only guests into a room, and hide it from everybody else",
    ...privacy("private"),
  },
  public: { usage: "public ROOM", help: "let everybody in again", ...privacy("public") },
  allow: {
    usage: "allow ROOM NAME",
    help: "make the owner of a registered name a guest of a private room",
    ...guest("allow"),
  },
  disallow: { usage: "disallow ROOM NAME", help: "undo allow", ...guest("disallow") },
  delete: {
    usage: "delete ROOM SEQ",
    help: "delete the text of a message, by its number in the room",
    read: ({ words: [room, number = "", ...more] }) =>
      room === undefined || !/^\d{1,15}$/.test(number) || more.length > 0
        ? undefined
        : { do: "delete", room, seq: Number(number) },
  },
  export: {
    usage: "export ROOM [AFTER]",
    help: "print what was said in a room, one JSON object per message",
    rank: "owner",
    read: ({ words: [room, after = "0", ...more] }) =>
      room === undefined || !/^\d{1,15}$/.test(after) || more.length > 0
        ? undefined
        : { do: "export", room, after: Number(after) },
  },
  forget: {
    usage: "forget NAME",
    help: "delete the account of a registered name, which becomes free",
    rank: "owner",
    read: ({ words: [name, ...more] }) =>
      name === undefined || more.length > 0 ? undefined : { do: "forget", name },
  },
  op: {
    usage: "op NAME",
    help: "make the owner of a registered name an operator",
    rank: "owner",
    ...named("op"),
  },
  deop: { usage: "deop NAME", help: "undo op", rank: "owner", ...named("deop") },
  ops: { usage: "ops", help: "list owners and operators", ...bare("ops") },
  shared: {
    usage: "shared",
    help: "list what you have put into the shared folder; operators see everybody's",
    rank: "member",
    read: ({ words }) => (words.length === 0 ? { do: "shared" } : undefined),
  },
  unshare: {
    usage: "unshare NAME",
    help: "remove something that you have put into the shared folder; operators remove anybody's",
    rank: "member",
    // A name may contain several spaces, of any kind.
    read: ({ text }) => (text === "" ? undefined : { do: "unshare", name: text }),
  },
  away: {
    usage: "away [TEXT]",
    help: "say why you are away; without TEXT, you are back",
    rank: "member",
    read: ({ words }) => ({ do: "away", text: words.join(" ") }),
  },
  mode: {
    usage: "mode ROOM [+-bikmlnostv [ARGUMENT…]]",
    help: "show or change what a room's operators have decided: docs/irc.md",
    rank: "member",
    read: ({ words: [room, letters = "", ...args] }) =>
      room === undefined ? undefined : { do: "mode", room, letters, args },
  },
  call: {
    usage: "call ROOM NAME",
    help: "invite somebody into a room that you are in",
    rank: "member",
    read: ({ words: [room, name, ...more] }) =>
      room === undefined || name === undefined || more.length > 0
        ? undefined
        : { do: "call", room, name },
  },
  remove: {
    usage: "remove ROOM NAME [REASON]",
    help: "put somebody out of a room of which you are an operator",
    rank: "member",
    read: ({ words: [room, name, ...reason] }) =>
      room === undefined || name === undefined
        ? undefined
        : { do: "remove", room, name, reason: reason.join(" ") },
  },
  claim: {
    usage: "claim CODE",
    help: "become the owner, with the code that the server showed when it started",
    rank: "member",
    read: ({ words: [code, ...more] }) =>
      code === undefined || more.length > 0 ? undefined : { do: "claim", code },
  },
  reload: {
    usage: "reload",
    help: "read the file of --motd again",
    rank: "owner",
    ...bare("reload"),
  },
  stop: { usage: "stop", help: "stop the server", rank: "owner", ...bare("stop") },
};

/** The command in a line, or a sentence that says what is wrong. */
export function readAdminCommand(line: string): AdminCommand | string {
  if (line.length > limits.maxOrderChars) {
    return `The command has ${line.length} characters: use at most ${limits.maxOrderChars}`;
  }
  const [first = "", ...rest] = line.trim().split(/\s+/);
  const word = first.toLowerCase();
  if (!isCommand(word)) return unknown(first);
  const entry = adminCommands[word];
  const words = readFlags(entry, rest);
  if (typeof words === "string") return words;
  const [, text = ""] = /^\s*\S+ *(.*?) *$/s.exec(line) ?? [];
  return entry.read({ ...words, text }) ?? `Usage: ${entry.usage}`;
}

/** Why a command can't have all of these flags; undefined: it can. */
export function flagProblem(command: string, flags: readonly string[]): string | undefined {
  const word = command.toLowerCase();
  if (!isCommand(word)) return undefined;
  const foreign = flags.find((flag) => !flagsOf(adminCommands[word]).includes(flag));
  return foreign === undefined ? undefined : foreignFlag(word, foreign);
}

function foreignFlag(word: string, flag: string): string {
  const owners = Object.entries(adminCommands).filter(([, entry]) => flagsOf(entry).includes(flag));
  const list = owners.map(([owner]) => owner).join(", ");
  return `${flag} is for ${list}, and ${word} has nothing like it: leave it out`;
}

function flagsOf({ flags = [], hasTerm = false, hasUses = false }: Entry): readonly string[] {
  return [...flags, ...(hasTerm ? ["--for"] : []), ...(hasUses ? ["--uses"] : [])];
}

function isCommand(word: string): word is AdminCommand["do"] {
  return Object.hasOwn(adminCommands, word);
}

function unknown(word: string): string {
  const near =
    word.length <= maxTypoChars ? nearestWord(word, Object.keys(adminCommands)) : undefined;
  const advice = near === undefined ? "help lists them" : `did you mean ${near}?`;
  return `There is no command ${quoted(word)}: ${advice}`;
}

/** A longer word is not a typo, and its edit distance would be slow to compute. */
const maxTypoChars = 20;

function readFlags(
  { usage, flags = [], hasTerm = false, hasUses = false }: Entry,
  rest: readonly string[],
): Omit<Words, "text"> | string {
  const words: string[] = [];
  const found = new Set<string>();
  const hasReason = usage.includes("REASON");
  let termMs: number | undefined;
  let uses: number | undefined;
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at]!;
    if (flags.includes(word)) found.add(word);
    else if (hasTerm && word === "--for") {
      const term = rest[++at] ?? "";
      termMs = readDuration(term);
      if (termMs === undefined) return badTerm("--for ", term);
    } else if (hasUses && word === "--uses") {
      uses = readUses(rest[++at] ?? "");
      if (uses === undefined) return `--uses takes a number from 1 to ${limits.maxPassUses}`;
    } else {
      // Nobody gives "--for 1d" as a reason.
      const isTerm = word === "--for" && readDuration(rest[at + 1] ?? "") !== undefined;
      if (isTerm && hasReason) return foreignFlag(usage.split(" ")[0]!, word);
      words.push(word);
    }
  }
  const { length } = words.slice(1).join(" ");
  if (length > limits.maxReasonChars) {
    const what = hasReason ? "reason" : "text";
    return `The ${what} has ${length} characters: use at most ${limits.maxReasonChars}`;
  }
  return { words, termMs, uses, flags: found };
}

function readUses(text: string): number | undefined {
  const uses = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return uses >= 1 && uses <= limits.maxPassUses ? uses : undefined;
}

function badTerm(flag: string, term: string): string {
  const years = Math.floor(limits.maxTermMs / (366 * 86_400_000));
  return `${flag}${quoted(term)} is not a term: use 30m, 12h, 1d or 2w, up to ${years} years`;
}
