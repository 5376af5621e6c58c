// Looks up the account that owns a name, for commands about registered people.

import { quoted } from "../../text.ts";
import type { Account } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import type { AdminAnswer } from "./answer.ts";

export function withAccount(
  hub: HubState,
  name: string,
  answer: (answer: AdminAnswer) => void,
  then: (account: Account) => void,
): void {
  hub.store.findAccount({ name: fold(name) }, (outcome) => {
    if (!outcome.done) {
      return answer({ ok: false, code: outcome.error.code, message: outcome.error.message });
    }
    if (outcome.result !== undefined) return then(outcome.result);
    const message = `The name ${quoted(name)} is not registered, so anybody can take it: /register first`;
    answer({ ok: false, code: "not-found", message });
  });
}
