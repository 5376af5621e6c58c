// Looks up the account that owns a name, for commands about registered people.

import { quoted } from "../../text.ts";
import type { Account } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { isAtLeast, type Rank } from "../rights/roles.ts";
import { type Actor, demoted } from "./actor.ts";
import { type AdminAnswer, failed } from "./answer.ts";

/** `least`: the rank that the author must still have then. */
export function withAccount(
  hub: HubState,
  actor: Actor,
  least: Rank,
  name: string,
  answer: (answer: AdminAnswer) => void,
  then: (account: Account) => void,
): void {
  hub.store.ask({ type: "find-account", lookup: { name: fold(name) } }, (outcome) => {
    if (!outcome.done) return answer(failed(outcome.error));
    if (!isAtLeast(actor.rank, least)) return answer(demoted);
    if (outcome.result !== undefined) return then(outcome.result);
    const message = `The name ${quoted(name)} is not registered, so anybody can take it: /register first`;
    answer({ ok: false, code: "not-found", message });
  });
}
