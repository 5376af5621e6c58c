// Bans and mutes: whom they apply to, why, and until when. Pure.

import { harmless } from "../../text.ts";
import { endMinuteText } from "../../utc-time.ts";
import { networkText, readNetwork } from "./network.ts";

export type SanctionKind = "ban" | "mute";

/** Whom a sanction applies to: anybody who matches one of these. At least one is set. */
export type Subject = {
  /** A folded name. */
  name?: string | undefined;
  /** A network in the form of network.ts. */
  network?: string | undefined;
  /** The public key of a device. */
  key?: string | undefined;
  /** The ID of the account that owns a registered name. */
  account?: string | undefined;
};

const parts = ["name", "network", "key", "account"] as const;

export type Sanction = Subject & {
  kind: SanctionKind;
  /** Unique among all sanctions of this server. */
  id: number;
  /** Empty if none was given. */
  reason: string;
  /** Who imposed it. */
  by: string;
  /** Unix milliseconds. */
  atMs: number;
  /** Unix milliseconds; undefined: permanent. */
  untilMs: number | undefined;
};

/** What is known about somebody who connects or speaks. */
export type Suspect = {
  address: string;
  /** Folded. */
  names: readonly string[];
  keys: readonly string[];
  accounts: readonly string[];
};

export function isOver({ untilMs }: Sanction, nowMs: number): boolean {
  return untilMs !== undefined && untilMs <= nowMs;
}

/** Whether both apply to the same people. */
export function isSameSubject(one: Subject, other: Subject): boolean {
  return parts.every((part) => one[part] === other[part]);
}

/** Whether the subject includes one of these things. */
export function mentions(subject: Subject, asked: Subject): boolean {
  return parts.some((part) => asked[part] !== undefined && asked[part] === subject[part]);
}

/** `the name bob, their device and the network 198.51.100.7`. */
export function subjectText({ name, network, key, account }: Subject): string {
  const device = name === undefined ? `the key ${key}` : "their device";
  const parts = [
    name === undefined ? [] : [`the name ${name}`],
    account === undefined ? [] : ["its owner"],
    key === undefined ? [] : [device],
    network === undefined ? [] : [`the network ${network}`],
  ].flat();
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** ` until 2026-11-29 14:00 UTC: spamming`, for the end of a sentence. */
export function termsText({ untilMs, reason }: Pick<Sanction, "untilMs" | "reason">): string {
  const until = untilMs === undefined ? "" : ` until ${endMinuteText(untilMs)}`;
  return reason === "" ? until : `${until}: ${harmless(reason)}`;
}

/** The network of an address in the form of a subject. */
export function sanctionedNetwork(address: string): string | undefined {
  const network = readNetwork(address);
  return typeof network === "string" ? undefined : networkText(network);
}
