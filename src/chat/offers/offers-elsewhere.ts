// Offers for people who are connected to other servers. Files go between people at one server: the
// sender is told at which one the recipient is, and makes the offer there.

import { quoted } from "../../text.ts";
import type { ParleyError } from "../../errors.ts";
import { findElsewhere } from "../elsewhere/find-elsewhere.ts";
import type { ForeignPerson } from "../elsewhere/foreign-person.ts";
import type { HubState } from "../hub-state.ts";
import { type About, reject } from "../rejections.ts";
import type { Session } from "../session.ts";
import type { FileOffer } from "./file-offer.ts";
import { clientsOf, type Ends, recipient, sender } from "./offer-ends.ts";

/**
 * Calls `then`, unless the session ends meanwhile, with the recipient at another server; undefined:
 * the offer has to be made, or to wait, here.
 */
export function findRecipient(
  hub: HubState,
  session: Session,
  ends: Ends,
  then: (person: ForeignPerson | undefined, error?: ParleyError) => void,
): void {
  if (isReached(hub, ends)) return then(undefined);
  findElsewhere(hub, session, [ends.to.folded], (people, error) => {
    if (isReached(hub, ends)) return then(undefined);
    // The session may just have come from there.
    const others = people.filter(({ key }) => key !== session.identity.key);
    const taker = others.find(({ about }) => about.takesFiles === true);
    // A client that takes no files can at least say that they wait.
    const isHere = clientsOf(hub, ends).length > 0;
    then(taker ?? (isHere ? undefined : others[0]), error);
  });
}

/** Whether a client here can accept it, or has. */
function isReached(hub: HubState, ends: Ends): boolean {
  if (recipient(hub, ends) !== undefined) return true;
  return clientsOf(hub, ends).some(({ takesFiles }) => takesFiles);
}

export function rejectElsewhere(
  hub: HubState,
  session: Session,
  { name, address }: ForeignPerson,
  about: About,
): void {
  const at = address === "" ? undefined : address;
  const there = at === undefined ? "the same one" : at;
  const message = `${quoted(name)} is connected to another server of this parley, and files go between people at one: connect to ${there}, or send the files with a code`;
  reject(hub, session, "elsewhere", message, { ...about, at });
}

/** The recipient may have come to another server: then the offer is over here. */
export function followRecipient(hub: HubState, offer: FileOffer): void {
  const session = sender(hub, offer);
  if (session === undefined) return;
  findRecipient(hub, session, offer, (person) => {
    const isHere = hub.offers.get(offer.id) === offer && sender(hub, offer) === session;
    if (person === undefined || !isHere) return;
    hub.offers.remove(offer);
    rejectElsewhere(hub, session, person, { subject: offer.id });
  });
}

/** People with these folded names have come to other servers. */
export function followRecipients(hub: HubState, names: Iterable<string>): void {
  if (hub.offers.size === 0 || hub.isAlone) return;
  const came = new Set(names);
  for (const offer of hub.offers) if (came.has(offer.to.folded)) followRecipient(hub, offer);
}

/** Folded names of people for whom offers wait. */
export function awaitedNames(hub: HubState): readonly string[] {
  return [...hub.offers].filter((offer) => !isReached(hub, offer)).map(({ to }) => to.folded);
}
