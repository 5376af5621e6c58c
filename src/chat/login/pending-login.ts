// One login while it waits for the store, whose answers decide it. Each step hands what it has
// learnt to the next one: facts, authentication, mailbox, the claim of the name among several
// servers. The last one is complete-login.ts; any of them may refuse. The session's commands wait
// until then.

import type { ParleyError } from "../../errors.ts";
import type { Account } from "../accounts/account-store.ts";
import { accountMailbox } from "../accounts/account-store.ts";
import { endReplaced } from "../disconnect.ts";
import { type ClaimOutcome, claimName } from "../elsewhere/name-claims.ts";
import { whenCaughtUp } from "../elsewhere/room-catch-up.ts";
import type { HubState } from "../hub-state.ts";
import { takenByMember } from "../names/absent.ts";
import { fold } from "../names/grammar.ts";
import { MailboxPosition } from "../private/mailbox-position.ts";
import type { LoginRefusal } from "../refusal.ts";
import { mayOpenNew, openRoom, releaseRoom } from "../rooms/membership.ts";
import type { Room } from "../rooms/room.ts";
import { mayEnter } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";
import { banOf, suspectOf } from "../suspect.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import { authenticate } from "./authentication.ts";
import { completeLogin } from "./complete-login.ts";
import { queryFacts } from "./login-facts.ts";
import type { AuthenticatedLogin, LoginAttempt, LoginFacts } from "./login-stages.ts";
import { nameConflict } from "./name-conflict.ts";
import { refuseBanned, refuseLogin, unowned } from "./refuse-login.ts";

export class PendingLogin {
  readonly #hub: HubState;
  readonly #session: Session;
  /** The name takes its owner's spelling once it is proved. */
  #attempt: LoginAttempt;

  constructor(hub: HubState, session: Session, attempt: LoginAttempt) {
    this.#hub = hub;
    this.#session = session;
    this.#attempt = attempt;
  }

  /** Asks the store for everything needed to decide this login. */
  queryStore(): void {
    this.#session.mailbox = new MailboxPosition();
    queryFacts(this.#hub, this.#session, this.#attempt, (answer) => {
      if (answer.is === "failed") return this.#fail(answer.error);
      if (answer.is === "changed") {
        this.#releaseRooms();
        return this.queryStore();
      }
      const { pipeline } = this.#hub;
      const { previous } = this.#attempt;
      if (previous === undefined || !pipeline.hasPendingCount(previous)) {
        return this.#authenticate(answer.facts);
      }
      // The previous connection sent a message meanwhile; read its record again.
      this.#releaseRooms();
      pipeline.whenSettled(() => this.queryStore());
    });
  }

  #authenticate(facts: LoginFacts): void {
    const { owner } = facts;
    const { command } = this.#attempt;
    const { bearer } = command;
    if (bearer !== undefined && owner?.id !== bearer.account) {
      this.#release();
      return this.#refuse({ code: "wrong-token", message: unowned });
    }
    if (owner === undefined) return this.#queryMail(facts);
    authenticate(this.#hub, this.#session, command, { ...facts, owner }, (refusal) => {
      if (this.#session.phase !== "entering") return this.#fail(undefined);
      if (refusal === undefined) return this.#enterAccount(facts, owner);
      this.#release();
      this.#refuse(refusal);
    });
  }

  #enterAccount(facts: LoginFacts, owner: Account): void {
    const { names, pipeline } = this.#hub;
    this.#attempt = { ...this.#attempt, name: owner.name };
    names.beginAccount(this.#session, owner.id);
    // What has arrived so far was in the session's own mailbox.
    this.#session.mailbox = new MailboxPosition();
    // Unsettled mail is settled first, because the welcome reports its number.
    if (pipeline.hasPending(accountMailbox(owner.id), undefined)) {
      pipeline.whenSettled(() => this.#queryMail(facts));
    } else this.#queryMail(facts);
  }

  /** Asks the store about the mailbox: the account's, or the session's own. */
  #queryMail(facts: LoginFacts): void {
    const { command } = this.#attempt;
    const { owner } = facts;
    const { mailbox, account } = this.#session.identity;
    const queries = new StoreQueries(this.#hub, this.#session);
    let lastMail = facts.record?.mail ?? 0;
    let isMailKept = true;
    let newToken: string | undefined;
    if (account !== "") {
      const lookup = { type: "load-session", session: mailbox } as const;
      queries.ask(lookup, (record) => (lastMail = record?.mail ?? 0));
    }
    if (account !== "" && owner !== undefined && command.remember === true) {
      this.#storeToken(queries, owner, (token) => (newToken = token));
    }
    const { since } = command;
    const seen = since?.epoch === this.#hub.options.epoch ? since.mail : undefined;
    if (mailbox !== "" && seen !== undefined) {
      queries.ask({ type: "count-mail", session: mailbox, after: seen }, (found) => {
        isMailKept = found.count === found.last - seen && found.last >= lastMail;
      });
    }
    queries.whenAnswered((error) => {
      if (error !== undefined) return this.#fail(error);
      this.#release();
      this.#settlePrevious({ facts, lastMail, isMailKept, newToken });
    }, "even-if-ended");
  }

  #storeToken(
    queries: StoreQueries,
    { id: account, password }: Account,
    keep: (token: string | undefined) => void,
  ): void {
    const { options, stampMs: atMs } = this.#hub;
    const token = options.newSecret();
    const about = { account, password, atMs };
    const change = { type: "add-token", token: options.hashSecret(token), ...about } as const;
    queries.ask({ type: "change-account", change }, ({ done }) => keep(done ? token : undefined));
  }

  /** Once the record is claimed, a batch with messages of the previous connection is refused. */
  #settlePrevious(known: AuthenticatedLogin): void {
    const { previous } = this.#attempt;
    if (this.#hub.isAlone || previous?.phase !== "member") {
      return this.#claim(known, () => {});
    }
    previous.queue.block();
    this.#hub.pipeline.whenSettled(() => this.#claim(known, () => this.#hub.unblock(previous)));
  }

  /** `decided` is called once the session has entered, or will not. */
  #claim(known: AuthenticatedLogin, decided: () => void): void {
    if (!this.#mayEnter(known.facts)) return decided();
    const { name, recordId } = this.#attempt;
    const wanted = { folded: fold(name), record: recordId === "" ? undefined : recordId };
    claimName(this.#hub, this.#session, wanted, (claim) => {
      // The connection may have closed, or an operator may have decided otherwise meanwhile.
      if (this.#session.phase !== "entering" || claim.problem !== undefined) {
        claim.giveUp();
        this.#end(claim.problem);
      } else if (!claim.isFree) this.#refuse(takenByMember(name));
      else return this.#catchUp(known, claim, decided);
      decided();
    });
  }

  #catchUp(
    { facts, ...known }: AuthenticatedLogin,
    claim: ClaimOutcome,
    decided: () => void,
  ): void {
    const isShared = !this.#hub.isAlone;
    const now = { ...known, facts: isShared ? { ...facts, holder: claim.last } : facts };
    whenCaughtUp(this.#hub, this.#session, facts.bounds, (behind) => {
      if (this.#tryToEnter(now, claim, behind)) claim.keep();
      else claim.giveUp();
      decided();
    });
  }

  /** Enters, unless it is too late; false if the session is not in. */
  #tryToEnter(
    known: AuthenticatedLogin,
    { taken }: ClaimOutcome,
    behind: ParleyError | undefined,
  ): boolean {
    if (this.#session.phase !== "entering" || behind !== undefined) {
      this.#end(behind);
      return false;
    }
    // The client has connected to another server since its record was claimed here.
    if (taken !== undefined && taken.claim < this.#session.claimedElsewhere) {
      this.#end(undefined);
      endReplaced(this.#hub, this.#session);
      return false;
    }
    if (!this.#mayEnter(known.facts)) return false;
    const rooms = this.#openRooms(known.facts);
    if (typeof rooms === "string") {
      this.#refuse({ code: "full", message: rooms });
      return false;
    }
    completeLogin(this.#hub, this.#session, { attempt: this.#attempt, ...known, rooms, taken });
    this.#releaseRooms();
    return true;
  }

  /** False: the login was refused, or its connection closed while it waited. */
  #mayEnter(facts: LoginFacts): boolean {
    if (this.#session.phase !== "entering") {
      this.#end(undefined);
      return false;
    }
    const { name, alias } = this.#attempt;
    const owned = [facts.ofKey?.id, facts.ofToken?.id].filter((id) => id !== undefined);
    const suspect = suspectOf(this.#session, { names: [name, alias], accounts: owned });
    const ban = banOf(this.#hub, suspect);
    if (ban !== undefined) {
      this.#end(undefined);
      this.#session.enter("new");
      refuseBanned(this.#hub, this.#session, name, ban);
      return false;
    }
    const conflict = nameConflict(this.#hub, this.#session, this.#attempt, facts);
    if (conflict !== undefined) this.#refuse(conflict);
    return conflict === undefined;
  }

  /** The rooms, or a sentence that says why one can't be opened. */
  #openRooms({ bounds, owner, ofKey, ofToken }: LoginFacts): Room[] | string {
    const opened: Room[] = [];
    const accounts = [owner?.id, ofKey?.id, ofToken?.id];
    // Rooms one by one would use up what is regained, and the login might never succeed.
    const isNewAllowed = mayOpenNew(this.#hub, this.#session);
    for (const [name, numbers] of bounds) {
      // The welcome lists the rooms that were entered; for a private room, not even the reason is
      // given.
      if (!mayEnter(this.#hub, this.#session, name, accounts)) continue;
      const room = openRoom(this.#hub, this.#session, name, numbers, isNewAllowed);
      if (typeof room === "string") return room;
      opened.push(room);
    }
    return opened;
  }

  #fail(error: ParleyError | undefined): void {
    this.#release();
    this.#end(error);
  }

  /** Releases what was reserved while the login waited. */
  #release(): void {
    const { name, previous } = this.#attempt;
    this.#hub.names.unreserve(fold(name));
    this.#hub.unblock(this.#session);
    if (previous !== undefined) this.#hub.unblock(previous);
  }

  #releaseRooms(): void {
    for (const room of this.#attempt.rooms.keys()) releaseRoom(this.#hub, room);
  }

  #refuse(refusal: LoginRefusal): void {
    this.#end(undefined);
    this.#session.enter("new");
    refuseLogin(this.#hub, this.#session, this.#attempt.name, refusal);
  }

  /** It waits no longer. `error`: tells the client so, unless the connection has closed. */
  #end(error: ParleyError | undefined): void {
    if (error !== undefined && this.#session.phase === "entering") {
      this.#hub.log.warn(error.message);
      return this.#refuse(error);
    }
    this.#hub.names.abortEntry(this.#session);
    this.#releaseRooms();
  }
}
