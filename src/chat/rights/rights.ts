// Who may do what on this server: what its operators have decided. Kept whole in memory, since every
// connection and message asks; what changes goes to the store. Pure.

import { AccessTokens } from "./access-tokens.ts";
import { Passes } from "./passes.ts";
import { type RightsChange, RightsJournal, type RightsRow } from "./rights-rows.ts";
import { AllRoomSettings } from "./room-settings.ts";
import { Roles } from "./roles.ts";
import { Sanctions } from "./sanctions.ts";

export class Rights {
  readonly #journal = new RightsJournal();
  readonly sanctions: Sanctions;
  readonly passes: Passes;
  readonly tokens: AccessTokens;
  readonly roles: Roles;
  readonly rooms: AllRoomSettings;

  /** `rows`: what the store has. */
  constructor(rows: Iterable<RightsRow> = []) {
    const kept = [...rows];
    this.sanctions = new Sanctions(kept, this.#journal);
    this.rooms = new AllRoomSettings(kept, this.#journal);
    this.roles = new Roles(kept, this.#journal);
    this.passes = new Passes(kept, this.#journal);
    this.tokens = new AccessTokens(kept, this.#journal);
  }

  /** What has to be stored since the last call. */
  takeChanges(): readonly RightsChange[] {
    return this.#journal.take();
  }

  /** These could not be stored; `takeChanges` has them again. */
  putBack(changes: readonly RightsChange[]): void {
    this.#journal.putBack(changes);
  }
}
