// Session events as sentences for people. Pure.

import type {
  AccountChangeKind,
  ChatState,
  LeaveReason,
  SessionEvent,
  Unsayable,
} from "../client/events.ts";
import { roomNewsText } from "../client/room-news.ts";
import { message } from "../limits.ts";
import { harmless, lineCount } from "../text.ts";
import { countText } from "./output/units.ts";

/** The sentence for an event; undefined for messages and for events that people need not read. */
export function eventText(event: SessionEvent): string | undefined {
  switch (event.type) {
    case "online":
      return event.returned ? undefined : onlineText(event);
    case "offline":
      return event.everOnline && event.attempt === 1
        ? `Connection lost (${harmless(event.reason)}), reconnecting`
        : undefined;
    case "reconnected":
      return harmless(event.summary).replace(/^r/, "R");
    case "gap":
      return `${countText(event.to - event.from + 1, "message")} no longer kept by the server`;
    case "failed":
      return `Not sent: ${harmless(event.message)}`;
    case "joined":
      return `${harmless(event.name)} has joined`;
    case "left":
      return `${harmless(event.name)} ${leaving[event.reason]}`;
    case "renamed":
      return `${harmless(event.from)} is now ${harmless(event.to)}`;
    case "chat":
      return chatText(event.state, harmless(event.with));
    case "error":
      return harmless(event.message);
    case "topic":
      return event.topic === ""
        ? `${harmless(event.room)} no longer has a topic`
        : topicText(event.room, event.topic);
    case "away":
    case "mode":
    case "call":
    case "join-failed":
      return roomNewsText(event);
    case "deleted":
      return `An operator has deleted a message in ${harmless(event.room)}`;
    case "motd":
      return event.text.split("\n").map(harmless).join("\n");
    case "account-changed":
      return accountText(event.change, harmless(event.device));
    case "entered":
      return `You are in the room ${harmless(event.room)}`;
    case "parted":
      return partedText(event);
    case "message":
    case "private":
    case "copied":
    case "acknowledged":
    case "response":
    case "offer":
    case "token":
    case "ended":
      return undefined;
  }
}

export function topicText(room: string, topic: string): string {
  if (topic === "") return `${harmless(room)} has no topic`;
  return `Topic of ${harmless(room)}: ${harmless(topic)}`;
}

function onlineText(event: Extract<SessionEvent, { type: "online" }>): string {
  const { rooms, registered } = event;
  const name = `${harmless(event.name)}${registered ? " (registered)" : ""}`;
  const list = rooms.map(harmless).join(", ");
  if (rooms.length === 0) return `You are ${name}, in no room`;
  return `You are ${name} in the ${rooms.length === 1 ? "room" : "rooms"} ${list}`;
}

function partedText({ room, by, text }: Extract<SessionEvent, { type: "parted" }>): string {
  if (by === undefined) return `You are no longer in the room ${harmless(room)}`;
  const why = text === undefined ? "" : `: ${harmless(text)}`;
  return `${harmless(by)} has removed you from the room ${harmless(room)}${why}`;
}

const leaving: Readonly<Record<LeaveReason, string>> = {
  quit: "has left",
  lost: "has lost the connection",
  slow: "was too slow and has been disconnected",
  parted: "has left the room",
  replaced: "has connected from elsewhere",
  kicked: "was removed by an operator",
};

function accountText(change: AccountChangeKind, device: string): string {
  switch (change) {
    case "device-added":
      return `A device was added to your name: ${device}. If that was not you, revoke it: /devices`;
    case "device-revoked":
      return `One of your devices was revoked: ${device}`;
    case "password-changed":
      return "The password of your name was changed. If that was not you, set another: /password";
  }
}

function chatText(state: ChatState, partner: string): string {
  switch (state) {
    case "asked":
      return `You have invited ${partner} to a private chat`;
    case "invited":
      return `${partner} invites you to a private chat: /accept or /reject`;
    case "started":
      return `Private chat with ${partner}: what you type goes only to ${partner}, until /leave`;
    case "rejected":
      return `${partner} has declined the private chat`;
    case "busy":
      return `${partner} is busy in another private chat`;
    case "left":
      return `The private chat with ${partner} has ended: what you type goes to the room again`;
    case "lost":
      return (
        `${partner} has lost the connection, and the private chat has ended: ` +
        "what you type goes to the room again"
      );
  }
}

/** Why a request was not sent. */
export function unaskedText(isOnline: boolean): string {
  if (!isOnline) return "Not connected: try again in a moment";
  return "Too many requests are open: wait for an answer";
}

/** Why `text` could not be sent; a message may have at most `textChars` characters. */
export function unsayableText(why: Unsayable, text: string, textChars: number): string {
  switch (why) {
    case "too-long":
      return (
        `Not sent: a message has at most ${textChars} characters, this one has ${text.length}. ` +
        "Send it in parts (Up brings it back)"
      );
    case "too-many-lines":
      return (
        `Not sent: a message has at most ${message.maxTextLines} lines, this one has ` +
        `${lineCount(text)}. Send it in parts (Up brings it back), or send a file`
      );
    case "queue-full":
      return "Not sent: too many messages are queued. Try again once you are connected again";
    case "no-recipient":
      return "Not sent: name at least one person";
    case "not-in-room":
      return "Not sent: you are not in a room. /join ROOM enters one";
    case "no-partner":
      return "Not sent: the private chat has ended";
    case "ended":
      return "Not sent: the session has ended";
  }
}
