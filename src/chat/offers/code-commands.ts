// Files by code through the server: opening a code, trying it, and the channel between the two
// ends. The server relays frames and learns nothing about the words. It allows a code to be tried
// once, limits how often a network tries, and keeps everything in memory only.

import { codes as limits } from "../../limits.ts";
import type { Command } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import {
  claimPlace,
  findPlace,
  isLater,
  type PlaceClaimed,
  placeClaim,
  reclaimPlace,
  releasePlace,
} from "../elsewhere/place-claims.ts";
import { type About, reject, rejectUnread } from "../rejections.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { muteText } from "../suspect.ts";
import type { OfferEnd, PageAddress } from "../../protocol/messages.ts";
import { ParleyError } from "../../errors.ts";
import type { Asked, NameClaim } from "../turn/store.ts";
import { closeChannel, closeRelay, openChannel } from "./channel.ts";
import { CodeOffer } from "./code-offer.ts";
import { tooMany } from "../rates/guess-rates.ts";

type OpenCode = Extract<Command, { type: "open-code" }>;
type JoinCode = Extract<Command, { type: "join-code" }>;

/** Somebody offers files by code, or has reconnected. */
export function openCode(hub: HubState, session: Session, command: OpenCode): void {
  const { offer: id, ref } = command;
  const muted = muteText(hub, session);
  if (muted !== undefined) return reject(hub, session, "muted", muted, { ref });
  const known = hub.codes.get(id);
  if (known !== undefined && known.from.id === id) return openAgain(hub, session, known, command);
  if (known !== undefined || isNumberUsed(hub, id)) {
    return reject(hub, session, "protocol", numberInUse, { ref });
  }
  const refusal = hub.codes.refusal(session, session.shareOwner, hub.nowMs);
  if (refusal !== undefined) return reject(hub, session, "full", refusal, { ref });
  const asked = askedBy(session, command);
  claimNumber(hub, session, { id, wanted: command.number, asked }, (number, claim, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const opened = hub.codes.get(id);
    if (opened?.from.id === id) {
      // By an earlier connection, whose claim was answered first.
      if (opened.number !== number) releasePlace(hub, claim);
      return openAgain(hub, session, opened, command);
    }
    if (opened !== undefined || isNumberUsed(hub, id)) {
      releasePlace(hub, claim);
      return reject(hub, session, "protocol", numberInUse, { ref });
    }
    const code = new CodeOffer(number, id, session, asked, hub.nowMs);
    code.claim = claim;
    hub.codes.add(code);
    hub.log.info("code opened", { ...sessionFields(session), code: number });
    hub.send(session, { type: "code-opened", offer: id, number, ...pageOf(hub), ref });
  });
}

/** `id`: of the offer; `wanted`: the number to try first. */
type Wanted = { id: string; wanted: number | undefined; asked: Asked; tries?: number };

function askedBy({ openedMs }: Session, { time }: OpenCode): Asked {
  return { openedMs, sentMs: time };
}

const noFreeNumber = "Too many code numbers are taken: try again";

/**
 * Claims a number that no other server has, so that they know where the code is, and calls `then`
 * with it unless the session ends meanwhile. After a restart of the server, the session that had
 * opened a number may claim it again.
 */
function claimNumber(
  hub: HubState,
  session: Session,
  { id, wanted, asked, tries = limits.numberTries }: Wanted,
  then: (number: number, claim?: NameClaim, error?: ParleyError) => void,
): void {
  const number = numberFor(hub, id, wanted);
  if (hub.isAlone) return then(number);
  const place = placeClaim("code", number, hub.options.hashSecret(id));
  const claim = { ...place, asked };
  hub.codes.claiming.set(number, id);
  const take = (answer: PlaceClaimed): void => {
    hub.codes.claiming.delete(number);
    if (answer === "over") return;
    if (answer === "free") return then(number, claim);
    if (answer !== "taken") return then(number, undefined, answer);
    if (tries <= 1) return then(number, undefined, new ParleyError("full", noFreeNumber));
    claimNumber(hub, session, { id, wanted: undefined, asked, tries: tries - 1 }, then);
  };
  claimPlace(hub, session, claim, take, () => hub.codes.numbered(number)?.from.id === id);
}

/** The database no longer knows where the codes are. */
export function reclaimCodes(hub: HubState): void {
  for (const code of hub.codes) reclaimCode(hub, code);
}

function reclaimCode(hub: HubState, code: CodeOffer): void {
  const isOpen = (): boolean => hub.codes.numbered(code.number) === code;
  if (code.claim !== undefined) reclaimPlace(hub, code.claim, isOpen);
}

const numberInUse = "There is an offer with this number";

/** Whether an offer or a call has that number, chosen by a client. */
export function isNumberUsed({ offers, calls }: HubState, id: string): boolean {
  return offers.get(id) !== undefined || calls.get(id) !== undefined;
}

/** The requested number, as after a restart, or another one. */
function numberFor(hub: HubState, id: string, wanted: number | undefined): number {
  const { shared, newSecret } = hub.options;
  // In a cluster, somebody on another server must not find a different code under the same number.
  const most = shared === undefined ? limits.maxNumber : limits.maxSharedNumber;
  const isFree = wanted !== undefined && hub.codes.isFree(wanted, id);
  if (isFree && wanted <= limits.maxSharedNumber) return wanted;
  let start = 0;
  for (const char of newSecret()) start = (start * 31 + char.charCodeAt(0)) % most;
  return hub.codes.freeNumber(start, most);
}

function pageOf({ options }: HubState): { page?: PageAddress } {
  const page = options.page();
  return page === undefined ? {} : { page };
}

function openAgain(hub: HubState, session: Session, code: CodeOffer, command: OpenCode): void {
  const { from, number } = code;
  const { ref } = command;
  const asked = askedBy(session, command);
  if (isLater(from.asked, asked)) return rejectEarlier(hub, session, { ref });
  closeChannel(hub, code);
  if (from.session !== session) tellEnd(hub, code, "sender", "elsewhere");
  from.session = session;
  from.sinceMs = hub.nowMs;
  from.asked = asked;
  // The sender may have been at another server in between.
  if (code.claim !== undefined) code.claim = { ...code.claim, asked };
  reclaimCode(hub, code);
  hub.send(session, { type: "code-opened", offer: from.id, number, ...pageOf(hub), ref });
  openChannel(hub, code);
}

/** The connection is heard only after a later one of the same client: it is probably dead. */
function rejectEarlier(hub: HubState, session: Session, about: About): void {
  reject(hub, session, "not-allowed", "A later connection of yours has this code", about);
}

/**
 * Somebody has typed a code, or has reconnected. Everybody else is told that the code does not
 * exist.
 */
export function joinCode(hub: HubState, session: Session, command: JoinCode): void {
  const { offer: id, number, ref } = command;
  const known = hub.codes.get(id);
  if (known?.to?.id === id && known.number === number) {
    return joinAgain(hub, session, known, { ref });
  }
  if (known !== undefined || isNumberUsed(hub, id)) {
    return reject(hub, session, "protocol", numberInUse, { ref });
  }
  const { address } = session.peer;
  const waitMs = hub.guessRates.waitMs(address, hub.nowMs);
  if (waitMs > 0) {
    const message = tooMany("attempts", waitMs);
    const error = { type: "error", code: "rate", message, retryAfterMs: waitMs, ref } as const;
    return hub.send(session, error);
  }
  // Counts as wrong until the sender confirms it.
  hub.guessRates.wasWrong(address, hub.nowMs);
  const code = hub.codes.numbered(number);
  if (code === undefined && !hub.isAlone) {
    return rejectElsewhere(hub, session, command);
  }
  if (code === undefined || code.to !== undefined || code.from.session === session) {
    return reject(hub, session, "not-found", noSuchCode(hub), { ref });
  }
  code.join(id, session, hub.nowMs);
  hub.codes.addGuest(code);
  hub.log.info("code tried", { ...sessionFields(session), code: number });
  hub.send(session, { type: "code-joined", offer: id, here: code.from.session !== undefined, ref });
  openChannel(hub, code);
}

/** Says at which server the code is, if there is one. */
function rejectElsewhere(hub: HubState, session: Session, command: JoinCode): void {
  const { number, ref } = command;
  const answer = (at: string | undefined, error: ParleyError | undefined): void => {
    // Another server has the code and counts the guess, or the guess was not answered.
    if (at !== undefined || error !== undefined || session.hasEnded) {
      hub.guessRates.wasRight(session.peer.address, undefined, hub.nowMs);
    }
    if (session.hasEnded) return;
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    if (at === undefined) return reject(hub, session, "not-found", noSuchCode(hub), { ref });
    const where = at === "" ? "the server whose address send-file has printed with it" : at;
    const message = `The files for this code are at another server of this parley: fetch them from ${where}`;
    reject(hub, session, "elsewhere", message, { ref, at: at === "" ? undefined : at });
  };
  findPlace(hub, session, placeClaim("code", number), answer, "even-if-ended");
}

function noSuchCode({ isAlone }: HubState): string {
  return isAlone
    ? "There are no files for this code, or no longer: ask for a new one, since each code allows one try"
    : "No server of this parley has files for this code, or no longer: ask for a new one, since each code allows one try";
}

function joinAgain(hub: HubState, session: Session, code: CodeOffer, { ref }: About): void {
  const { to } = code;
  if (to === undefined) return;
  if (to.session !== undefined && to.session.openedMs > session.openedMs) {
    return rejectEarlier(hub, session, { ref });
  }
  closeChannel(hub, code);
  if (to.session !== session) tellEnd(hub, code, "recipient", "elsewhere");
  to.session = session;
  to.sinceMs = hub.nowMs;
  const here = code.from.session !== undefined;
  hub.send(session, { type: "code-joined", offer: to.id, here, ref });
  openChannel(hub, code);
}

/** The sender says whether the other end knows the code. False: the sender has no such code. */
export function answerCode(
  hub: HubState,
  session: Session,
  { offer: id, accept }: { offer: string; accept: boolean },
): boolean {
  const code = hub.codes.get(id);
  if (code?.from.session !== session || code.to === undefined) return false;
  if (!accept) {
    endCode(hub, code, "declined", session);
  } else if (!code.isAccepted) {
    code.isAccepted = true;
    hub.guessRates.wasRight(code.to.address, undefined, hub.nowMs);
    hub.log.info("code taken", { ...sessionFields(session), code: code.number });
  }
  return true;
}

/** `by` already knows. */
export function endCode(hub: HubState, code: CodeOffer, reason: OfferEnd, by?: Session): void {
  if (!hub.codes.remove(code)) return;
  releasePlace(hub, code.claim);
  closeRelay(code);
  hub.offers.clearFrames(code);
  for (const end of ["sender", "recipient"] as const) {
    if (code.at(end)?.session !== by) tellEnd(hub, code, end, reason);
  }
  hub.log.info("code ended", { code: code.number, reason });
}

/** A connection has closed: its codes wait for it to return. */
export function leaveCodes(hub: HubState, session: Session): void {
  for (const code of hub.codes) {
    const end = code.endOf(session);
    const place = end && code.at(end);
    if (place === undefined) continue;
    closeChannel(hub, code, session);
    place.session = undefined;
    place.sinceMs = hub.nowMs;
  }
}

/** Ends codes that have been unused for long, and those with an end that does not return. */
export function expireCodes(hub: HubState): void {
  for (const code of hub.codes) if (isOver(hub, code)) endCode(hub, code, "lost");
}

function isOver({ nowMs }: HubState, { from, to }: CodeOffer): boolean {
  if (from.session === undefined) return nowMs - from.sinceMs > limits.awayMs;
  if (to === undefined) return nowMs - from.sinceMs > limits.unusedMs;
  return to.session === undefined && nowMs - to.sinceMs > limits.unusedMs;
}

function tellEnd(
  hub: HubState,
  code: CodeOffer,
  end: "sender" | "recipient",
  reason: OfferEnd,
): void {
  const place = code.at(end);
  if (place?.session === undefined) return;
  hub.send(place.session, { type: "offer-ended", offer: place.id, reason });
}
