// What operators can request from the server around the hub. Pure.

import type { IsBanned } from "../cpp/peer-registry.ts";

export interface ServerControl {
  /** Peers registered for calls, oldest first. */
  registrations(): readonly { id: string; ip: string; port: number; text: string }[];
  /** Removes registrations that are banned, by network or name, or whose name is registered now. */
  dropRegistrations(isShutOut: IsBanned): void;
  /** Hash of the code that makes somebody the owner; undefined if there is none. */
  readonly claimHash: string | undefined;
  /** The code has made somebody the owner and is used up. */
  claimUsed(): void;
  /** Reloads settings from files; returns the reason on failure. */
  reload(): string | undefined;
  /** Shuts the server down. */
  stop(): void;
}

/** Whether `code` is the code of a server that has no owner yet. */
export function isClaim(
  options: { control: ServerControl; hashSecret: (secret: string) => string },
  code: string,
): boolean {
  const { claimHash } = options.control;
  return claimHash !== undefined && options.hashSecret(code) === claimHash;
}
