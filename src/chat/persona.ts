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

/** `nick!user@host`, as masks are matched against it. */
export function maskOf(name: string, { user, host }: Persona): string {
  return `${name}!${user}@${host}`;
}
