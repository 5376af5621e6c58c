// Numbered frames through a channel: they arrive in order, without gaps or repetitions, and only
// while it is open, whatever breaks.

import { fail } from "./truth.ts";

export type Channel = { readonly number: number; sent: number; heard: number };

export function openedChannel(number: number): Channel {
  return { number, sent: 0, heard: 0 };
}

/** The next ones. */
export function someFrames(channel: Channel, random: () => number): string[] {
  return Array.from({ length: 1 + Math.floor(random() * 20) }, () => {
    const size = random() < 0.1 ? 40_000 : 10;
    return `${channel.number}.${++channel.sent}.${"x".repeat(size)}`;
  });
}

/** `channel`: that is open; `number`: that of the frame's channel. */
export function heardFrame(
  who: string,
  channel: Channel | undefined,
  { channel: number, data }: { channel: number; data: string },
): void {
  if (channel === undefined || channel.number !== number) {
    fail(`${who} hears a frame of channel ${number}, not ${channel?.number}`);
  }
  const [of, nth] = data.split(".").map(Number);
  if (of !== number || nth !== channel.heard + 1) {
    fail(`${who} hears frame ${of}.${nth} after ${number}.${channel.heard}`);
  }
  channel.heard++;
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz012345";

/** The ID of an offer. */
export function newOfferId(random: () => number): string {
  const letter = () => letters[Math.floor(random() * letters.length)];
  return Array.from({ length: 22 }, letter).join("");
}
