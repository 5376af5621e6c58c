// What is known of a session besides its name and what it has proved. Pure data.

import type { Persona } from "./persona.ts";

/** What a session says about itself, and has done. Written by people-commands.ts and messages.ts. */
export class Person {
  user = "";
  realName = "";
  isBot = false;
  isHidden = false;
  /** Undefined: is there. */
  away: string | undefined;
  /** When it last said something, by the hub's clock; 0: never. */
  spokeMs = 0;
  /** When it logged in, in Unix milliseconds. */
  sinceMs = 0;
  /** What it said on leaving. */
  farewell: string | undefined;
  /** Rooms into which people at other servers have invited it. */
  calledInto: Set<string> | undefined;
  /** When other servers were last told that it has said something, by the hub's clock. */
  listedMs = 0;
  /** The name of its account. */
  accountName = "";
  persona: Persona | undefined;
}
