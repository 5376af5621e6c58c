// A program that shares files over HTTP with an access token: whom it speaks for, and whether that
// person may share anything.

import { ParleyError } from "../../errors.ts";
import { ownerOfAccount } from "../../share-owner.ts";
import { accountMailbox } from "../accounts/account-store.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { termsText } from "../rights/sanction.ts";
import { banOf, banText } from "../suspect.ts";
import type { Sharer } from "./sharing-port.ts";

/** No session has this number. */
const noSession = -1;

export function sharerOfToken(
  hub: HubState,
  accessToken: string,
  address: string,
): Sharer | ParleyError {
  const { rights } = hub;
  const hash = hub.options.hashSecret(accessToken);
  const token = rights.tokens.find(hash, hub.stampMs);
  if (token === undefined) return notValid();
  const { account, name } = token;
  const problem = (): ParleyError | undefined => {
    if (rights.tokens.find(hash, hub.stampMs) === undefined) return notValid();
    const suspect = { address, names: [fold(name)], keys: [], accounts: [account] };
    const ban = banOf(hub, suspect);
    if (ban !== undefined) return new ParleyError("banned", banText(ban));
    const mute = rights.sanctions.find("mute", suspect, hub.stampMs);
    return mute && new ParleyError("muted", `You are muted${termsText(mute)}`);
  };
  return (
    problem() ?? {
      session: noSession,
      by: name,
      person: accountMailbox(account),
      device: undefined,
      owner: ownerOfAccount(account, address),
      problem,
      isHere: () => true,
    }
  );
}

function notValid(): ParleyError {
  return new ParleyError("wrong-token", "The access token is not valid, or no longer is");
}
