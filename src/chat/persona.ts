// Who somebody is besides the name, as IRC and lists of people show it. Replaced as a whole when it
// changes, so that an event keeps what was true when it happened. Pure.

export type Persona = {
  /** What a client says about itself, else the dialect it speaks. */
  readonly user: string;
  /** Stands for the network without telling it. */
  readonly host: string;
  /** The registered name that has been proved; empty: none. */
  readonly account: string;
  readonly realName: string;
  readonly isBot: boolean;
};

/** Rank in one room. */
export type RoomRank = { readonly isOperator: boolean; readonly isVoiced: boolean };

/** Who decides about a room. */
export type Changer = {
  readonly name: string;
  /** The session's number; 0: whoever types at a server; -1: somebody at another server. */
  readonly author: number;
  readonly persona: Persona | undefined;
  /** What they are known by, if by anything. */
  readonly ids: readonly string[];
  /** They can be known again, so what they decide outlasts the room. */
  readonly isKnown: boolean;
};

/** `nick!user@host`, as masks are matched against it. */
export function maskOf(name: string, { user, host }: Persona): string {
  return `${name}!${user}@${host}`;
}
