// What operators ask of the server around the hub. Types only.

export interface ServerControl {
  /** Peers registered for calls, oldest first. */
  registrations(): readonly { id: string; ip: string; port: number; text: string }[];
  /** Removes those that are banned, by network or name, or whose name belongs to somebody now. */
  dropRegistrations(isShutOut: (id: string, address: string) => boolean): void;
  /** Hash of the code that makes somebody the owner; undefined: there is none. */
  readonly claimHash: string | undefined;
  /** The code has made somebody the owner, and is of no use any more. */
  claimUsed(): void;
  /** Reads again what is in files; returns why that failed. */
  reload(): string | undefined;
  /** Shuts the server down. */
  stop(): void;
}
