// A program that shares files over HTTP with an access token: whom it speaks for, and whether that
// person may share anything.

import { ParleyError } from "../../errors.ts";
import { ownerOfAccount } from "../../share-owner.ts";
import { accountMailbox } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { unowned } from "../login/refuse-login.ts";
import { fold } from "../names/grammar.ts";
import { termsText } from "../rights/sanction.ts";
import { banOf, banText } from "../suspect.ts";
import type { Sharer } from "./sharing-port.ts";

/** No session has this number. */
const noSession = -1;

/** Calls `then` at once, or when the store has answered. */
export function sharerOfToken(
  hub: HubState,
  accessToken: string,
  address: string,
  then: (sharer: Sharer | ParleyError) => void,
): void {
  const { rights } = hub;
  const hash = hub.options.hashSecret(accessToken);
  const token = rights.tokens.find(hash, hub.stampMs);
  if (token === undefined) return then(notValid());
  const { account, name } = token;
  const problem = (): ParleyError | undefined => {
    if (rights.tokens.find(hash, hub.stampMs) === undefined) return notValid();
    const suspect = { address, names: [fold(name)], keys: [], accounts: [account] };
    const ban = banOf(hub, suspect);
    if (ban !== undefined) return new ParleyError("banned", banText(ban));
    const mute = rights.sanctions.find("mute", suspect, hub.stampMs);
    return mute && new ParleyError("muted", `You are muted${termsText(mute)}`);
  };
  const refused = problem();
  if (refused !== undefined) return then(refused);
  const sharer = {
    session: noSession,
    by: name,
    person: accountMailbox(account),
    device: undefined,
    owner: ownerOfAccount(account, address),
    problem,
    isHere: () => true,
  };
  hub.store.ask({ type: "find-account", lookup: { id: account } }, (found) => {
    // A store that can't be read keeps nobody from sharing files.
    const isOver = found.done && found.result === undefined;
    then(isOver ? new ParleyError("wrong-token", unowned) : (problem() ?? sharer));
  });
  hub.wake();
}

function notValid(): ParleyError {
  return new ParleyError("wrong-token", "The access token is not valid, or no longer is");
}
