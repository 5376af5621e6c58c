// Renders what one client receives as IRC lines: answers to its requests, and events for it alone.
// Pure.

import type { PersonalEvent, PrivateMessage, Said } from "../../chat/events.ts";
import {
  censusLines,
  describedLines,
  entryLines,
  formerLines,
  motdLines,
  namesLines,
  operLines,
  peopleLines,
  roomsLines,
  roomStateLines,
  timeLines,
  watchedLines,
  watchListLines,
} from "./answers.ts";
import { passingId, roomMessageId } from "./message-ids.ts";
import { channelOf, nickOf } from "./names.ts";
import { paramsText } from "./line.ts";
import type { Request } from "./pending.ts";
import { general, refusalLines } from "./refusals.ts";
import { kickLine, notAdmittedLine, partLine, sourceOf } from "./room-lines.ts";
import type { Line, Self } from "./self.ts";
import { messageLines } from "./text.ts";
import { sentence } from "../sentences.ts";
import { isoText } from "../../utc-time.ts";

type Event<T extends PersonalEvent["type"]> = Extract<PersonalEvent, { type: T }>;

/** `request`: the request that the event answers, if any; `newBatch` returns a new batch name. */
export function eventLines(
  self: Self,
  event: PersonalEvent,
  request: Request | undefined,
  newBatch: () => string,
): readonly Line[] {
  if (request !== undefined) return answerLines(self, event, request, newBatch);
  switch (event.type) {
    case "error":
      return general(self, event);
    case "ping":
      return [{ body: `PING :${self.server.name}` }];
    case "bye":
      return [{ body: `ERROR :Closing Link: ${event.reason}` }];
    case "private":
      return [...privateLines(self, event)];
    case "replay":
      return textsOf(said(self, event.message));
    case "signal":
      return signalLines(self, event, sourceOf(event.from, event.persona));
    case "topic":
      return topicLines(event);
    case "motd":
      return motdLines(self, event.text);
    case "census":
      return censusLines(self, event);
    case "watched":
      return watchedLines(self, event);
    case "call":
      return [
        {
          body: `:${sourceOf(event.from, event.persona)} INVITE ${nickOf(self.nick)} ${channelOf(event.room)}`,
          tagged: { persona: event.persona },
        },
      ];
    case "parted":
      return partedLines(self, event);
    case "renamed":
      return [{ body: `:${sourceOf(event.from, undefined)} NICK ${nickOf(event.to)}` }];
    case "chat":
      return chatLines(self, event);
    case "files-wait":
      return [self.notice(sentence(event) ?? "")];
    case "deleted":
      return [self.notice(`A message in ${channelOf(event.room)} was removed by an operator`)];
    case "account-changed":
      return [self.notice("Another session has changed your account")];
    case "name":
      return nameLines(self, event);
    default:
      return [];
  }
}

function answerLines(
  self: Self,
  event: PersonalEvent,
  request: Request,
  newBatch: () => string,
): readonly Line[] {
  switch (event.type) {
    case "error":
      return refusalLines(self, event, request);
    case "echo":
      return self.has("echo-message") ? textsOf(said(self, event.message)) : [];
    case "sent":
      return sentLines(self, event, request);
    case "signalled":
      return self.has("echo-message") && self.has("message-tags")
        ? signalLines(self, event, self.source)
        : [];
    case "entry":
      return entryLines(self, event);
    case "parted":
      return partedLines(self, event);
    case "name":
      return nameLines(self, event);
    case "roster":
      return namesLines(self, event.room, event.isSecret, event.members);
    case "rooms":
      return roomsLines(self, event, request);
    case "room-state":
      return roomStateLines(self, event, request);
    case "called-in":
      return calledLines(self, event, request);
    case "people":
      return peopleLines(self, event, request);
    case "former-people":
      return formerLines(self, event, request);
    case "census":
      return request.verb === "TIME" ? timeLines(self, event) : censusLines(self, event);
    case "motd":
      return motdLines(self, event.text);
    case "described":
      return describedLines(self, event, request);
    case "authenticated":
      return request.verb === "OPER" ? operLines(self, event) : saslLines(self, event);
    case "watched":
      return watchedLines(self, event);
    case "watch-list":
      return watchListLines(self, event);
    case "past":
      return pastLines(self, event, newBatch());
    case "past-private":
      return pastPrivateLines(self, event, request, newBatch());
    case "past-targets":
      return pastTargetsLines(self, event, newBatch());
    case "admin":
      return adminLines(self, event, request);
    default:
      return [];
  }
}

type Text = {
  source: string;
  target: string;
  kind: Said["kind"];
  text: string;
  tagged: Line["tagged"];
};

function said(self: Self, message: Said): Text {
  const { room, seq, timeMs, from, text, kind, persona, tags: client } = message;
  const msgid = roomMessageId(self.server.log, room, seq);
  const tagged = { timeMs, msgid, persona, client };
  return { source: sourceOf(from, persona), target: channelOf(room), kind, text, tagged };
}

/** The lines of a text; only the first carries its ID. */
function textsOf({ source, target, kind, text, tagged = {} }: Text): readonly Line[] {
  const command = kind === "notice" ? "NOTICE" : "PRIVMSG";
  const before = Buffer.byteLength(`:${source} ${target} `);
  const { timeMs, persona } = tagged;
  return messageLines(before, kind, text).map((part, i) => ({
    body: `:${source} ${command} ${target} :${part}`,
    tagged: i === 0 ? tagged : { timeMs, persona },
  }));
}

function privateLines(
  self: Self,
  event: PrivateMessage,
  target = nickOf(self.nick),
): readonly Line[] {
  const { from, persona, kind, text, timeMs, id, tags: client } = event;
  const msgid = id === undefined ? undefined : passingId(self.server.log, id, timeMs);
  const tagged = { timeMs, msgid, persona, client };
  const source = sourceOf(from, persona);
  return textsOf({ source, target, kind, text, tagged });
}

function sentLines(self: Self, event: Event<"sent">, { verb, target }: Request): readonly Line[] {
  const lines: Line[] = [];
  if (self.has("echo-message")) {
    const { timeMs, id, text, kind, tags: client } = event;
    const msgid = passingId(self.server.log, id, timeMs);
    const tagged = { timeMs, msgid, persona: self.persona, client };
    lines.push(...textsOf({ source: self.source, target, kind, text, tagged }));
  }
  if (verb === "NOTICE") return lines;
  for (const { name, text } of event.away) {
    lines.push(self.numeric("301", nickOf(name), text));
  }
  return lines;
}

function signalLines(
  self: Self,
  event: Event<"signal"> | Event<"signalled">,
  source: string,
): readonly Line[] {
  if (!self.has("message-tags")) return [];
  const { to, isRoom, tags: client, timeMs, id } = event;
  const persona = event.type === "signal" ? event.persona : self.persona;
  const target = isRoom ? channelOf(to) : event.type === "signal" ? nickOf(self.nick) : to;
  const tagged = { timeMs, msgid: passingId(self.server.log, id, timeMs), persona, client };
  return [{ body: `:${source} TAGMSG ${target}`, tagged }];
}

function topicLines({ room, topic, by }: Event<"topic">): readonly Line[] {
  // On entering a room, the topic is sent together with the names.
  if (by === undefined) return [];
  const { name, persona } = by;
  return [
    { body: `:${sourceOf(name, persona)} TOPIC ${channelOf(room)} :${topic}`, tagged: { persona } },
  ];
}

function partedLines(self: Self, { room, by, text, ref }: Event<"parted">): readonly Line[] {
  if (by !== undefined) return [{ body: kickLine(by, room, self.name, text), tagged: {} }];
  if (ref === undefined) return [{ body: notAdmittedLine(self.server, room, self.nick) }];
  const { persona } = self;
  return [{ body: partLine(self.name, persona, room, text), tagged: { persona } }];
}

function nameLines(self: Self, { name }: Event<"name">): readonly Line[] {
  const { persona, source } = self;
  return [{ body: `:${source} NICK ${paramsText([nickOf(name)])}`, tagged: { persona } }];
}

function calledLines(self: Self, event: Event<"called-in">, { target }: Request): readonly Line[] {
  const { name, away } = event;
  const lines = [self.words("341", nickOf(name), target)];
  return away === undefined ? lines : [...lines, self.numeric("301", nickOf(name), away)];
}

function saslLines(self: Self, { account }: Event<"authenticated">): readonly Line[] {
  return [
    self.numeric("900", self.source, account, `You are now logged in as ${account}`),
    self.numeric("903", "SASL authentication successful"),
  ];
}

function pastLines(self: Self, { room, messages }: Event<"past">, batch: string): readonly Line[] {
  const inside = messages.flatMap((message) => textsOf(said(self, message)));
  return historyLines(self, channelOf(room), inside, batch);
}

function pastPrivateLines(
  self: Self,
  { messages }: Event<"past-private">,
  { target }: Request,
  batch: string,
): readonly Line[] {
  const inside = messages.flatMap((message) => {
    const [recipient = ""] = message.to;
    const isOwn = message.mail < 0 || message.isOwn === true;
    return privateLines(self, message, isOwn ? nickOf(recipient) : undefined);
  });
  return historyLines(self, target, inside, batch);
}

function historyLines(
  self: Self,
  target: string,
  lines: readonly Line[],
  batch: string,
): readonly Line[] {
  const inside = lines.map((line) => ({ ...line, batch }));
  return inBatch(self, `chathistory ${target}`, inside, batch);
}

/** The lines alone if the client knows no batches. `type`: of the batch, with its parameters. */
function inBatch(self: Self, type: string, lines: readonly Line[], batch: string): readonly Line[] {
  if (!self.has("batch")) return lines;
  const { name } = self.server;
  const opening = { body: `:${name} BATCH +${batch} ${type}` };
  return [opening, ...lines, { body: `:${name} BATCH -${batch}` }];
}

function pastTargetsLines(
  self: Self,
  event: Event<"past-targets">,
  batch: string,
): readonly Line[] {
  const { name } = self.server;
  const inside = event.targets.map((target) => {
    const shown = "room" in target ? channelOf(target.room) : nickOf(target.name);
    return { body: `:${name} CHATHISTORY TARGETS ${shown} ${isoText(target.timeMs)}`, batch };
  });
  return inBatch(self, "draft/chathistory-targets", inside, batch);
}

function adminLines(
  self: Self,
  { message, rows }: Event<"admin">,
  { verb }: Request,
): readonly Line[] {
  if (verb === "KILL") return [];
  const lines = rows.map(({ text, fields }) => self.notice(text ?? JSON.stringify(fields)));
  return message === undefined ? lines : [...lines, self.notice(message)];
}

/** Private chat by consent is a feature of `parley client`; in IRC it is an ordinary query. */
function chatLines(self: Self, event: Event<"chat">): readonly Line[] {
  if (event.state !== "invited") return [];
  const nick = nickOf(event.with);
  return [self.notice(`${nick} invites you to a private chat: answer with /msg ${nick}`)];
}
