// Invitations to rooms that IRC operators have sent to IRC users: whoever is invited is told, and
// admitted once, whatever the modes of the room are.

import { fail } from "./truth.ts";

/** How long an invitation may be under way: at one server, or with a database that may be away. */
const lateMs = 15_000;
const sharedLateMs = 60_000;

type Invitation = {
  readonly by: string;
  readonly room: string;
  readonly nick: string;
  /** Of the user who has that nick. */
  readonly connection: object;
  readonly atMs: number;
  /** The server has answered that they are invited. */
  isMade: boolean;
  /** They have heard of it. */
  isTold: boolean;
  /** It may have ended. */
  isVoid: boolean;
};

/** A user who can be invited now. */
export type Invitee = { readonly nick: string; readonly connection: object };

type Checked = { readonly connection: object; readonly isShared: boolean };

export class Invitations {
  readonly #invitees = new Map<string, Invitee>();
  #open: Invitation[] = [];

  /** Who is online as `person`. */
  here(person: string, invitee: Invitee | undefined): void {
    if (invitee === undefined) this.#invitees.delete(person);
    else this.#invitees.set(person, invitee);
  }

  /** Of everybody who can be invited, but one person. */
  nicks(person: string): readonly string[] {
    return [...this.#invitees].flatMap(([who, { nick }]) => (who === person ? [] : [nick]));
  }

  /** An operator of the room invites whoever has that nick. */
  sent(by: string, room: string, nick: string, atMs: number): void {
    const invitee = [...this.#invitees.values()].find((one) => one.nick === nick);
    this.answered(by, false);
    if (invitee === undefined) return;
    const { connection } = invitee;
    this.#open.push({
      by,
      room,
      nick,
      connection,
      atMs,
      isMade: false,
      isTold: false,
      isVoid: false,
    });
  }

  /** The server has answered; `isMade`: that they are invited. */
  answered(by: string, isMade: boolean): void {
    this.#open = this.#open.filter((one) => isMade || one.isMade || one.by !== by);
    for (const one of this.#open) if (one.by === by) one.isMade = true;
  }

  /** An invited user is told. */
  told(connection: object, room: string): void {
    for (const one of this.#of(connection, room)) one.isTold = true;
  }

  /** Invitations are used up when somebody enters. */
  entered(connection: object, room: string): void {
    const used = this.#of(connection, room);
    this.#open = this.#open.filter((one) => !used.includes(one));
  }

  /** `by` is no operator of the room any more, or may have been its last member. */
  left(by: string, room?: string): void {
    for (const one of this.#open) {
      if (one.by === by && (room ?? one.room) === one.room) one.isVoid = true;
    }
    this.#open = this.#open.filter(({ isTold, isVoid }) => !isTold || !isVoid);
  }

  /** Of somebody who has lost the connection. */
  lost(connection: object): void {
    this.#open = this.#open.filter((one) => one.connection !== connection);
  }

  refused(who: string, connection: object, room: string, why: string): void {
    const invited = this.#of(connection, room).filter(
      ({ isMade, isTold, isVoid }) => isMade && isTold && !isVoid,
    );
    if (invited.length > 0) fail(`${who} is invited to ${room} by ${invited[0]?.by}: ${why}`);
  }

  /** Nothing is in transit to that connection. */
  check(who: string, { connection, isShared }: Checked, nowMs: number): void {
    const mostMs = isShared ? sharedLateMs : lateMs;
    const late = this.#open.find((one) => {
      const isDue = one.isMade && !one.isTold && nowMs - one.atMs > mostMs;
      return isDue && one.connection === connection;
    });
    if (late !== undefined) fail(`${who} was not told of the invitation to ${late.room}`);
  }

  #of(connection: object, room: string): readonly Invitation[] {
    return this.#open.filter((one) => one.connection === connection && one.room === room);
  }
}
