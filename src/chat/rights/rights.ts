// Who may do what on this server: operators' decisions. Kept completely in memory, since every
// connection and message needs them; changes go to the store. Pure.

import { AccessTokens } from "./access-tokens.ts";
import { Passes } from "./passes.ts";
import {
  readRows,
  type RightsChange,
  RightsJournal,
  type RightsRow,
  withChanges,
} from "./rights-rows.ts";
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
  /** The secret from which hosts are derived (personas.ts). */
  hostSecret: string | undefined;
};

const hostSecretKind = "host-secret";

/** The row of that secret. */
export function hostSecretRow(secret: string): RightsRow {
  return { key: `${hostSecretKind}/`, value: JSON.stringify({ secret }) };
}

export class Rights {
  readonly #journal = new RightsJournal();
  /** Changes being stored. */
  readonly #unsettled = new Set<readonly RightsChange[]>();
  #decisions: Decisions;

  readonly #numbers: NewNumber | undefined;

  /**
   * `rows`: as stored. `numbers`: assigns numbers that are unique among all servers, if there are
   * others.
   */
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

  /** The secret from which hosts are derived (personas.ts); it is stored with the next change. */
  hostSecret(newSecret: () => string): string {
    const known = this.#decisions;
    if (known.hostSecret === undefined) {
      known.hostSecret = newSecret();
      this.#journal.put(`${hostSecretKind}/`, { secret: known.hostSecret });
    }
    return known.hostSecret;
  }

  /**
   * Another server has changed the stored rows: these are all rows now. This server's own unstored
   * changes still apply.
   */
  replace(rows: readonly RightsRow[]): void {
    const all = withChanges(rows, [...this.#unsettled, this.#journal.changes].flat());
    const { rooms } = this.#decisions;
    this.#decisions = decisions(all, this.#journal, this.#numbers);
    this.#decisions.rooms.keepPassing(rooms);
  }

  /** Changes to be stored since the last call. */
  takeChanges(): readonly RightsChange[] {
    const changes = this.#journal.take();
    if (changes.length > 0) this.#unsettled.add(changes);
    return changes;
  }

  /** These changes have been stored, except for updates of those rows, as they are now. */
  stored(changes: readonly RightsChange[], outdated: readonly RightsChange[]): void {
    this.#unsettled.delete(changes);
    for (const row of outdated) this.passes.replace(row);
  }

  /** These changes could not be stored; `takeChanges` returns them again. */
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
