// Translates each line of a logged-in client into requests. Pure.

import type { Command, MessageKind } from "../../chat/events.ts";
import { fold } from "../../chat/names/grammar.ts";
import { type BadChange, limitRule, readChanges } from "../../chat/rooms/room-change.ts";
import { irc as limits, people, rights } from "../../limits.ts";
import { beginning } from "../../text.ts";
import { clientTagsOf, type IrcLine } from "./line.ts";
import { isChannel, nameOf, roomOf } from "./names.ts";
import { readChatHistory } from "./chat-history.ts";
import type { Outcome } from "./registration.ts";
import type { Line, Self } from "./self.ts";
import { readCtcp, withoutFormatting } from "./text.ts";

type Handler = (self: Self, line: IrcLine, out: Outcome) => void;

export const requests: Readonly<Record<string, Handler>> = {
  PRIVMSG: (self, line, out) => say(self, line, out, undefined),
  NOTICE: (self, line, out) => say(self, line, out, "notice"),
  TAGMSG: signal,
  JOIN: join,
  PART: part,
  TOPIC: topic,
  NAMES: names,
  LIST: list,
  INVITE: invite,
  KICK: kick,
  MODE: mode,
  WHO: who,
  WHOIS: whois,
  WHOWAS: whowas,
  ISON: byNames,
  USERHOST: byNames,
  AWAY(_self, { params }, out) {
    const away = withoutFormatting(params[0] ?? "");
    out.ask((ref) => ({ type: "describe", away, ref }), { target: "" });
  },
  SETNAME(self, { params }, out) {
    const realName = withoutFormatting(params[0] ?? "");
    if (params[0] === undefined) return needMore(self, "SETNAME", out);
    if (realName.length > people.maxNoteChars || realName.trim() === "") {
      return out.line(self.fail("SETNAME", "INVALID_REALNAME", "Real name is not valid"));
    }
    out.ask((ref) => ({ type: "describe", realName, ref }), { target: "" });
  },
  LUSERS: (_self, _line, out) => out.ask((ref) => ({ type: "census", ref }), { target: "" }),
  MOTD: (_self, _line, out) => out.ask((ref) => ({ type: "motd", ref }), { target: "" }),
  TIME: (_self, _line, out) => out.ask((ref) => ({ type: "census", ref }), { target: "" }),
  MONITOR: monitor,
  CHATHISTORY: readChatHistory,
  OPER(self, { params }, out) {
    const [account, password] = params;
    if (account === undefined || password === undefined) return needMore(self, "OPER", out);
    out.ask((ref) => ({ type: "authenticate", account, password, ref }), { target: account });
  },
  KILL(self, { params }, out) {
    const [nick, reason = ""] = params;
    if (nick === undefined) return needMore(self, "KILL", out);
    const line = beginning(`kick ${nameOf(nick)} ${reason}`, rights.maxReasonChars);
    out.ask((ref) => ({ type: "admin", line, ref }), { target: nick });
  },
  /** Operator commands, as listed in docs/operation.md. */
  PARLEY(self, { params }, out) {
    if (params.length === 0) return needMore(self, "PARLEY", out);
    out.ask((ref) => ({ type: "admin", line: params.join(" "), ref }), { target: "" });
  },
  STATS: (self, { params }, out) =>
    out.line(self.numeric("219", params[0] ?? "*", "End of /STATS report")),
};

function needMore(self: Self, verb: string, out: Outcome): void {
  out.line(self.numeric("461", verb, "Not enough parameters"));
}

/** The targets of a comma-separated list, without duplicates. */
function targetsOf(list: string): readonly string[] {
  if (!list.includes(",")) return [list];
  const seen = new Map<string, string>();
  for (const target of list.split(",")) {
    if (target !== "" && !seen.has(fold(target))) seen.set(fold(target), target);
  }
  return [...seen.values()];
}

/** The first targets; answers that the others are too many. */
function firstOf(
  self: Self,
  targets: readonly string[],
  out: Outcome,
  most: number = limits.maxTargets,
): readonly string[] {
  const others = targets.slice(most);
  if (others.length > 0) {
    out.line(
      self.numeric("407", beginning(others.join(","), limits.maxEchoChars), "Too many targets"),
    );
  }
  return targets.slice(0, most);
}

function say(self: Self, line: IrcLine, out: Outcome, asked: MessageKind | undefined): void {
  const { command: verb, params, tags: given } = line;
  const [list, typed] = params;
  // A NOTICE must not be answered, not even with an error (RFC 1459, section 4.4.2).
  if (list === undefined || list === "") {
    return void (asked ?? out.line(self.numeric("411", `No recipient given (${verb})`)));
  }
  if (typed === undefined || typed === "") {
    return void (asked ?? out.line(self.numeric("412", "No text to send")));
  }
  const read = readCtcp(typed);
  if (read === undefined) return asked === undefined ? refuseCtcp(self, list, out) : undefined;
  const text = withoutFormatting(read.text);
  const kind = read.kind ?? asked;
  const tags = self.has("message-tags") ? clientTagsOf(given) : undefined;
  const content = { text, kind, tags };
  const targets = targetsOf(list);
  if (targets.some((target) => isTooLong(self, verb, target, typed))) {
    return out.line(
      self.numeric("417", "Input line was too long to relay with your nick!user@host"),
    );
  }
  if (targets.length > limits.maxTargets) {
    return out.line(self.numeric("407", beginning(list, limits.maxEchoChars), "Too many targets"));
  }
  for (const target of targets) {
    const room = roomOf(target);
    if (room === undefined) {
      const to = [nameOf(target)];
      if (fold(nameOf(target)) === "all") {
        out.line(self.numeric("401", target, "No such nick: #lobby reaches everybody"));
        continue;
      }
      out.ask((ref) => ({ type: "tell", to, ...content, ref }), { target });
    } else if (out.isLabelled || self.has("echo-message") || asked !== undefined) {
      out.ask((ref) => ({ type: "say", room, ...content, ref }), { target });
    } else {
      // Success is not reported; a refusal names the room.
      out.run({ type: "say", room, ...content });
    }
  }
}

/** Whether the relayed line, with the sender's `nick!user@host`, would exceed 512 bytes. */
function isTooLong(self: Self, verb: string, target: string, text: string): boolean {
  const { source } = self;
  // A UTF-16 code unit takes at most three bytes; 7 for three spaces, two colons and CRLF.
  const units = source.length + verb.length + target.length + text.length + 7;
  if (3 * units <= limits.maxLineBytes) return false;
  const line = `:${source} ${verb} ${target} :${text}\r\n`;
  return Buffer.byteLength(line) > limits.maxLineBytes;
}

function refuseCtcp(self: Self, target: string, out: Outcome): void {
  out.line(self.numeric("404", target, "CTCP other than ACTION is not carried here"));
}

function signal(self: Self, { params, tags: given }: IrcLine, out: Outcome): void {
  const [list] = params;
  if (list === undefined || list === "") {
    return out.line(self.numeric("461", "TAGMSG", "Not enough parameters"));
  }
  const tags = self.has("message-tags") ? clientTagsOf(given) : undefined;
  if (tags === undefined) return;
  for (const target of firstOf(self, targetsOf(list), out)) {
    const room = roomOf(target);
    const to = room ?? nameOf(target);
    const isRoom = room !== undefined;
    out.ask((ref) => ({ type: "signal", to, isRoom, tags, ref }), { target });
  }
}

function join(self: Self, { params }: IrcLine, out: Outcome): void {
  const [list, keys = ""] = params;
  if (list === undefined || list === "") return needMore(self, "JOIN", out);
  if (list === "0") {
    for (const room of self.rooms) {
      out.ask((ref) => ({ type: "part", room, ref }), { target: `#${room}` });
    }
    return;
  }
  const given = keys.split(",");
  for (const [i, channel] of firstOf(self, list.split(","), out).entries()) {
    const room = roomOf(channel);
    if (room === undefined || room === "") {
      out.line(self.numeric("403", channel === "" ? "*" : channel, "No such channel"));
      continue;
    }
    const key = given[i] || undefined;
    out.ask((ref) => ({ type: "join", room, key, ref }), { target: channel });
  }
}

function part(self: Self, { params }: IrcLine, out: Outcome): void {
  const [list, typed] = params;
  if (list === undefined || list === "") return needMore(self, "PART", out);
  const text =
    typed === undefined ? undefined : beginning(withoutFormatting(typed), rights.maxReasonChars);
  for (const channel of firstOf(self, targetsOf(list), out)) {
    const room = roomOf(channel);
    if (room === undefined) out.line(self.numeric("403", channel, "No such channel"));
    else out.ask((ref) => ({ type: "part", room, text, ref }), { target: channel });
  }
}

function topic(self: Self, { params }: IrcLine, out: Outcome): void {
  const [channel, typed] = params;
  if (channel === undefined || channel === "") return needMore(self, "TOPIC", out);
  const room = roomOf(channel);
  if (room === undefined) return out.line(self.numeric("403", channel, "No such channel"));
  const text =
    typed === undefined ? undefined : beginning(withoutFormatting(typed), rights.maxReasonChars);
  out.ask((ref) => ({ type: "set-topic", room, topic: text, ref }), { target: channel });
}

function names(self: Self, { params }: IrcLine, out: Outcome): void {
  const [list = ""] = params;
  const [channel = ""] = firstOf(self, list.split(","), out, 1);
  const room = roomOf(channel);
  if (room === undefined) {
    return out.line(self.numeric("366", channel === "" ? "*" : channel, "End of /NAMES list"));
  }
  out.ask((ref) => ({ type: "names", room, ref }), { target: channel });
}

function list(_self: Self, { params }: IrcLine, out: Outcome): void {
  const limit = limits.maxListed;
  out.ask((ref) => ({ type: "rooms", limit, ref }), { target: params[0] ?? "" });
}

function invite(self: Self, { params }: IrcLine, out: Outcome): void {
  const [nick, channel] = params;
  if (nick === undefined || channel === undefined) return needMore(self, "INVITE", out);
  const room = roomOf(channel);
  if (room === undefined) return out.line(self.numeric("403", channel, "No such channel"));
  const name = nameOf(nick);
  out.ask((ref) => ({ type: "call-in", room, name, ref }), { target: channel, args: [nick] });
}

function kick(self: Self, { params }: IrcLine, out: Outcome): void {
  const [channels, nicks, why = ""] = params;
  if (channels === undefined || nicks === undefined || nicks === "") {
    return needMore(self, "KICK", out);
  }
  const among = channels.split(",");
  const text = beginning(withoutFormatting(why), rights.maxReasonChars);
  for (const [i, nick] of firstOf(self, nicks.split(","), out).entries()) {
    const name = nameOf(nick);
    // Either one channel for all nicks, or one channel for each.
    const channel = among[among.length === 1 ? 0 : i] ?? "";
    const room = roomOf(channel);
    if (room === undefined) {
      out.line(self.numeric("403", channel || "*", "No such channel"));
      continue;
    }
    out.ask((ref) => ({ type: "remove-member", room, name, text, ref }), {
      target: channel,
      args: [nick],
    });
  }
}

function mode(self: Self, line: IrcLine, out: Outcome): void {
  const [target, letters, ...args] = line.params;
  if (target === undefined || target === "") return needMore(self, "MODE", out);
  if (!isChannel(target)) return ownMode(self, target, letters, out);
  const room = roomOf(target);
  if (room === undefined) return out.line(self.numeric("403", target, "No such channel"));
  if (letters === undefined) {
    return out.ask((ref) => ({ type: "room-state", room, ref }), { target });
  }
  const named = args.map((arg, i) => (/[ov]/.test(argumentLetter(letters, i)) ? nameOf(arg) : arg));
  const { changes, bad, lists } = readChanges(letters, named, people.maxChanges);
  for (const change of bad) out.line(badChange(self, target, change));
  if (lists.length > 0) {
    out.ask((ref) => ({ type: "room-state", room, ref }), { target, args: ["b"] });
  }
  if (changes.length === 0) return;
  out.ask((ref) => ({ type: "change-room", room, changes, ref }), { target });
}

function badChange(self: Self, target: string, change: BadChange): Line {
  const { letter } = change;
  switch (change.why) {
    case "unknown":
      return self.numeric("472", letter, "is unknown mode char to me");
    case "needs-argument":
      return self.numeric("696", target, letter, "*", "This mode needs an argument");
    case "bad-limit":
      return self.numeric(
        "696",
        target,
        letter,
        beginning(change.limit, limits.maxEchoChars),
        limitRule,
      );
  }
}

/** The mode letter that takes argument `index`. */
function argumentLetter(letters: string, index: number): string {
  let isOn = true;
  let at = -1;
  for (const letter of letters) {
    if (letter === "+" || letter === "-") isOn = letter === "+";
    else if (/[ovbk]/.test(letter) || (letter === "l" && isOn)) at++;
    if (at === index && !/[+-]/.test(letter)) return letter;
  }
  return "";
}

function ownMode(self: Self, target: string, letters: string | undefined, out: Outcome): void {
  if (fold(nameOf(target)) !== fold(self.nick)) {
    // The name is looked up to tell an existing user from an unknown nick.
    const names = [nameOf(target)];
    return out.ask((ref) => ({ type: "people", by: { names }, ref }), { target });
  }
  if (letters === undefined) return out.line(self.words("221", ownModes(self)));
  let isOn = true;
  let isUnknown = false;
  const wanted: { isBot?: boolean; isHidden?: boolean } = {};
  for (const letter of letters) {
    if (letter === "+" || letter === "-") isOn = letter === "+";
    else if (letter === "B") wanted.isBot = isOn;
    else if (letter === "i") wanted.isHidden = isOn;
    // Only OPER makes a client an operator, and what it has proved stays proved.
    else if (letter !== "o") isUnknown = true;
    else if (!isOn && self.isOperator) out.line(self.notice(staysOperator));
  }
  if (isUnknown) out.line(self.numeric("501", "Unknown MODE flag"));
  if (Object.keys(wanted).length === 0) return;
  out.ask((ref) => ({ type: "describe", ...wanted, ref }), { target, args: [letters] });
}

const staysOperator = "You are an operator until you disconnect: QUIT, and do not send OPER again";

function ownModes({
  isBot,
  isHidden,
  isOperator,
}: Pick<Self, "isBot" | "isHidden" | "isOperator">): string {
  return `+${isBot ? "B" : ""}${isHidden ? "i" : ""}${isOperator ? "o" : ""}`;
}

function who(self: Self, { params }: IrcLine, out: Outcome): void {
  const [mask = "*", options = ""] = params;
  const room = roomOf(mask);
  if (isChannel(mask) && room === undefined) {
    return out.line(self.numeric("315", mask, "End of WHO list"));
  }
  const by = room === undefined ? { mask: mask === "0" ? "*" : nameOf(mask) } : { room };
  out.ask((ref) => ({ type: "people", by, ref }), { target: mask, args: [options] });
}

function whois(self: Self, { params }: IrcLine, out: Outcome): void {
  const list = params[1] ?? params[0];
  if (list === undefined || list === "") {
    return out.line(self.numeric("431", "No nickname given"));
  }
  const nicks = firstOf(self, targetsOf(list), out);
  const names = nicks.map(nameOf);
  out.ask((ref) => ({ type: "people", by: { names }, ref }), { target: list, args: nicks });
}

function whowas(self: Self, { params }: IrcLine, out: Outcome): void {
  const [nick, count = ""] = params;
  if (nick === undefined || nick === "") return out.line(self.numeric("431", "No nickname given"));
  const limit = /^[1-9]\d{0,3}$/.test(count) ? Number(count) : people.formerPeople;
  const name = nameOf(nick);
  out.ask((ref) => ({ type: "former-people", name, limit, ref }), { target: nick });
}

function byNames(self: Self, { command, params }: IrcLine, out: Outcome): void {
  if (params.length === 0) return needMore(self, command, out);
  const nicks = params.flatMap((param) => param.split(" ")).filter((nick) => nick !== "");
  const some = command === "ISON" ? nicks : nicks.slice(0, 5);
  const names = some.map(nameOf);
  out.ask((ref) => ({ type: "people", by: { names }, ref }), { target: "", args: some });
}

function monitor(self: Self, { params }: IrcLine, out: Outcome): void {
  const [sub = "", list = ""] = params;
  const given = targetsOf(list).filter((nick) => !isChannel(nick));
  const names = given.map(nameOf);
  const ask = (command: (ref: number) => Command): void =>
    out.ask(command, { target: sub.toUpperCase(), args: given });
  switch (sub.toUpperCase()) {
    case "+":
      return ask((ref) => ({ type: "watch", names, ref }));
    case "-":
      return ask((ref) => ({ type: "unwatch", names, ref }));
    case "C":
      return ask((ref) => ({ type: "unwatch", names: "all", ref }));
    case "L":
    case "S":
      return ask((ref) => ({ type: "watched", isStatus: sub.toUpperCase() === "S", ref }));
    default:
      needMore(self, "MONITOR", out);
  }
}
