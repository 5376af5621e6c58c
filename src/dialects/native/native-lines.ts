// The lines of the native protocol (docs/protocol.md) that a room hears. Written by hand where they are written a million times.

import type { RoomEvent, Said } from "../../chat/events.ts";

export function renderRoom(event: RoomEvent): string {
  switch (event.type) {
    case "said":
      return messageLine(event);
    case "joined":
      return `{"type":"joined","name":${JSON.stringify(event.name)}}\n`;
    case "left":
      return `{"type":"left","name":${JSON.stringify(event.name)},"reason":"${event.reason}"}\n`;
    case "renamed":
      return line({ type: "renamed", from: event.from, to: event.to });
  }
}

/**
 * Written by hand, for it is written a million times: JSON.stringify of the whole object costs five times as much. Messages
 * that follow each other often have sender and time in common; that part is put together once.
 */
export function messageLine(said: Said): string {
  if (said.from !== common.from || said.timeMs !== common.timeMs) {
    const { from, timeMs } = said;
    common = { from, timeMs, json: `,"time":${timeMs},"from":"${from}","text":"` };
  }
  const { seq, n } = said;
  const text = escaped(said.text);
  return n === undefined
    ? `{"type":"message","seq":${seq}${common.json}${text}"}\n`
    : `{"type":"message","seq":${seq}${common.json}${text}","n":${n}}\n`;
}

/** What `message` says of each, once for all: numbers go on by one. */
export function renderRun(messages: readonly Said[]): string {
  const { seq, timeMs, from, n } = messages[0]!;
  const texts = messages.map(({ text }) => escaped(text)).join('","');
  const counted = n === undefined ? "" : `,"n":${n}`;
  return `{"type":"messages","seq":${seq},"time":${timeMs},"from":"${from}","texts":["${texts}"]${counted}}\n`;
}

/** The text has lost its control characters already (text.ts): only two characters are left to escape. */
function escaped(text: string): string {
  return /["\\]/.test(text) ? JSON.stringify(text).slice(1, -1) : text;
}

let common = { from: "", timeMs: 0, json: "" };

/** Any line, ended. */
export function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
