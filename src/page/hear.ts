// What each event of the session changes in the page's state. Pure.

import type { ChatState } from "../chat/events.ts";
import { chatAfter } from "../client/private-chat-state.ts";
import type { Answer, SessionEvent } from "../client/events.ts";
import { acknowledge, append, confirm, fail, type Log } from "./entries.ts";
import {
  banner,
  maxPeople,
  moveTo,
  over,
  remember,
  sameName,
  sortNames,
  type State,
} from "./state.ts";

export function hear(state: State, event: SessionEvent, nowMs: number): State {
  const said = (text: string): Log => banner(state.log, text, nowMs);
  switch (event.type) {
    case "online":
      return {
        ...state,
        phase: "online",
        atDoor: false,
        name: event.name,
        room: event.room,
        status: "",
        problem: "",
      };
    case "offline":
      return offline(state, event);
    case "reconnected":
      return { ...state, status: "", log: said(event.summary) };
    case "ended":
      return ended(state, event.code, event.message, nowMs);
    case "message":
      return heardMessage(state, event);
    case "private":
      return unread({ ...state, log: append(state.log, privateEntry(state, event)) });
    case "acknowledged":
      return { ...state, log: acknowledge(state.log, event.id) };
    case "failed":
      return { ...state, log: fail(state.log, event.id, event.message) };
    case "gap":
      return { ...state, log: said(`${event.to - event.from + 1} older messages are not kept`) };
    case "joined":
      return joined(state, event.name, nowMs);
    case "left":
      return left(state, event.name, leftText(event.name, event.reason), nowMs);
    case "renamed":
      return renamed(state, event.from, event.to, nowMs);
    case "chat":
      return { ...state, ...chatChanged(state, event.state, event.with, nowMs) };
    case "error":
      if (isAboutName(state, event.ref)) {
        return { ...state, renaming: { ref: undefined, problem: event.message } };
      }
      return { ...state, log: said(event.message) };
    case "entered":
      return moveTo(state, event.room, nowMs);
    case "answer":
      return isAboutName(state, event.ref)
        ? answered({ ...state, renaming: undefined }, event.answer)
        : answered(state, event.answer);
  }
}

/** Whether this answers what the dialog has asked. */
function isAboutName({ renaming }: State, ref: number | undefined): boolean {
  return ref !== undefined && renaming?.ref === ref;
}

function offline(state: State, event: SessionEvent & { type: "offline" }): State {
  const seconds = Math.max(1, Math.ceil(event.retryMs / 1_000));
  const status = `${event.everOnline ? "Connection lost" : "Connection failed"}. Trying again in ${seconds} s`;
  return {
    ...state,
    phase: event.everOnline ? "lost" : "connecting",
    status,
    problem: event.everOnline ? "" : status,
  };
}

function ended(state: State, code: string, message: string, nowMs: number): State {
  if (state.phase === "out") return state;
  return over(state, code === "left" ? "" : message, nowMs);
}

function heardMessage(state: State, event: SessionEvent & { type: "message" }): State {
  if (event.id !== undefined) {
    const log = confirm(state.log, event.id, event);
    if (log !== undefined) return { ...state, log };
  }
  const log = append(state.log, {
    kind: "said",
    from: event.from,
    text: event.text,
    timeMs: event.timeMs,
    mine: event.mine,
    to: undefined,
    seq: event.seq,
    id: event.id,
    delivery: "sent",
    problem: undefined,
  });
  return event.mine ? { ...state, log } : unread({ ...state, log });
}

function privateEntry(state: State, event: SessionEvent & { type: "private" }) {
  return {
    kind: "said" as const,
    from: event.from,
    text: event.text,
    timeMs: event.timeMs,
    mine: sameName(event.from, state.name),
    to: event.to,
    seq: undefined,
    id: undefined,
    delivery: "sent" as const,
    problem: undefined,
  };
}

function unread(state: State): State {
  return state.away ? { ...state, unread: state.unread + 1 } : state;
}

function joined(state: State, name: string, nowMs: number): State {
  if (state.people.includes(name)) return state;
  const people = sortNames([...state.people, name]).slice(0, maxPeople);
  const log = sameName(name, state.name) ? state.log : banner(state.log, `${name} joined`, nowMs);
  return { ...state, people, peopleTotal: state.peopleTotal + 1, log };
}

function left(state: State, name: string, text: string, nowMs: number): State {
  return {
    ...state,
    people: state.people.filter((other) => other !== name),
    peopleTotal: Math.max(0, state.peopleTotal - 1),
    to: state.to.filter((other) => other !== name),
    log: banner(state.log, text, nowMs),
  };
}

function leftText(name: string, reason: string): string {
  if (reason === "moved") return `${name} went to another room`;
  if (reason === "lost" || reason === "slow") return `${name} lost the connection`;
  return `${name} left`;
}

function renamed(state: State, from: string, to: string, nowMs: number): State {
  const swap = (name: string): string => (name === from ? to : name);
  const swapped = (name: string | undefined) => (name === undefined ? name : swap(name));
  const isMe = sameName(from, state.name);
  const { chat } = state;
  return {
    ...state,
    name: isMe ? to : state.name,
    people: sortNames(state.people.map(swap)),
    to: state.to.map(swap),
    chat: {
      partner: swapped(chat.partner),
      asked: swapped(chat.asked),
      invitedBy: swapped(chat.invitedBy),
    },
    log: banner(state.log, isMe ? `you are ${to} now` : `${from} is ${to} now`, nowMs),
  };
}

function chatChanged({ chat, log }: State, change: ChatState, name: string, nowMs: number) {
  return { chat: chatAfter(chat, change, name), log: banner(log, chatText(change, name), nowMs) };
}

function chatText(change: ChatState, name: string): string {
  switch (change) {
    case "asked":
      return `you asked ${name} for a private chat`;
    case "invited":
      return `${name} asks you for a private chat`;
    case "started":
      return `private chat with ${name}`;
    case "rejected":
      return `the private chat with ${name} was declined`;
    case "busy":
      return `${name} is busy`;
    case "left":
      return `the private chat with ${name} is over`;
    case "lost":
      return `${name} is gone; the private chat is over`;
  }
}

function answered(state: State, answer: Answer): State {
  switch (answer.type) {
    case "rooms":
      return { ...state, rooms: answer.rooms };
    case "history":
      return answer.room === state.room ? remember(state, answer.messages) : state;
    case "name":
      return { ...state, name: answer.name };
    case "names":
    case "files":
      return state;
  }
}
