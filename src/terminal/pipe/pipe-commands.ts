// Carries out the commands of `--json-in`, one after the other, and answers each once its outcome
// is known: stored by the server, refused, fetched. Knows neither stdin nor stdout.

import { fold } from "../../chat/names/grammar.ts";
import type { NativeSession, SessionEvent, Unsayable } from "../../client/events.ts";
import type { TellOutcome } from "../../client/private-messages.ts";
import { type ErrorCode, isErrorCode, ParleyError } from "../../errors.ts";
import { message as messages, terminal as limits } from "../../limits.ts";
import type { MessageKind, Ref } from "../../protocol/messages.ts";
import { harmless } from "../../text.ts";
import { type PipeCommand, readPipeCommand } from "./pipe-command.ts";

/** A fetched file, as reported in the answer. */
export type FetchedFile = { path: string; size: number };

/** Files that were delivered, as reported in the answer. */
export type SentFiles = { files: number; size: number };

/** The same for the shared folder, with their names there; of many, only the first. */
export type SharedFiles = SentFiles & { names: readonly string[] };

export type PipeCommandsParts = {
  session: Pick<NativeSession, "say" | "join" | "part" | "rooms" | "textChars">;
  /** The room of `--room`, for commands that name none. */
  ownRoom: string;
  /** Sends one private message; resolves when the session has it. */
  tell: (name: string, text: string, kind: MessageKind | undefined) => Promise<TellOutcome>;
  /** @throws ParleyError */
  fetch: (name: string) => Promise<FetchedFile>;
  /** Resolves when the recipient has verified everything. @throws ParleyError */
  send: (paths: readonly string[], to: string) => Promise<SentFiles>;
  /** Resolves when the files are in the shared folder. @throws ParleyError */
  share: (paths: readonly string[], room: string) => Promise<SharedFiles>;
  /** Resolves when the session accepts another message; false: it never will. */
  room: () => Promise<boolean>;
  applyOutputs: () => void;
  /** Prints an object. */
  answer: (object: object) => void;
  /** A command failed; the exit code will reflect it. */
  failed: (code: ErrorCode) => void;
  /** An open command is done. */
  settled: () => void;
};

type Of<Do extends PipeCommand["do"]> = Extract<PipeCommand, { do: Do }>;

/** A command whose outcome is not known yet. */
type Open = { readonly line: number; readonly ref: Ref | undefined };

type OpenSay = Open & {
  kind: "say";
  room: string;
  isStored: boolean;
  seq: number | undefined;
  /** Whether it will be heard in its room, with its number. */
  hasEcho: boolean;
};
type OpenTell = Open & {
  kind: "tell";
  to: readonly string[];
  isSealed: boolean;
  /**
   * Messages that are neither stored nor refused yet. Final once all recipients have had their turn
   * (`isSpoken`).
   */
  waiting: number;
  isSpoken: boolean;
  problem: { code: string; message: string } | undefined;
  /** The recipients that it did not reach. */
  missed: string[];
};

export class PipeCommands {
  readonly #parts: PipeCommandsParts;
  /** By message ID; for a `tell`, together with the recipient of that message. */
  readonly #messages = new Map<number, OpenSay | { tell: OpenTell; name: string }>();
  #entering: { open: Open; folded: string; answered: () => void } | undefined;
  /** The messages to a room that is left once they are answered. */
  #leaving: { ids: Set<number>; answered: () => void } | undefined;
  #fetches: Promise<void> = Promise.resolve();
  #openFetches = 0;
  #openSends = 0;

  constructor(parts: PipeCommandsParts) {
    this.#parts = parts;
  }

  /** Number of commands that are not answered yet. */
  get open(): number {
    const files = this.#openFetches + this.#openSends;
    return this.#messages.size + (this.#entering === undefined ? 0 : 1) + files;
  }

  /** Whether the server has yet to answer; people may take days to accept files. */
  get isWaiting(): boolean {
    return this.#messages.size > 0 || this.#entering !== undefined;
  }

  /** Carries out a line. Resolves when the next one may be read; false if none may be. */
  async run(text: string, line: number): Promise<boolean> {
    const read = readPipeCommand(text);
    const open: Open = { line, ref: read.ref };
    if ("problem" in read) {
      this.#refuse(open, read.problem.code, read.problem.message);
      return true;
    }
    return this.#carryOut(open, read.command);
  }

  async #carryOut(open: Open, command: PipeCommand): Promise<boolean> {
    switch (command.do) {
      case "say":
        return this.#say(open, command);
      case "tell":
        return this.#tell(open, command);
      case "enter":
        await this.#enter(open, command);
        return true;
      case "part":
        await this.#part(open, command.room);
        return true;
      case "get":
        this.#get(open, command.file);
        return true;
      case "send":
        void this.#send(open, async () => {
          const { paths, to } = command;
          return { to, ...(await this.#parts.send(paths, to)) };
        });
        return true;
      case "share":
        void this.#send(open, async () => {
          const { paths, room = this.#ownRoom } = command;
          if (this.#roomCalled(room) === undefined)
            throw new ParleyError(...this.#unsayable("not-in-room", room));
          return { room, ...(await this.#parts.share(paths, room)) };
        });
        return true;
    }
  }

  /** Empty if the client is in no room at all. */
  get #ownRoom(): string {
    const { session, ownRoom } = this.#parts;
    return session.rooms.length === 0 ? "" : (this.#roomCalled(ownRoom) ?? ownRoom);
  }

  /** The room as the server spells it; undefined if the client is not in it. */
  #roomCalled(name: string): string | undefined {
    return this.#parts.session.rooms.find((room) => fold(room) === fold(name));
  }

  async #say(open: Open, { room: given, text, kind }: Of<"say">): Promise<boolean> {
    const { session, room, applyOutputs } = this.#parts;
    if (!(await room())) return false;
    const name = given ?? this.#ownRoom;
    const id = session.say(name, text, kind);
    if (typeof id === "number") {
      const unheard = { isStored: false, seq: undefined, hasEcho: true };
      this.#messages.set(id, { ...open, kind: "say", room: name, ...unheard });
    } else this.#refuseUnsayable(open, id, name);
    applyOutputs();
    return id !== "ended";
  }

  /** Each person is sent a separate message, so that one answer can list whom it did not reach. */
  async #tell(open: Open, { to, text, kind }: Of<"tell">): Promise<boolean> {
    const { room, tell } = this.#parts;
    const whole: OpenTell = {
      ...open,
      kind: "tell",
      to,
      isSealed: true,
      waiting: 0,
      isSpoken: false,
      problem: undefined,
      missed: [],
    };
    for (const name of to) {
      if (!(await room())) return false;
      const outcome = await tell(name, text, kind);
      if (outcome.how === "refused") this.#miss(whole, name, "not-allowed", outcome.why);
      else if (typeof outcome.result === "number") {
        whole.waiting++;
        whole.isSealed &&= outcome.seal !== undefined;
        this.#messages.set(outcome.result, { tell: whole, name });
      } else if (outcome.result === "ended") return false;
      else this.#miss(whole, name, ...this.#unsayable(outcome.result, name));
    }
    whole.isSpoken = true;
    this.#answerTell(whole);
    return true;
  }

  /** Later commands may need the room. */
  async #enter(
    open: Open,
    { room, key }: { room: string; key: string | undefined },
  ): Promise<void> {
    const { session, applyOutputs } = this.#parts;
    const folded = fold(room);
    const entered = this.#roomCalled(room);
    if (entered !== undefined) return this.#done(open, { room: entered });
    const answered = new Promise<void>((resolve) => {
      this.#entering = { open, folded, answered: resolve };
    });
    session.join(room, key);
    applyOutputs();
    await answered;
  }

  /** Waits until everything said in the room before has been answered. */
  async #part(open: Open, room: string): Promise<void> {
    const { session, applyOutputs } = this.#parts;
    const folded = fold(room);
    const ids = new Set(this.#saidIn(folded).map(([id]) => id));
    if (ids.size > 0) await new Promise<void>((answered) => (this.#leaving = { ids, answered }));
    const entered = this.#roomCalled(room);
    if (entered === undefined) {
      return this.#refuse(open, "not-in-room", `You are not in the room ${harmless(room)}`);
    }
    session.part(entered);
    applyOutputs();
    this.#done(open, { room: entered });
  }

  /** One at a time; other commands continue meanwhile. */
  #get(open: Open, name: string): void {
    if (this.#openFetches >= limits.maxOpenCommands) {
      const message = `At most ${limits.maxOpenCommands} files may wait to be fetched: wait for an answer`;
      return this.#refuse(open, "full", message);
    }
    this.#openFetches++;
    this.#fetches = this.#fetches.then(() => this.#fetch(open, name));
  }

  async #fetch(open: Open, name: string): Promise<void> {
    try {
      const { path, size } = await this.#parts.fetch(name);
      this.#done(open, { name, path, size });
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#refuse(open, error.code, error.message);
    } finally {
      this.#openFetches--;
      this.#parts.settled();
    }
  }

  /** Several at a time: each waits for an answer from the recipient. */
  async #send(open: Open, send: () => Promise<object>): Promise<void> {
    if (this.#openSends >= limits.maxOpenCommands) {
      const message = `At most ${limits.maxOpenCommands} offers may be open: wait for an answer`;
      return this.#refuse(open, "full", message);
    }
    this.#openSends++;
    try {
      this.#done(open, await send());
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#refuse(open, error.code, error.message);
    } finally {
      this.#openSends--;
      this.#parts.settled();
    }
  }

  /** Whether the event is answered here and must not be printed as well. */
  handleEvent(event: SessionEvent): boolean {
    switch (event.type) {
      case "acknowledged":
        for (const [id, entry] of this.#messages) {
          if (id > event.id) break;
          if (id === event.id && "kind" in entry) entry.seq ??= event.seq;
          this.#stored(id, entry);
        }
        return false;
      case "message":
        this.#heard(event.id, event.seq);
        return false;
      case "reconnected":
        // Earlier messages have arrived by now, without the ID that would identify them as this
        // client's.
        this.#finishStored();
        return false;
      case "parted":
        this.#loseEchoes(fold(event.room));
        return false;
      case "failed":
        return this.#failed(event.id, event.code, event.message);
      case "entered":
        this.#entered(event.room, (open) => this.#done(open, { room: event.room }));
        return false;
      case "join-failed": {
        const { room, code, message } = event;
        return this.#entered(room, (open) => this.#refuse(open, code, message));
      }
      default:
        return false;
    }
  }

  /** The echo carries the number, which a single acknowledgement of many messages does not. */
  #heard(id: number | undefined, seq: number): void {
    const entry = id === undefined ? undefined : this.#messages.get(id);
    if (id === undefined || entry === undefined || !("kind" in entry)) return;
    entry.seq = seq;
    if (entry.isStored) this.#finishSay(id, entry);
  }

  #stored(id: number, entry: OpenSay | { tell: OpenTell; name: string }): void {
    if ("kind" in entry) {
      entry.isStored = true;
      if (entry.seq !== undefined || !entry.hasEcho) this.#finishSay(id, entry);
      return;
    }
    this.#close(id);
    entry.tell.waiting--;
    this.#answerTell(entry.tell);
  }

  /** The client is no longer in that room. */
  #loseEchoes(folded: string): void {
    for (const [id, entry] of this.#saidIn(folded)) {
      entry.hasEcho = false;
      if (entry.isStored) this.#finishSay(id, entry);
    }
  }

  /** Messages to the room that are not answered yet. */
  #saidIn(folded: string): [id: number, entry: OpenSay][] {
    return [...this.#messages].flatMap(([id, entry]): [number, OpenSay][] =>
      "kind" in entry && fold(entry.room) === folded ? [[id, entry]] : [],
    );
  }

  #close(id: number): void {
    this.#messages.delete(id);
    const leaving = this.#leaving;
    if (leaving?.ids.delete(id) !== true || leaving.ids.size > 0) return;
    this.#leaving = undefined;
    leaving.answered();
  }

  #finishStored(): void {
    for (const [id, entry] of this.#messages) {
      if ("kind" in entry && entry.isStored) this.#finishSay(id, entry);
    }
  }

  #finishSay(id: number, entry: OpenSay): void {
    this.#close(id);
    const { room, seq } = entry;
    this.#done(entry, { room, seq });
  }

  #failed(id: number, code: string, message: string): boolean {
    const entry = this.#messages.get(id);
    if (entry === undefined) return false;
    this.#close(id);
    if ("kind" in entry) this.#refuse(entry, code, message);
    else {
      entry.tell.waiting--;
      this.#miss(entry.tell, entry.name, code, message);
      this.#answerTell(entry.tell);
    }
    return true;
  }

  #miss(whole: OpenTell, name: string, code: string, message: string): void {
    whole.problem ??= { code, message };
    whole.missed.push(name);
  }

  #answerTell(whole: OpenTell): void {
    const { to, waiting, isSpoken, isSealed, problem, missed } = whole;
    if (!isSpoken || waiting > 0) return;
    if (problem === undefined) this.#done(whole, { to, sealed: isSealed });
    else this.#refuse(whole, problem.code, problem.message, missed);
  }

  #entered(room: string, answer: (open: Open) => void): boolean {
    const entering = this.#entering;
    if (entering === undefined || entering.folded !== fold(room)) return false;
    this.#entering = undefined;
    answer(entering.open);
    entering.answered();
    return true;
  }

  #refuseUnsayable(open: Open, why: Unsayable, name: string): void {
    if (why !== "ended") this.#refuse(open, ...this.#unsayable(why, name));
  }

  #unsayable(why: Unsayable, name: string): [ErrorCode, string] {
    switch (why) {
      case "too-many-lines":
        return ["text-invalid", `A message has at most ${messages.maxTextLines} lines: split it`];
      case "too-long": {
        const { textChars } = this.#parts.session;
        return ["text-invalid", `A message has at most ${textChars} characters: split it`];
      }
      case "not-in-room":
        if (name === "") return ["not-in-room", "You are not in a room: enter one first"];
        return ["not-in-room", `You are not in the room ${harmless(name)}: enter it first`];
      default:
        return ["full", "Too many messages are queued: wait for an answer"];
    }
  }

  #done({ ref }: Open, fields: object): void {
    if (ref !== undefined) this.#parts.answer({ event: "done", ref, ...fields });
    this.#parts.settled();
  }

  #refuse({ ref, line }: Open, code: string, message: string, to?: readonly string[]): void {
    this.#parts.answer({ event: "error", ref, line, code, message: harmless(message), to });
    this.#parts.failed(isErrorCode(code) ? code : "failed");
    this.#parts.settled();
  }
}
