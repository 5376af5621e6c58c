// What is known about a session in addition to its name and what it has proved. Pure data.

import type { Changer, Persona } from "./persona.ts";

/** What a persona is built from, in addition to the name and the network. */
type About = {
  user: string;
  realName: string;
  isBot: boolean;
  /** The name of its account. */
  accountName: string;
};

/** Shared by all connections that are not logged in. */
const nothing: Readonly<About> = { user: "", realName: "", isBot: false, accountName: "" };

/** What a session says about itself, at login and by commands, and its activity. */
export class Person {
  #about = nothing;
  #persona: Persona | undefined;
  isHidden = false;
  /** Undefined: not away. */
  away: string | undefined;
  /** When it last spoke, by the hub's clock; 0: never. */
  spokeMs = 0;
  /** When it logged in, in Unix milliseconds. */
  sinceMs = 0;
  /** Its parting message. */
  farewell: string | undefined;
  /** Invitations by room: the operators, connected to other servers, who made them. */
  calledInto: Map<string, Changer> | undefined;
  /** When other servers were last told that it has spoken, by the hub's clock. */
  listedMs = 0;

  get isBot(): boolean {
    return this.#about.isBot;
  }

  /** Changes what is given; its persona is built anew. Without anything: its name has changed. */
  describe(more: Partial<About>): void {
    this.#about = { ...this.#about, ...more };
    this.#persona = undefined;
  }

  /** Its persona, built only if something has changed. */
  persona(build: (about: Readonly<About>) => Persona): Persona {
    return (this.#persona ??= build(this.#about));
  }
}
