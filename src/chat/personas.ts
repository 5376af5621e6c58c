// What is known of each session besides its name, and the persona that is made of it. Hosts are made
// of networks by a secret, so that they can be told apart, and banned from a room, by people who do
// not learn the addresses. Personas are made once somebody is shown them.

import { networkOf } from "../addresses.ts";
import type { Persona } from "./persona.ts";
import type { Session } from "./session.ts";

const hostChars = 10;

export class Personas {
  #isWanted = false;
  #secret: string | undefined;
  readonly #secretOf: () => string;
  readonly #hash: (text: string) => string;

  /** `secret` is called at most once. */
  constructor(secret: () => string, hash: (text: string) => string) {
    this.#secretOf = secret;
    this.#hash = hash;
  }

  /** Somebody is shown them from now on. */
  want(): void {
    this.#isWanted = true;
  }

  /** Undefined: nobody has asked for any. */
  shown(session: Session): Persona | undefined {
    return this.#isWanted ? this.of(session) : undefined;
  }

  of(session: Session): Persona {
    const { person, dialect, peer } = session;
    person.persona ??= {
      user: person.user === "" ? dialect.name : person.user,
      host: this.#hostOf(peer.address),
      account: person.accountName,
      realName: person.realName === "" ? session.name : person.realName,
      isBot: person.isBot,
    };
    return person.persona;
  }

  #hostOf(address: string): string {
    this.#secret ??= this.#secretOf();
    const hash = this.#hash(`${this.#secret} ${networkOf(address)}`);
    return `${hash
      .toLowerCase()
      .replace(/[^a-z0-9]/g, "")
      .slice(0, hostChars)}.parley`;
  }
}
