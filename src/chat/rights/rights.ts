// Who may do what on this server: what its operators have decided. Kept whole in memory, since every
// connection and message asks; what changes goes to the store. Pure.

import { AccessTokens } from "./access-tokens.ts";
import { Passes } from "./passes.ts";
import { readRows, type RightsChange, RightsJournal, type RightsRow } from "./rights-rows.ts";
import { AllRoomSettings } from "./room-settings.ts";
import type { NewNumber } from "./row-numbers.ts";
import { Roles } from "./roles.ts";
import { Sanctions } from "./sanctions.ts";

type Decisions = {
  readonly sanctions: Sanctions;
  readonly passes: Passes;
  readonly tokens: AccessTokens;
  readonly roles: Roles;
  readonly rooms: AllRoomSettings;
  /** What hosts are made with (personas.ts). */
  hostSecret: string | undefined;
};

const hostSecretKind = "host-secret";

/** The row of that secret. */
export function hostSecretRow(secret: string): RightsRow {
  return { key: `${hostSecretKind}/`, value: JSON.stringify({ secret }) };
}

export class Rights {
  readonly #journal = new RightsJournal();
  /** Changes on their way to the store. */
  readonly #unsettled = new Set<readonly RightsChange[]>();
  #decisions: Decisions;

  readonly #numbers: NewNumber | undefined;

  /** `rows`: what the store has. `numbers`: gives none that another server gives, if there are any. */
  constructor(rows: Iterable<RightsRow> = [], numbers?: NewNumber) {
    this.#numbers = numbers;
    this.#decisions = decisions([...rows], this.#journal, numbers);
  }

  get sanctions(): Sanctions {
    return this.#decisions.sanctions;
  }

  get passes(): Passes {
    return this.#decisions.passes;
  }

  get tokens(): AccessTokens {
    return this.#decisions.tokens;
  }

  get roles(): Roles {
    return this.#decisions.roles;
  }

  get rooms(): AllRoomSettings {
    return this.#decisions.rooms;
  }

  /** What hosts are made with (personas.ts); it is stored with the next change. */
  hostSecret(newSecret: () => string): string {
    const known = this.#decisions;
    if (known.hostSecret === undefined) {
      known.hostSecret = newSecret();
      this.#journal.put(`${hostSecretKind}/`, { secret: known.hostSecret });
    }
    return known.hostSecret;
  }

  /**
   * Another server has changed what the store has: these are all of its rows now. Own changes that
   * are not stored yet hold.
   */
  replace(rows: readonly RightsRow[]): void {
    const kept = new Map(rows.map(({ key, value }) => [key, value]));
    for (const { key, value } of [...this.#unsettled, this.#journal.changes].flat()) {
      if (value === undefined) kept.delete(key);
      else kept.set(key, value);
    }
    const all = Array.from(kept, ([key, value]) => ({ key, value }));
    const { rooms } = this.#decisions;
    this.#decisions = decisions(all, this.#journal, this.#numbers);
    this.#decisions.rooms.keepPassing(rooms);
  }

  /** What has to be stored since the last call. */
  takeChanges(): readonly RightsChange[] {
    const changes = this.#journal.take();
    if (changes.length > 0) this.#unsettled.add(changes);
    return changes;
  }

  /** These are stored. */
  stored(changes: readonly RightsChange[]): void {
    this.#unsettled.delete(changes);
  }

  /** These could not be stored; `takeChanges` has them again. */
  putBack(changes: readonly RightsChange[]): void {
    this.#unsettled.delete(changes);
    this.#journal.putBack(changes);
  }
}

function decisions(
  rows: readonly RightsRow[],
  journal: RightsJournal,
  numbers: NewNumber | undefined,
): Decisions {
  const [hostSecret] = readRows(rows, hostSecretKind, (_, fields) => fields.text("secret"));
  return {
    hostSecret,
    sanctions: new Sanctions(rows, journal, numbers),
    rooms: new AllRoomSettings(rows, journal, numbers !== undefined),
    roles: new Roles(rows, journal),
    passes: new Passes(rows, journal, numbers),
    tokens: new AccessTokens(rows, journal, numbers),
  };
}
