// What is known about a session in addition to its name and what it has proved. Pure data.

import type { Persona } from "./persona.ts";

/** What a session says about itself, at login and by commands, and its activity. */
export class Person {
  user = "";
  realName = "";
  isBot = false;
  isHidden = false;
  /** Undefined: not away. */
  away: string | undefined;
  /** When it last spoke, by the hub's clock; 0: never. */
  spokeMs = 0;
  /** When it logged in, in Unix milliseconds. */
  sinceMs = 0;
  /** Its parting message. */
  farewell: string | undefined;
  /** Rooms to which people on other servers have invited it. */
  calledInto: Set<string> | undefined;
  /** When other servers were last told that it has spoken, by the hub's clock. */
  listedMs = 0;
  /** The name of its account. */
  accountName = "";
  persona: Persona | undefined;
}
