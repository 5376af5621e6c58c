// Short notations for the hub's events.

import type { Said, RoomEvent, PersonalEvent } from "../../src/chat/events.ts";

export function said(from: string, text: string, alias?: string): Said {
  return {
    type: "said",
    room: "lobby",
    seq: 1,
    timeMs: 0,
    from,
    alias,
    text,
    n: undefined,
    author: 1,
  };
}

export function joined(name: string, alias?: string): RoomEvent {
  return { type: "joined", room: "lobby", name, alias, author: 1 };
}

export function left(name: string, alias?: string): RoomEvent {
  return { type: "left", room: "lobby", name, alias, reason: "quit", author: 1 };
}

export function renamed(from: string, to: string): RoomEvent {
  return { type: "renamed", room: "lobby", from, to, author: 1 };
}

export function welcome(name: string, alias?: string): PersonalEvent {
  return {
    type: "welcome",
    name,
    alias,
    secret: "s",
    epoch: "e",
    mail: 0,
    recovered: false,
    n: 0,
    rooms: [{ room: "lobby", seq: 0, recovered: false }],
  };
}

export function privately(from: string, to: string[], text: string, chat = false): PersonalEvent {
  return { type: "private", mail: 1, timeMs: 0, from, alias: undefined, to, chat, text };
}

export function sent(to: string[], text: string, chat = false): PersonalEvent {
  return { type: "sent", to, text, chat, timeMs: 0, id: 1, away: [] };
}

export function names(...all: string[]): PersonalEvent {
  return {
    type: "names",
    room: "lobby",
    names: all,
    total: all.length,
    next: undefined,
    ref: undefined,
  };
}

export function refused(name: string): PersonalEvent {
  return { type: "refused", code: "name-taken", name, message: `The name '${name}' is taken` };
}

export const peer = { address: "127.0.0.1", port: 52_418 };
