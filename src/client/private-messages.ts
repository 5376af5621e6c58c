// Private messages between a session and its user: sealed before sending if both sides have a
// registered key, and opened on arrival. Decides whose keys are trusted. Messages stay in order in
// each direction, however long sealing takes. Pure: keys, files, the clock and randomness are
// passed in.

import { BoundedMap } from "../bounded-map.ts";
import { fold } from "../chat/names/grammar.ts";
import { ParleyError } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import { harmless } from "../text.ts";
import type { Sealed } from "../protocol/messages.ts";
import { areKeys, compareKeys, type KnownKeys } from "../trust/known-keys.ts";
import { areVouched, type Vouch } from "../trust/device-vouch.ts";
import type {
  MessageKind,
  NativeSession,
  Seal,
  SessionEvent,
  SessionResponse,
  Unsayable,
} from "./events.ts";
import { decodeSealed, encodeSealed, sealContext } from "./sealed-text.ts";
import { SentCopies } from "./sent-copies.ts";
import type { SealingDevice } from "./sealing-device.ts";

type Private = Extract<SessionEvent, { type: "private" }>;
type Copied = Extract<SessionEvent, { type: "copied" }>;
type Keys = Extract<SessionResponse, { type: "keys" }>;

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

/** The text of a message. */
type Content = { text: string; kind?: MessageKind | undefined };

/** The outcome of a message to one person: it was passed to the session, or refused. */
export type TellOutcome =
  | { how: "told"; result: number | Unsayable; seal: Seal | undefined }
  | { how: "refused"; why: string };

/** `told`: receives the outcome, which is otherwise shown as notes for the user. */
type Job = Content & {
  to: readonly string[];
  told?: ((outcome: TellOutcome) => void) | undefined;
};
/** How to send a message to one person. */
type Verdict =
  | { how: "plain"; name: string }
  | { how: "sealed"; name: string; known: KnownKeys; isNew: boolean }
  | { how: "refused"; why: string }
  /** The connection was lost: retry later. */
  | { how: "offline" };
type Answer = Keys | { type: "error"; code: string; message: string };

/**
 * The outcome of sealing an offer: the server can read it (`plain`), it is sealed, or it can't be
 * made.
 */
export type SealOutcome =
  | { how: "plain" }
  | { how: "sealed"; sealed: Sealed; isVerified: boolean }
  | { how: "refused"; why: string }
  | { how: "offline" };

export class PrivateMessages {
  readonly #session: Pick<NativeSession, "name" | "online" | "request" | "tell">;
  readonly #device: SealingDevice | undefined;
  readonly #output: PrivateOutput;
  readonly #asked = new Map<number, (answer: Answer) => void>();
  readonly #jobs: Job[] = [];
  /** Resolves when all jobs that can be done now are done. */
  #sending: Promise<void> | undefined;
  /** Resolves when everything received has been delivered. */
  #opening: Promise<void> = Promise.resolve();
  #unopened = 0;
  #isRegistered = false;
  /** For the user's other devices, if this one has a key. */
  readonly #copies: SentCopies | undefined;
  /** Untrusted keys, kept until they are accepted. By folded name. */
  readonly #refused = new BoundedMap<string, readonly string[]>(limits.maxSenders);

  constructor(
    session: Pick<NativeSession, "name" | "online" | "request" | "tell">,
    device: SealingDevice | undefined,
    output: PrivateOutput,
  ) {
    this.#session = session;
    this.#device = device;
    this.#output = output;
    this.#copies =
      device &&
      new SentCopies({
        device,
        name: () => session.name ?? "",
        ask: (name) => this.#ask(name),
        note: (text) => output.note(text),
      });
  }

  /** Sends a private message, sealed for each recipient that has a key. */
  tell(to: readonly string[], text: string, kind?: MessageKind): void {
    this.#add({ to, text, kind });
  }

  /**
   * Sends to one person. Resolves when the session has the message, which may take long while
   * offline.
   */
  tellOne(name: string, text: string, kind?: MessageKind): Promise<TellOutcome> {
    return new Promise((told) => this.#add({ to: [name], text, kind, told }));
  }

  #add(job: Job): void {
    if (this.#jobs.length >= limits.maxWaiting) return this.#finish(job, "queue-full", job.to);
    if (this.#device === undefined) return this.#sendPlain(job, job.to);
    this.#jobs.push(job);
    this.#send();
  }

  /** Seals an offer of files like a message, if the recipient has a key. */
  async sealOffer(name: string, content: Uint8Array): Promise<SealOutcome> {
    const verdict = await (this.#isSelf(name) ? this.#judgeSelf(name) : this.#judge(name));
    const device = this.#device;
    if (verdict.how !== "sealed" || device === undefined) {
      return verdict.how === "sealed" ? { how: "plain" } : verdict;
    }
    const { known, isNew } = verdict;
    try {
      const context = sealContext(this.#session.name ?? "", name, "file offer");
      const boxes = await this.#boxes(device, known.keys, content, context);
      if (isNew) this.#output.note(firstContact(name));
      return { how: "sealed", sealed: { key: device.key, boxes }, isVerified: known.isVerified };
    } catch {
      return { how: "refused", why: `a key of ${harmless(name)} can't be used` };
    }
  }

  /** Opens a sealed offer, or returns a sentence that explains why it can't be opened. */
  async openOffer(
    from: string,
    sealed: Sealed,
  ): Promise<{ content: Uint8Array; state: "verified" | "unverified" } | string> {
    const device = this.#device;
    if (device === undefined) return "this client has no key";
    const box = sealed.boxes.find(({ key }) => key === device.key)?.box;
    if (box === undefined) return "it is for other devices of yours";
    const context = sealContext(from, this.#session.name ?? "", "file offer");
    const content = await device.sealer.open(box, sealed.key, context);
    if (content === undefined) return `it is damaged, or not from ${harmless(from)} to you`;
    if (this.#isSelf(from)) {
      const siblings = (await this.#copies?.self())?.siblings ?? [];
      return siblings.includes(sealed.key) ? { content, state: "verified" } : strangeDevice;
    }
    const state = await this.#senderState(from, sealed.key, device);
    if (state !== "changed") return { content, state };
    const advice = `ask ${harmless(from)}, best with /verify ${harmless(from)}`;
    return `it was sealed with a key of ${harmless(from)} that you do not know: ${advice}`;
  }

  /** Handles private messages and answers to its own requests; false for any other event. */
  handleEvent(event: SessionEvent): boolean {
    switch (event.type) {
      case "private":
        this.#arrived(event);
        return true;
      case "copied":
        this.#copyArrived(event);
        return true;
      case "account-changed":
        this.#copies?.forget();
        return false;
      case "online":
        this.#isRegistered = event.registered;
        this.#copies?.handleOnline(event.registered);
        this.#send();
        return false;
      case "response": {
        const { ref, response } = event;
        if (response.type === "registered") {
          this.#isRegistered = true;
          this.#copies?.forget();
        }
        // This device may have revoked another one.
        if (response.type === "devices") this.#copies?.forget();
        return response.type === "keys" && this.#answered(ref, response);
      }
      case "error": {
        const { ref, type, code, message } = event;
        return ref !== undefined && this.#answered(ref, { type, code, message });
      }
      default:
        return false;
    }
  }

  /** Accepts the last refused keys as that person's. */
  accept(name: string): void {
    const keys = this.#refused.get(fold(name));
    if (keys === undefined) {
      return this.#output.note(`There is no changed key of ${harmless(name)} to be accepted`);
    }
    const known = keys.length === 0 ? undefined : { keys, isVerified: false };
    if (!this.#remember(name, known)) return;
    this.#refused.delete(fold(name));
    this.#output.note(
      known === undefined
        ? `${harmless(name)} no longer has a key: the server can read what you send`
        : `Accepted: send the message again. /verify ${harmless(name)} compares the new keys`,
    );
  }

  /** Marks keys that two people have compared as verified. */
  verify(name: string, keys: readonly string[]): void {
    if (!this.#remember(name, { keys, isVerified: true })) return;
    this.#refused.delete(fold(name));
    this.#output.note(`The keys of ${harmless(name)} are verified now, and remembered`);
  }

  /**
   * Resolves when nothing is being sealed or opened. Jobs that wait for the connection keep
   * waiting.
   */
  async settled(): Promise<void> {
    await this.#sending;
    await this.#opening;
  }

  #sendPlain(job: Job, to: readonly string[]): void {
    this.#finish(job, this.#session.tell(to, job.text, { kind: job.kind }), to);
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
    if (this.#sending !== undefined || this.#jobs.length === 0) return;
    this.#sending = this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    try {
      for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
        if (await this.#sendJob(job)) this.#jobs.shift();
        else if (!this.#session.online) return;
      }
    } finally {
      // Cleared immediately: a job that is added now has to start a new run.
      this.#sending = undefined;
    }
  }

  /** False: the connection was lost, nothing was sent, and the job must be retried later. */
  async #sendJob(job: Job): Promise<boolean> {
    const names = new Map(job.to.map((name) => [fold(name), name]));
    const verdicts: Verdict[] = [];
    for (const name of names.values()) verdicts.push(await this.#judge(name));
    if (verdicts.some(({ how }) => how === "offline")) return false;
    const plain: string[] = [];
    for (const verdict of verdicts) {
      if (verdict.how === "plain") plain.push(verdict.name);
      else if (verdict.how === "refused") this.#refuse(job, verdict.why);
      else if (verdict.how === "sealed") await this.#sendSealed(verdict, job);
    }
    if (plain.length > 0) this.#sendPlain(job, plain);
    return true;
  }

  async #judge(name: string): Promise<Verdict> {
    const device = this.#device;
    if (device === undefined || fold(name) === "all") return { how: "plain", name };
    try {
      const canSeal = await this.#canSeal();
      if (canSeal === undefined) return { how: "offline" };
      if (!canSeal) return withoutKey(name, device.people.find(name));
      const answer = await this.#ask(name);
      if (answer === undefined) return { how: "offline" };
      return this.#judgeAnswer(name, answer, device.people.find(name));
    } catch (error) {
      if (error instanceof ParleyError) return { how: "refused", why: error.message };
      throw error;
    }
  }

  #isSelf(name: string): boolean {
    return fold(name) === fold(this.#session.name ?? "");
  }

  /** For the user's own other devices: those that this one knows by itself. */
  async #judgeSelf(name: string): Promise<Verdict> {
    if (this.#device === undefined || !this.#isRegistered) return { how: "plain", name };
    const self = await this.#copies?.self();
    if (self === undefined) return { how: "offline" };
    if (!self.isListed) return { how: "plain", name };
    if (self.siblings.length === 0) return { how: "refused", why: noSiblings };
    const known = { keys: self.siblings, isVerified: true };
    return { how: "sealed", name, known, isNew: false };
  }

  /** Whether others can learn whose key this is. Undefined: offline. */
  async #canSeal(): Promise<boolean | undefined> {
    return this.#isRegistered ? (await this.#copies?.self())?.isListed : false;
  }

  #judgeAnswer(name: string, answer: Answer, known: KnownKeys | undefined): Verdict {
    if (answer.type === "error") {
      // The server will repeat this error for the message itself.
      if (known === undefined && answer.code === "unknown-user") return { how: "plain", name };
      return { how: "refused", why: harmless(answer.message) };
    }
    const keys = answer.registered ? [...new Set(answer.keys)] : [];
    const isAbout = fold(answer.name) === fold(name);
    if (!isAbout || (keys.length > 0 && !areKeys(keys))) {
      return { how: "refused", why: `the server gives no valid keys for ${harmless(name)}` };
    }
    if (known === undefined) {
      if (keys.length === 0) return { how: "plain", name };
      const first = { keys, isVerified: false };
      this.#device?.people.remember(name, first);
      return { how: "sealed", name, known: first, isNew: true };
    }
    const now = { ...known, keys };
    const change = compareKeys(known.keys, keys);
    if (change === "changed" && this.#areVouched(name, known, keys, answer.vouches)) {
      this.#acceptVouched(name, now);
    } else if (change === "changed") {
      this.#refused.set(fold(name), keys);
      return { how: "refused", why: this.#changedText(name, known, keys) };
    }
    if (change === "fewer") this.#device?.people.remember(name, now);
    return { how: "sealed", name, known: now, isNew: false };
  }

  /**
   * Whether known devices vouch for all new ones. What was said of or by a device that is gone no
   * longer counts: a server could repeat it.
   */
  #areVouched(
    name: string,
    known: KnownKeys,
    keys: readonly string[],
    vouches: readonly Vouch[] = [],
  ): boolean {
    const device = this.#device;
    if (device === undefined || keys.length === 0) return false;
    const gone = new Set(known.gone);
    const counting = vouches.filter(({ key, by }) => !gone.has(key) && !gone.has(by));
    return areVouched(name, known.keys, keys, counting, device.verify);
  }

  #acceptVouched(name: string, known: KnownKeys): void {
    if (!this.#remember(name, known)) return;
    this.#refused.delete(fold(name));
    const shown = harmless(name);
    this.#output.note(`${shown} has a new device; a device that you know vouches for it`);
  }

  /** Whether an unknown key belongs to a device that known devices vouch for. */
  async #isNewDevice(name: string, key: string): Promise<boolean> {
    const people = this.#device?.people;
    const known = people?.find(name);
    // Otherwise what they send could fill the list; writing to them accepts the device, too.
    if (known?.isVerified !== true && people?.takesStrangers !== true) return false;
    const answer = await this.#ask(name);
    if (known === undefined || answer?.type !== "keys" || !answer.registered) return false;
    const keys = [...new Set(answer.keys)];
    if (fold(answer.name) !== fold(name) || !areKeys(keys) || !keys.includes(key)) return false;
    if (!this.#areVouched(name, known, keys, answer.vouches)) return false;
    this.#acceptVouched(name, { ...known, keys });
    return true;
  }

  #changedText(name: string, known: KnownKeys, keys: readonly string[]): string {
    const shown = harmless(name);
    if (keys.length === 0) {
      return (
        `${shown} had a key, and the server now says that there is none. Ask ${shown} in another ` +
        `way. After /accept-key ${shown}, the server can read what you send`
      );
    }
    const added = keys.filter((key) => !known.keys.includes(key)).length;
    const what = added === keys.length ? "other keys than before" : "a new device";
    return (
      `${shown} has ${what}, or the server is slipping in a key of its own. Ask ${shown}, best with ` +
      `/verify ${shown} (the new words: ${this.#device?.wordsOf(keys)}). Then /accept-key ${shown}`
    );
  }

  async #sendSealed(
    { name, known, isNew }: Extract<Verdict, { how: "sealed" }>,
    job: Job,
  ): Promise<void> {
    const device = this.#device;
    if (device === undefined) return;
    const { text, kind } = job;
    const content = encodeSealed({ ...this.#nextStamp(device), text });
    const context = sealContext(this.#session.name ?? "", name);
    let boxes: { key: string; box: string }[];
    try {
      boxes = await this.#boxes(device, known.keys, content, context);
    } catch {
      return this.#refuse(job, `a key of ${harmless(name)} can't be used`);
    }
    const chars = boxes.reduce((sum, { box }) => sum + box.length, 0);
    if (chars > limits.maxChars) {
      const why = `the message is too long to be sealed for ${boxes.length} devices`;
      return this.#refuse(job, `${why}. Send it in parts`);
    }
    const sealed = { key: device.key, boxes };
    const copies = await this.#copies?.seal(name, content, chars);
    const seal: Seal = { state: known.isVerified ? "verified" : "unverified" };
    const result = this.#session.tell([name], text, { kind, sealed, copies });
    this.#finish(job, result, [name], seal);
    if (isNew) this.#output.note(firstContact(name));
  }

  /**
   * Times strictly increase, so that the recipient can tell messages older than the last one; also
   * after a restart, before which the clock may have been ahead.
   */
  #nextStamp({ key, seen, now, newId }: SealingDevice): { id: string; timeMs: number } {
    const id = newId();
    const nowMs = now();
    const timeMs = Math.max(nowMs, seen.latestMs(key) + 1);
    seen.add(key, id, timeMs, nowMs);
    return { id, timeMs };
  }

  /** @throws if one of the keys is unusable */
  async #boxes(
    { sealer }: SealingDevice,
    keys: readonly string[],
    content: Uint8Array,
    context: string,
  ): Promise<{ key: string; box: string }[]> {
    const boxes: { key: string; box: string }[] = [];
    for (const key of keys) boxes.push({ key, box: await sealer.seal(content, key, context) });
    return boxes;
  }

  #arrived(event: Private): void {
    // There is nothing to wait for.
    if (event.sealed === undefined && this.#unopened === 0) return this.#output.deliver(event);
    if (this.#unopened >= limits.maxUnopened) {
      return this.#output.deliver(unopened(event, "too many arrived at once"));
    }
    this.#unopened++;
    this.#opening = this.#opening.then(async () => {
      const opened = event.sealed === undefined ? event : await this.#open(event);
      this.#unopened--;
      this.#output.deliver(opened);
    });
  }

  #copyArrived(event: Copied): void {
    const copies = this.#copies;
    if (copies === undefined || this.#unopened >= limits.maxUnopened) return;
    this.#unopened++;
    this.#opening = this.#opening.then(async () => {
      const opened = await copies.open(event);
      this.#unopened--;
      if (opened !== undefined) this.#output.copied(opened);
    });
  }

  /** The message with its text, or with the reason why it can't be opened. */
  async #open(event: Private): Promise<Private> {
    const { sealed, from } = event;
    const device = this.#device;
    if (sealed === undefined) return event;
    if (device === undefined) return unopened(event, "this client has no key");
    const box = sealed.boxes.find(({ key }) => key === device.key)?.box;
    if (box === undefined) return unopened(event, "it is for other devices of yours");
    const context = sealContext(from, this.#session.name ?? "");
    const content = await device.sealer.open(box, sealed.key, context);
    const found = content === undefined ? undefined : decodeSealed(content);
    if (found === undefined) {
      const why = `it is damaged, or not from ${harmless(from)} to you`;
      return unopened(event, why);
    }
    const { id, timeMs, text } = found;
    const freshness = device.seen.check(sealed.key, id, timeMs);
    if (freshness === "repeated") return unopened(event, "this device has received it before");
    if (freshness === "old") return unopened(event, "it is too old to tell whether it is a repeat");
    device.seen.add(sealed.key, id, timeMs, device.now());
    return { ...event, text, seal: { state: await this.#senderState(from, sealed.key, device) } };
  }

  /** Whether that key is a known key of the sender. */
  async #senderState(
    name: string,
    key: string,
    { people }: SealingDevice,
  ): Promise<"verified" | "unverified" | "changed"> {
    try {
      const known = people.find(name);
      if (known !== undefined) {
        if (!known.keys.includes(key) && !(await this.#isNewDevice(name, key))) return "changed";
        return known.isVerified ? "verified" : "unverified";
      }
      if (!people.takesStrangers) return "unverified";
      const answer = await this.#ask(name);
      if (answer?.type !== "keys" || !answer.registered || !answer.keys.includes(key)) {
        return "unverified";
      }
      const keys = [...new Set(answer.keys)];
      // Another message may have been sent to them meanwhile.
      if (fold(answer.name) === fold(name) && areKeys(keys) && people.find(name) === undefined) {
        people.remember(name, { keys, isVerified: false });
        this.#output.note(firstContact(name));
      }
      return "unverified";
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#output.note(error.message);
      return "unverified";
    }
  }

  /** The server's answer; undefined if the connection was lost. */
  async #ask(name: string): Promise<Answer | undefined> {
    const ref = this.#session.request({ type: "keys", name });
    if (ref === undefined) {
      if (!this.#session.online) return undefined;
      return { type: "error", code: "rate", message: "too many requests are open: try again" };
    }
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#asked.set(ref, resolve);
    this.#output.applyOutputs();
    const answer = await promise;
    return answer.type === "error" && answer.code === "cannot-connect" ? undefined : answer;
  }

  #answered(ref: number, answer: Answer): boolean {
    const resolve = this.#asked.get(ref);
    this.#asked.delete(ref);
    resolve?.(answer);
    return resolve !== undefined;
  }

  #remember(name: string, known: KnownKeys | undefined): boolean {
    try {
      this.#device?.people.remember(name, known);
      return this.#device !== undefined;
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#output.note(error.message);
      return false;
    }
  }
}

function unopened(event: Private, reason: string): Private {
  return { ...event, text: "", seal: { state: "unopened", reason } };
}

/** People with a known key never receive plain text unless the user accepts that. */
function withoutKey(name: string, known: KnownKeys | undefined): Verdict {
  if (known === undefined) return { how: "plain", name };
  const why =
    `you know a key of ${harmless(name)}'s, but your own name is not registered with this device's ` +
    "key, so the message can't be sealed: /register, or log in with your registered name";
  return { how: "refused", why };
}

function firstContact(name: string): string {
  const shown = harmless(name);
  return `First contact with ${shown}: trusting the key that the server reports. /verify ${shown} compares it`;
}

const noSiblings =
  "this device knows no other device of yours: /devices add on one of them connects the two";

const strangeDevice =
  "it is said to be from another device of yours, which this one does not know: to connect the two, " +
  "revoke one on the other (/devices revoke), and add it again";
