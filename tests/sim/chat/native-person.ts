// A user of a native client: the real client session, which talks, joins, parts, loses its
// connection and returns. Everything it reports to its user is checked against the truth.

import type { SessionEvent, SessionOutput, SessionPosition } from "../../../src/client/events.ts";
import { ClientSession } from "../../../src/client/session.ts";
import { LineSplitter } from "../../../src/line-splitter.ts";
import { Connection } from "./connection.ts";
import { KeptName } from "./kept-name.ts";
import { MemberLists } from "./member-lists.ts";
import { fail, seal, textOf, type Token, type Truth } from "./truth.ts";
import { Offering } from "./offering.ts";
import { PastRequests } from "./past-requests.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";

export class NativePerson {
  readonly #world: Surroundings;
  readonly offering: Offering;
  readonly #past: PastRequests;
  #session: ClientSession;
  #connection: Connection | undefined;
  #timerMs = Infinity;
  /** Counts lives of the session, so that events scheduled for an earlier one are skipped. */
  #life = 0;
  readonly #tokens = new Map<number, Token>();
  /**
   * The last number received in each room and in the mailbox; undefined: any number may come next.
   */
  readonly #heard = new Map<string, number | undefined>();
  /** The texts that it shows, as `ROOM SEQ`. */
  readonly #shown = new Set<string>();
  readonly #lists: MemberLists;
  #mail: number | undefined;
  /** The epoch of the log that those numbers belong to. */
  #epoch: string | undefined;
  isOnline = false;
  readonly keptName: KeptName;
  /** The server that it is, or was last, connected to. */
  connectedTo: ServerProcess | undefined;
  /** The address of the server that it connects to next. */
  #nextAddress: string | undefined;
  /** It has the secret of an earlier life, but does not know about that life. */
  #isForgetful = false;
  /** It was told that the server no longer has everything that was said in its absence. */
  #knowsOfLoss = false;
  /** Another client has the same secret: the meaning of an acknowledgement is unknown. */
  isShared = false;
  /** The reason why the session has ended. */
  ended: string | undefined;

  constructor(
    world: Surroundings,
    readonly name: string,
    readonly address: string,
    readonly secret = `secret-of-${name}-0123456789`,
    /** Tries another name with each session. */
    readonly takesAnyName = false,
  ) {
    this.#world = world;
    this.offering = new Offering(name, world.random, () => world.clock.nowMs);
    this.#past = new PastRequests(world, name);
    this.#lists = new MemberLists(name);
    this.keptName = new KeptName(name);
    this.#session = this.#newSession(undefined);
    this.#act((session) => session.start(world.clock.nowMs));
  }

  /** One random action. */
  doSomething(): void {
    const { random } = this.#world;
    const dice = random();
    if (this.ended !== undefined) return this.#comeBack(undefined);
    if (dice < 0.6) this.#say(1 + Math.floor(random() * (random() < 0.1 ? 40 : 3)));
    else if (dice < 0.74) this.tell(this.#world.anyRecipient());
    else if (dice < 0.8) this.#act((session) => session.join(this.#anyRoom()));
    else if (dice < 0.84) this.#part();
    else if (dice < 0.86) this.#rename();
    else if (dice < 0.88) this.#chat();
    else if (dice < 0.92) this.#handOver();
    else if (dice < 0.95) this.#cut();
    else if (dice < 0.97) this.#restart();
    else if (dice < 0.98) this.#act((session) => session.leave());
    else this.#readPast();
  }

  /** Everything this client has sent is settled. */
  get isQuiet(): boolean {
    return this.ended !== undefined || (this.isOnline && this.#session.unacknowledged === 0);
  }

  /** It is connected, and nothing is in transit. */
  get isConnectionQuiet(): boolean {
    return this.isOnline && this.#connection?.isQuiet === true;
  }

  /** At the end, once healed: it has received everything in its rooms. */
  checkCaughtUp(truth: Truth): void {
    if (!this.isOnline) fail(`${this.name} is not online`);
    for (const room of this.#session.rooms) {
      const shown = truth.erasedIn(room).find((seq) => this.#shown.has(`${room} ${seq}`));
      if (shown !== undefined) fail(`${this.name} shows ${shown} of ${room}, which was deleted`);
      const heard = this.#heard.get(room);
      const said = truth.rooms.get(room)?.length ?? 0;
      if (heard === undefined || heard === said) continue;
      // None of what it missed is kept, and its client has said so.
      if (this.#knowsOfLoss && this.#world.firstKept(room) > said) continue;
      fail(`${this.name} has heard ${heard} of ${said} in ${room}`);
    }
    const mailed = truth.mail.get(this.#mailbox)?.length ?? 0;
    if (this.#mail === undefined || this.#mail === mailed) return;
    if (this.#knowsOfLoss && this.#world.mailKeptAfter(this.#mailbox, this.#mail) === 0) return;
    fail(`${this.name} has heard ${this.#mail} of ${mailed} private messages`);
  }

  /** The lists that it shows are those of its server. */
  checkMembers(): void {
    this.#lists.check(this.isConnectionQuiet, this.#world.clock.nowMs);
  }

  /** Gives up a name that another client wants to return under. */
  goHome(): void {
    const { name } = this.#session;
    if (this.isOnline && name !== this.name && name !== `${this.name}-home`) {
      this.#act((session) => session.request({ type: "rename", name: `${this.name}-home` }));
    }
  }

  leave(): void {
    this.#act((session) => session.leave());
  }

  get #mailbox(): string {
    return `hash of ${this.secret}`;
  }

  #newSession(since: SessionPosition | undefined): ClientSession {
    this.#life++;
    this.#tokens.clear();
    this.#isForgetful = since === undefined;
    const rooms = since?.rooms.map(({ room }) => room) ?? ["lobby"];
    return new ClientSession({
      name: this.takesAnyName ? this.#world.anyName() : this.name,
      rooms,
      secret: this.secret,
      random: this.#world.random,
      takesFiles: true,
      ...(since === undefined ? {} : { since }),
    });
  }

  #say(times: number): void {
    const room = this.#ownRoom();
    if (room === undefined) return;
    for (let i = 0; i < times; i++) {
      const token = this.#world.truth.token(this.name, room, []);
      this.#queue(token, (session) => session.say(room, this.#world.truth.text(token)));
    }
  }

  tell(recipient: string): void {
    if (this.ended !== undefined) return;
    const { truth, random } = this.#world;
    const to = [recipient];
    if (random() < 0.3) to.push(this.#world.anyName());
    const token = truth.token(this.name, undefined, to);
    const text = truth.text(token);
    const isSealed = to.length === 1 && random() < 0.3;
    this.#queue(token, (session) =>
      isSealed ? session.tell(to, "", { sealed: seal(text) }) : session.tell(to, text),
    );
  }

  #chat(): void {
    const { truth, random } = this.#world;
    const { partner } = this.#session;
    if (partner === undefined) {
      const request =
        random() < 0.6
          ? ({ type: "accept" } as const)
          : { type: "invite" as const, to: this.#world.anyName() };
      this.#act((session) => session.request(request));
    } else if (random() < 0.3) this.#act((session) => session.request({ type: "leave" }));
    else {
      const token = truth.token(this.name, undefined, [partner]);
      this.#queue(token, (session) => session.sayToPartner(truth.text(token)));
    }
  }

  #readPast(): void {
    const room = this.#ownRoom();
    const heard = room === undefined ? undefined : this.#heard.get(room);
    if (room === undefined || heard === undefined) return;
    this.#act((session) => this.#past.request(session, room, heard));
  }

  #handOver(): void {
    const to = this.#world.anyName();
    this.#act((session) => this.offering.act(session, to));
  }

  /** To the server where a recipient of files is. */
  #moveTo(address: string): void {
    const { clock } = this.#world;
    this.#nextAddress = address;
    this.#connection?.leave(20);
    this.#connection = undefined;
    this.#act((session) => session.handleLost("closed", clock.nowMs));
  }

  #rename(): void {
    const { random } = this.#world;
    const dice = random();
    const own = dice < 0.4 ? this.name : `${this.name}-too`;
    const name = dice < 0.7 ? own : this.#world.anyName();
    this.#act((session) => session.request({ type: "rename", name }));
  }

  #queue(token: Token, say: (session: ClientSession) => number | string): void {
    this.#act((session) => {
      const id = say(session);
      if (typeof id === "number") this.#tokens.set(id, token);
      else this.#world.truth.failed(token);
    });
  }

  #cut(): void {
    const { random } = this.#world;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.cut(random() * 3_000, random() < 0.3 ? 60_000 : random() * 5_000);
  }

  /** The program is killed and restarted: it knows its position, but not what was in flight. */
  #restart(): void {
    const { position } = this.#session;
    this.#connection?.leave(this.#world.random() * 2_000);
    this.#connection = undefined;
    this.#comeBack(this.#world.random() < 0.7 ? position : undefined);
  }

  #comeBack(position: SessionPosition | undefined): void {
    this.isOnline = false;
    this.ended = undefined;
    // A client that has just started is not told of what is no longer kept.
    this.#knowsOfLoss = position !== undefined;
    this.offering.forget();
    this.#timerMs = Infinity;
    this.#session = this.#newSession(position);
    this.#heard.clear();
    if (position === undefined) this.#shown.clear();
    this.#lists.forget();
    this.#mail = position?.mail;
    this.#epoch = position?.epoch;
    for (const { room, seq } of position?.rooms ?? []) this.#heard.set(room, seq);
    this.#act((session) => session.start(this.#world.clock.nowMs));
  }

  #leftRoom(room: string): void {
    this.#heard.delete(room);
    for (const place of this.#shown) if (place.startsWith(`${room} `)) this.#shown.delete(place);
  }

  #ownRoom(): string | undefined {
    const { rooms } = this.#session;
    return rooms[Math.floor(this.#world.random() * rooms.length)];
  }

  #part(): void {
    const room = this.#session.rooms.includes("studio") ? "studio" : this.#ownRoom();
    this.#act((session) => session.part(room ?? "lobby"));
  }

  #anyRoom(): string {
    if (this.#world.random() < 0.02) return "studio";
    return ["lobby", "den", "attic", "hall"][Math.floor(this.#world.random() * 4)]!;
  }

  #act(act: (session: ClientSession) => void): void {
    const life = this.#life;
    act(this.#session);
    // Received data may cause requests.
    for (let outputs = this.#session.pollOutputs(); outputs.length > 0;) {
      for (const output of outputs) {
        if (life !== this.#life) return;
        this.#carryOut(output);
      }
      outputs = this.#session.pollOutputs();
    }
    if (this.isOnline) this.keptName.note(this.#session.name, this.#world.clock.nowMs);
    this.#schedule();
    const address = this.offering.takeAddress();
    if (address !== undefined) this.#moveTo(address);
  }

  #carryOut(output: SessionOutput): void {
    switch (output.type) {
      case "connect":
        return this.#connect();
      case "send":
        this.#world.trace(this.name, ">", output.line);
        return this.#connection?.send(output.line);
      case "event":
        return this.#hear(output.event);
      case "close":
        this.#connection?.leave(20);
        this.#connection = undefined;
    }
  }

  #schedule(): void {
    const dueMs = this.#session.nextTimeoutMs ?? Infinity;
    if (dueMs >= this.#timerMs || dueMs === Infinity) return;
    this.#timerMs = dueMs;
    const life = this.#life;
    const { clock } = this.#world;
    clock.after(dueMs - clock.nowMs, () => {
      if (life !== this.#life || this.#timerMs !== dueMs) return;
      this.#timerMs = Infinity;
      this.#act((session) => session.handleTimeout(clock.nowMs));
    });
  }

  #connect(): void {
    const life = this.#life;
    const { clock, random } = this.#world;
    clock.after(1 + random() * 30, () => {
      if (life !== this.#life) return;
      const address = this.#nextAddress;
      this.#nextAddress = undefined;
      const there = address === undefined ? undefined : this.#world.serverAt?.(address);
      const process = there ?? this.#world.server;
      if (process === undefined || process.isClosed) {
        return this.#act((session) => session.handleLost("refused", clock.nowMs));
      }
      const splitter = new LineSplitter(16 * 1024 * 1024);
      const connection: Connection = new Connection(
        process,
        this.#world.native,
        this.address,
        random,
        {
          received: (bytes) => {
            splitter.push(bytes, (line) => {
              if (this.#connection !== connection || life !== this.#life) return false;
              this.#world.trace(this.name, "<", line);
              this.#act((session) => session.handleLine(line, clock.nowMs));
              return true;
            });
          },
          closed: () => {
            if (life !== this.#life) return;
            if (this.#connection === connection) this.#connection = undefined;
            else if (this.#connection !== undefined) return;
            this.#act((session) => session.handleLost("closed", clock.nowMs));
          },
        },
      );
      this.#world.watch(connection, process);
      this.#connection = connection;
      this.connectedTo = process;
      this.#lists.follow(process);
      this.#act((session) => session.handleConnected(clock.nowMs));
    });
  }

  /** In another log the numbers start anew; the whole mailbox is new. */
  #followEpoch(): void {
    const epoch = this.#session.position?.epoch;
    const isOther = this.#epoch !== undefined && epoch !== this.#epoch;
    this.#epoch = epoch;
    if (!isOther) return;
    for (const room of this.#heard.keys()) this.#heard.set(room, undefined);
    // Nothing in this log can delete the messages of another one.
    this.#shown.clear();
    if (this.#mail !== undefined) this.#mail = 0;
  }

  /** Like the page: each list replaces the previous one, and changes are applied to it. */
  #showMembers(event: SessionEvent): void {
    if (event.type === "online") {
      this.#lists.forget();
      for (const room of event.rooms) this.#listMembers(room);
    } else if (event.type === "entered") this.#listMembers(event.room);
    else if (event.type === "parted") this.#lists.parted(event.room);
    else if (event.type === "joined") this.#lists.joined(event.room, event.name);
    else if (event.type === "left") this.#lists.left(event.room, event.name);
    else if (event.type === "renamed" && event.room !== undefined) {
      this.#lists.renamed(event.from, event.to, event.room);
    } else if (event.type === "response" && event.response.type === "names") {
      this.#lists.listed(event.response.room, event.response.names);
    }
  }

  #listMembers(room: string): void {
    this.#lists.await(room);
    this.#session.request({ type: "who", room });
  }

  /** Private messages that are no longer kept are left out. */
  #checkFollows(mail: number, before: number): void {
    const { truth } = this.#world;
    const sent = truth.mail.get(this.#mailbox)?.length ?? 0;
    const areKept = this.#world.mailKeptAfter(this.#mailbox, before) >= sent - before;
    const next = truth.nextMail(this.#mailbox, before);
    const follows = areKept ? mail === next : mail > before;
    if (!follows) fail(`${this.name} hears mail ${mail} after ${before}, not ${next}`);
  }

  #hear(event: SessionEvent): void {
    const { truth } = this.#world;
    this.#world.trace(this.name, "!", event);
    this.#showMembers(event);
    // Its requests are carried out with the outputs being read.
    this.offering.hear(event, this.#session);
    switch (event.type) {
      case "online":
        this.isOnline = true;
        this.#followEpoch();
        for (const room of this.#heard.keys()) {
          if (!event.rooms.includes(room)) this.#leftRoom(room);
        }
        this.#world.entered(this.name, event.name);
        return;
      case "reconnected":
        this.#knowsOfLoss = !event.recovered;
        return;
      case "offline":
        this.isOnline = false;
        return;
      case "ended":
        this.isOnline = false;
        this.ended = event.code;
        if (event.code === "replaced" && this.#world.isShared === true && !this.#isForgetful) {
          fail(`${this.name} was put out by an earlier connection of its own`);
        }
        return;
      case "entered":
        this.#heard.set(event.room, undefined);
        return;
      case "parted":
        this.#leftRoom(event.room);
        for (const token of this.#tokens.values())
          if (token.room === event.room) token.orphaned = true;
        return;
      case "response":
        return this.#past.hear(event.ref, event.response);
      case "gap": {
        const heard = this.#heard.get(event.room);
        if (heard !== undefined && event.from !== heard + 1)
          fail(`${this.name}: a gap from ${event.from} after ${heard}`);
        this.#heard.set(event.room, event.to);
        return;
      }
      case "message": {
        const { room, seq, text, deleted = false } = event;
        const heard = this.#heard.get(room);
        const isTrimmed = heard !== undefined && seq > heard && seq <= this.#world.firstKept(room);
        if (heard !== undefined && seq !== heard + 1 && !isTrimmed)
          fail(`${this.name} hears ${seq} of ${room} after ${heard}`);
        this.#heard.set(room, seq);
        if (deleted) return truth.heardDeleted(this.name, room, seq);
        truth.heard(this.name, room, { seq, text, nowMs: this.#world.clock.nowMs });
        this.#shown.add(`${room} ${seq}`);
        return;
      }
      case "deleted":
        this.#shown.delete(`${event.room} ${event.seq}`);
        return;
      case "private": {
        const { mail } = event;
        if (this.#mail !== undefined) this.#checkFollows(mail, this.#mail);
        this.#mail = mail;
        truth.heardPrivate(this.name, this.#mailbox, mail, textOf(event));
        return;
      }
      case "acknowledged":
        for (const [id, token] of this.#tokens) {
          if (id > event.id) continue;
          this.#tokens.delete(id);
          if (token.state !== "sent" || this.isShared) continue;
          truth.acknowledged(token);
        }
        return;
      case "failed": {
        const token = this.#tokens.get(event.id);
        this.#tokens.delete(event.id);
        if (token !== undefined && !this.isShared) truth.failed(token);
        return;
      }
      default:
        return;
    }
  }
}
