// Private messages between a session and its user: sealed before sending if both sides have a
// registered key (key-trust.ts), and opened on arrival. Messages stay in order in each direction,
// however long sealing takes. Pure: keys, files, the clock and randomness are passed in.

import { BoundedMap } from "../bounded-map.ts";
import { fold } from "../chat/names/grammar.ts";
import { sealed as limits } from "../limits.ts";
import type { Sealed } from "../protocol/messages.ts";
import { harmless } from "../text.ts";
import type { MessageKind, NativeSession, Seal, SessionEvent, Unsayable } from "./events.ts";
import { KeyLookup } from "./key-lookup.ts";
import { firstContact, KeyTrust, nothingToAccept, type SendDecision } from "./key-trust.ts";
import { OwnListing } from "./own-listing.ts";
import { type OpenedOffer, SealedOffers, type SealOutcome } from "./sealed-offers.ts";
import { decodeSealed, encodeSealed, sealBoxes, sealContext } from "./sealed-text.ts";
import type { SealingDevice, SealingUser } from "./sealing-device.ts";
import { SentCopies } from "./sent-copies.ts";

type Private = Extract<SessionEvent, { type: "private" }>;
type Copied = Extract<SessionEvent, { type: "copied" }>;

/** Output for the user. */
export type PrivateOutput = {
  /** A private message, with its text if it could be opened. */
  deliver: (event: Private) => void;
  /** One that the user has sent from another device. */
  copied: (event: Copied) => void;
  /**
   * A message was passed to the session, with this result. `seal` undefined: sent as plain text.
   */
  sent: (result: number | Unsayable, message: SentPrivate) => void;
  note: (text: string) => void;
  /** Carries out the session's outputs. */
  applyOutputs: () => void;
};

export type SentPrivate = {
  to: readonly string[];
  text: string;
  kind?: MessageKind | undefined;
  seal: Seal | undefined;
};

/** The outcome of a message to one person: it was passed to the session, or refused. */
export type TellOutcome =
  | { how: "told"; result: number | Unsayable; seal: Seal | undefined }
  | { how: "refused"; why: string };

/** `told`: receives the outcome, which is otherwise shown as notes for the user. */
type Job = {
  to: readonly string[];
  text: string;
  kind?: MessageKind | undefined;
  told?: ((outcome: TellOutcome) => void) | undefined;
};

/** What a client with a key seals with. */
type Sealing = {
  readonly user: SealingUser;
  readonly lookup: KeyLookup;
  readonly listing: OwnListing;
  readonly trust: KeyTrust;
  readonly copies: SentCopies;
  readonly offers: SealedOffers;
  /** IDs of messages received since the start. */
  readonly received: BoundedMap<string, true>;
};

export class PrivateMessages {
  readonly #session: Pick<NativeSession, "name" | "online" | "request" | "tell">;
  readonly #output: PrivateOutput;
  /** Undefined: this client has no key, so everything is plain text. */
  readonly #sealing: Sealing | undefined;
  readonly #jobs: Job[] = [];
  /** Resolves when all jobs that can be done now are done. */
  #sending: Promise<void> | undefined;
  /** Resolves when everything received has been delivered. */
  #opening: Promise<void> = Promise.resolve();
  #unopened = 0;

  constructor(
    session: Pick<NativeSession, "name" | "online" | "request" | "tell">,
    device: SealingDevice | undefined,
    output: PrivateOutput,
  ) {
    this.#session = session;
    this.#output = output;
    if (device === undefined) return;
    const { note, applyOutputs } = output;
    const user = { device, name: () => session.name ?? "", note };
    const lookup = new KeyLookup(session, applyOutputs);
    const listing = new OwnListing(user, lookup);
    const trust = new KeyTrust(user, lookup, listing);
    const copies = new SentCopies(user, listing);
    const offers = new SealedOffers(user, trust, listing);
    const received = new BoundedMap<string, true>(limits.maxUnopened);
    this.#sealing = { user, lookup, listing, trust, copies, offers, received };
  }

  /**
   * Sends a private message, sealed for each recipient that has a key. False: it is refused,
   * because too many wait.
   */
  tell(to: readonly string[], text: string, kind?: MessageKind): boolean {
    return this.#add({ to, text, kind });
  }

  /**
   * Sends to one person. Resolves when the session has the message, which may take long while
   * offline.
   */
  tellOne(name: string, text: string, kind?: MessageKind): Promise<TellOutcome> {
    return new Promise((told) => this.#add({ to: [name], text, kind, told }));
  }

  /** Seals an offer of files like a message, if the recipient has a key. */
  async sealOffer(name: string, content: Uint8Array): Promise<SealOutcome> {
    return (await this.#sealing?.offers.seal(name, content)) ?? { how: "plain" };
  }

  async openOffer(from: string, sealed: Sealed): Promise<OpenedOffer> {
    return (await this.#sealing?.offers.open(from, sealed)) ?? "this client has no key";
  }

  /** Handles private messages and answers to its own requests; false for any other event. */
  handleEvent(event: SessionEvent): boolean {
    this.#sealing?.listing.handleEvent(event);
    switch (event.type) {
      case "private":
        this.#arrived(event);
        return true;
      case "copied":
        this.#copyArrived(event);
        return true;
      case "online":
        this.#send();
        return false;
      default:
        return this.#sealing?.lookup.handleEvent(event) ?? false;
    }
  }

  /** Accepts the last refused keys as that person's. */
  accept(name: string): void {
    if (this.#sealing === undefined) this.#output.note(nothingToAccept(name));
    else this.#sealing.trust.accept(name);
  }

  /** Marks keys that two people have compared as verified. */
  verify(name: string, keys: readonly string[]): void {
    this.#sealing?.trust.verify(name, keys);
  }

  /**
   * Resolves when nothing is being sealed or opened. Jobs that wait for the connection keep
   * waiting.
   */
  async settled(): Promise<void> {
    await this.#sending;
    await this.#opening;
  }

  #add(job: Job): boolean {
    if (this.#jobs.length >= limits.maxWaiting) {
      this.#finish(job, "queue-full", job.to);
      return false;
    }
    if (this.#sealing === undefined) return this.#sendPlain(job, job.to);
    this.#jobs.push(job);
    this.#send();
    return true;
  }

  #sendPlain(job: Job, to: readonly string[]): boolean {
    const result = this.#session.tell(to, job.text, { kind: job.kind });
    this.#finish(job, result, to);
    return typeof result === "number";
  }

  #finish(job: Job, result: number | Unsayable, to: readonly string[], seal?: Seal): void {
    const { text, kind } = job;
    job.told?.({ how: "told", result, seal });
    this.#output.sent(result, { to, text, kind, seal });
  }

  #refuse({ told }: Job, why: string): void {
    if (told === undefined) this.#output.note(`Not sent: ${why}`);
    else told({ how: "refused", why });
  }

  #send(): void {
    if (this.#sealing === undefined || this.#sending !== undefined) return;
    if (this.#jobs.length > 0) this.#sending = this.#sendAll(this.#sealing);
  }

  async #sendAll(sealing: Sealing): Promise<void> {
    try {
      for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
        if (await this.#sendJob(sealing, job)) this.#jobs.shift();
        else if (!this.#session.online) return;
      }
    } finally {
      // Cleared immediately: a job that is added now has to start a new run.
      this.#sending = undefined;
    }
  }

  /** False: the connection was lost, nothing was sent, and the job must be retried later. */
  async #sendJob(sealing: Sealing, job: Job): Promise<boolean> {
    const names = new Map(job.to.map((name) => [fold(name), name]));
    const decisions: SendDecision[] = [];
    for (const name of names.values()) decisions.push(await sealing.trust.judge(name));
    if (decisions.some(({ how }) => how === "offline")) return false;
    const plain: string[] = [];
    for (const decision of decisions) {
      if (decision.how === "plain") plain.push(decision.name);
      else if (decision.how === "refused") this.#refuse(job, decision.why);
      else if (decision.how === "sealed") await this.#sendSealed(sealing, decision, job);
    }
    if (plain.length > 0) this.#sendPlain(job, plain);
    return true;
  }

  async #sendSealed(
    { user, copies }: Sealing,
    { name, known, isNew }: Extract<SendDecision, { how: "sealed" }>,
    job: Job,
  ): Promise<void> {
    const { device, note } = user;
    const { text, kind } = job;
    const content = encodeSealed({ ...nextStamp(device), text });
    const context = sealContext(user.name(), name);
    let boxes: Sealed["boxes"];
    try {
      boxes = await sealBoxes(device.sealer, known.keys, content, context);
    } catch {
      return this.#refuse(job, `a key of ${harmless(name)} can't be used`);
    }
    const chars = boxes.reduce((sum, { box }) => sum + box.length, 0);
    if (chars > limits.maxChars) {
      const why = `the message is too long to be sealed for ${boxes.length} devices`;
      return this.#refuse(job, `${why}. Send it in parts`);
    }
    const sealed = { key: device.key, boxes };
    const own = await copies.seal(name, content, chars);
    const seal: Seal = { state: known.isVerified ? "verified" : "unverified" };
    const result = this.#session.tell([name], text, { kind, sealed, copies: own });
    this.#finish(job, result, [name], seal);
    if (isNew) note(firstContact(name));
  }

  #arrived(event: Private): void {
    // There is nothing to wait for.
    if (event.sealed === undefined && this.#unopened === 0) return this.#output.deliver(event);
    if (this.#unopened >= limits.maxUnopened) {
      return this.#output.deliver(unopened(event, "too many arrived at once"));
    }
    this.#inOrder(async () => {
      const opened = await open(this.#sealing, event);
      return () => opened !== undefined && this.#output.deliver(opened);
    });
  }

  #copyArrived(event: Copied): void {
    if (event.sealed === undefined) {
      if (this.#unopened === 0) return this.#output.copied(event);
      return this.#inOrder(async () => () => this.#output.copied(event));
    }
    const copies = this.#sealing?.copies;
    if (copies === undefined || this.#unopened >= limits.maxUnopened) return;
    this.#inOrder(async () => {
      const opened = await copies.open(event);
      return () => opened !== undefined && this.#output.copied(opened);
    });
  }

  /** Opens a message once all earlier ones are delivered, and then delivers it. */
  #inOrder(openNext: () => Promise<() => void>): void {
    this.#unopened++;
    this.#opening = this.#opening.then(async () => {
      const deliver = await openNext();
      this.#unopened--;
      deliver();
    });
  }
}

/**
 * The message with its text, or with the reason why it can't be opened. Undefined: this device had
 * received it before the program was killed and started again, which the server did not know.
 */
async function open(sealing: Sealing | undefined, event: Private): Promise<Private | undefined> {
  const { sealed, from } = event;
  if (sealed === undefined) return event;
  if (sealing === undefined) return unopened(event, "this client has no key");
  const { user, trust, received } = sealing;
  const { device } = user;
  const box = sealed.boxes.find(({ key }) => key === device.key)?.box;
  if (box === undefined) return unopened(event, "it is for other devices of yours");
  const content = await device.sealer.open(box, sealed.key, sealContext(from, user.name()));
  const found = content === undefined ? undefined : decodeSealed(content);
  if (found === undefined) {
    return unopened(event, `it is damaged, or not from ${harmless(from)} to you`);
  }
  const { id, timeMs, text } = found;
  const freshness = device.seen.check(sealed.key, id, timeMs);
  if (freshness === "repeated") {
    const isOfEarlierRun = !received.has(id);
    return isOfEarlierRun ? undefined : unopened(event, "this device has received it before");
  }
  if (freshness === "old") return unopened(event, "it is too old to tell whether it is a repeat");
  const state = await trust.stateOf(from, sealed.key);
  // Last, so that as little as possible lies between this and showing it.
  device.seen.add(sealed.key, id, timeMs, device.now());
  received.set(id, true);
  return { ...event, text, seal: { state } };
}

function unopened(event: Private, reason: string): Private {
  return { ...event, text: "", seal: { state: "unopened", reason } };
}

/**
 * Times strictly increase, so that the recipient can tell messages older than the last one; also
 * after a restart, before which the clock may have been ahead.
 */
function nextStamp({ key, seen, now, newId }: SealingDevice): { id: string; timeMs: number } {
  const id = newId();
  const nowMs = now();
  const timeMs = Math.max(nowMs, seen.latestMs(key) + 1);
  seen.add(key, id, timeMs, nowMs);
  return { id, timeMs };
}
