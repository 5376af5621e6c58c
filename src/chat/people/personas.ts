// What is known about each session in addition to its name, and the persona built from it. Hosts
// are derived from networks with a secret, so that people can tell them apart, and ban them from a
// room, without learning the addresses. Personas are built once somebody needs them.

import { networkOf } from "../../addresses.ts";
import type { Persona } from "./persona.ts";
import type { Session } from "../session.ts";

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

  /** From now on, personas are shown to somebody. */
  want(): void {
    this.#isWanted = true;
  }

  /** Undefined: nobody has needed any yet. */
  shown(session: Session): Persona | undefined {
    return this.#isWanted ? this.of(session) : undefined;
  }

  of(session: Session): Persona {
    const { person, dialect, peer } = session;
    return person.persona(({ user, realName, isBot, accountName: account }) => ({
      user: user === "" ? dialect.name : user,
      host: this.#hostOf(peer.address),
      account,
      realName: realName === "" ? session.name : realName,
      isBot,
    }));
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
