// A program that uses rooms over HTTP, by an access token: each request is a connection. What it
// has posted is where the answer says, the pages that it reads are the log, and as a listener it
// hears every message once, across lost connections.

import { consoleActor } from "../../../src/chat/admin/actor.ts";
import { httpRooms } from "../../../src/dialects/http/http-rooms.ts";
import { encodeRequest, type RoomRequest } from "../../../src/dialects/http/room-request.ts";
import { LineSplitter } from "../../../src/line-splitter.ts";
import { Connection } from "./connection.ts";
import { isSettled } from "./member-lists.ts";
import type { ServerProcess } from "./server-process.ts";
import type { Surroundings } from "./surroundings.ts";
import { fail } from "./truth.ts";

/** How long an answer may take, and what has been said may be unheard. */
const answerMs = 120_000;
const hearMs = 30_000;

type Said = { readonly seq: number; readonly text: string; readonly deleted?: boolean };
type Body = {
  readonly event?: string;
  readonly room: string;
  readonly seq: number;
  readonly recovered: boolean;
  readonly messages: readonly Said[];
} & Said;
type Asked = RoomRequest extends infer R
  ? R extends RoomRequest
    ? Omit<R, "accessToken">
    : never
  : never;

/** What arrives: the status first, then the lines of the body. */
type Response = {
  readonly connection: Connection;
  readonly server: ServerProcess;
  handle(line: string): void;
};

/** `sinceMs`: since when its server could have answered. */
type Open = { readonly server: ServerProcess; sinceMs: number };

export class HttpProgram {
  readonly #world: Surroundings;
  #token: string | undefined;
  /** The epoch of the log that has the token. */
  #epoch = "";
  /** Requests that are not answered. */
  readonly #open = new Set<Open>();
  #listening: Response | undefined;
  /** The room that it listens to, and the last message that it has heard there. */
  #room = "lobby";
  #heard: number | undefined;
  /** ID of the last event. */
  #since: string | undefined;
  #behindMs: number | undefined;
  /** By room: the last of its own messages that was acknowledged. */
  readonly #posted = new Map<string, number>();

  constructor(
    world: Surroundings,
    readonly name: string,
    readonly address: string,
  ) {
    this.#world = world;
  }

  doSomething(): void {
    const { random } = this.#world;
    const dice = random();
    if (this.#token === undefined) return this.#order(`token ${this.name}`);
    if (dice < 0.4) return this.#post(this.#anyRoom());
    if (dice < 0.7) return this.#read(this.#anyRoom());
    if (this.#listening === undefined) return this.#listen();
    if (dice < 0.8) this.#cut();
    else if (dice < 0.83) {
      this.#leave();
      this.#room = this.#anyRoom();
      this.#since = undefined;
    }
  }

  leave(): void {
    this.#leave();
  }

  /** Now and then: whether answers arrive, and whatever is said. */
  check(): void {
    const { clock, truth } = this.#world;
    for (const asked of this.#open) {
      // Answers wait for a database that is away.
      if (this.#world.isReachable?.(asked.server) === false) asked.sinceMs = clock.nowMs;
      if (clock.nowMs - asked.sinceMs > answerMs) fail(`${this.name} gets no answer over HTTP`);
    }
    const { connection, server } = this.#listening ?? {};
    const isQuiet = connection?.isQuiet === true && server !== undefined && isSettled(server);
    const mayKnow = isQuiet && this.#world.isReachable?.(server) !== false;
    const said = truth.rooms.get(this.#room)?.length ?? 0;
    if (!mayKnow || this.#heard === undefined || this.#heard >= said) this.#behindMs = undefined;
    else this.#behindMs ??= clock.nowMs;
    if (clock.nowMs - (this.#behindMs ?? clock.nowMs) < hearMs) return;
    fail(`${this.name} has heard ${this.#heard} of ${said} in ${this.#room} over HTTP`);
  }

  #anyRoom(): string {
    const rooms = ["lobby", "lobby", "den", "attic", "hall"];
    return rooms[Math.floor(this.#world.random() * rooms.length)]!;
  }

  #order(line: string): void {
    const { server } = this.#world;
    if (server === undefined || server.isClosed) return;
    server.run((hub) => {
      hub.handleAdmin(consoleActor, line, server.nowMs, (answer) => {
        this.#token = answer.ok ? answer.rows?.[0]?.text : undefined;
        this.#epoch = server.backing.epoch;
      });
    });
  }

  #post(room: string): void {
    const { truth } = this.#world;
    const token = truth.token(this.name, room, []);
    const text = truth.text(token);
    this.#request({ type: "post", room, text }, (status, body) => {
      if (status === 200) {
        truth.acknowledged(token);
        this.#posted.set(room, Math.max(body.seq, this.#posted.get(room) ?? 0));
        truth.heard(this.name, room, { seq: body.seq, text, nowMs: this.#world.clock.nowMs });
      } else truth.failed(token);
    });
  }

  #read(room: string): void {
    const { random, truth } = this.#world;
    const said = truth.rooms.get(room)?.length ?? 0;
    const point = Math.floor(random() * (said + 2));
    const way = random();
    const range = way < 0.3 ? {} : way < 0.6 ? { before: point } : { after: point };
    const limit = 1 + Math.floor(random() * 40);
    // Another server may not have heard of it yet.
    const posted = this.#world.isShared === true ? 0 : (this.#posted.get(room) ?? 0);
    this.#request({ type: "read", room, ...range, limit }, (status, { messages = [] }) => {
      if (status !== 200) return;
      for (const said of messages) this.#hears(room, said);
      const isOld = way < 0.3 && posted > (messages.at(-1)?.seq ?? this.#world.firstKept(room));
      const problem = isOld ? `not ${posted}` : this.#problem(room, messages, limit, range);
      if (problem === undefined) return;
      const seqs = messages.map(({ seq }) => seq).join(" ");
      const asked = JSON.stringify({ room, ...range, limit });
      fail(`${this.name} asks for ${asked} over HTTP and gets ${seqs}: ${problem}`);
    });
  }

  #problem(
    room: string,
    messages: readonly Said[],
    limit: number,
    { before, after }: { before?: number; after?: number },
  ): string | undefined {
    const kept = this.#world.firstKept(room);
    const [first, last] = [messages[0]?.seq, messages.at(-1)?.seq];
    if (messages.length > limit) return "too many";
    // Of what is being deleted, some may be left.
    const whole = messages.filter(({ seq }) => seq >= kept);
    if (whole.some(({ seq }, i) => seq !== whole[0]!.seq + i)) return "not one by one";
    if (after !== undefined) {
      return first === undefined || first === after + 1 || (first > after && first <= kept)
        ? undefined
        : `not from ${after + 1} on`;
    }
    if (messages.length < limit && (first ?? Infinity) > kept && (before ?? kept + 1) > kept) {
      return first === undefined ? undefined : "few";
    }
    return last === undefined || last < (before ?? Infinity) ? undefined : "not before";
  }

  #listen(): void {
    const { random } = this.#world;
    const room = this.#room;
    const since = random() < 0.9 ? this.#since : undefined;
    const more = since === undefined ? {} : { since };
    if (since === undefined) this.#heard = undefined;
    const lines: string[] = [];
    this.#listening = this.#connect({ type: "listen", room, ...more }, (status, line) => {
      if (status !== 200) return;
      if (line !== "") return void lines.push(line);
      const id = lines.find((one) => one.startsWith("id: "))?.slice(4);
      const data = lines.find((one) => one.startsWith("data: "))?.slice(6);
      lines.length = 0;
      if (id !== undefined) this.#since = id;
      if (data !== undefined) this.#hear(JSON.parse(data), since !== undefined);
    });
  }

  #hear(body: Body, isBack: boolean): void {
    const { event, seq, recovered } = body;
    if (event === "online") {
      if (!isBack) this.#heard = seq;
      else if (!recovered) this.#heard = undefined;
    } else if (event === "message") {
      const { name } = this;
      const kept = this.#world.firstKept(this.#room);
      const heard = this.#heard;
      if (heard !== undefined && seq !== heard + 1 && !(seq > heard && seq <= kept)) {
        fail(`${name} hears ${seq} of ${this.#room} after ${heard} over HTTP`);
      }
      this.#heard = seq;
      this.#hears(this.#room, body);
    }
  }

  #hears(room: string, { seq, text, deleted = false }: Said): void {
    const { truth, clock } = this.#world;
    if (deleted) truth.heardDeleted(this.name, room, seq);
    else truth.heard(this.name, room, { seq, text, nowMs: clock.nowMs });
  }

  /** `answered`: with the status and the body. */
  #request(request: Asked, answered: (status: number, body: Body) => void): void {
    let open: Open | undefined;
    const done = (): void => {
      if (open !== undefined) this.#open.delete(open);
    };
    const response = this.#connect(
      request,
      (status, line) => {
        done();
        answered(status, JSON.parse(line));
      },
      done,
    );
    if (response === undefined) return;
    open = { server: response.server, sinceMs: this.#world.clock.nowMs };
    this.#open.add(open);
  }

  #connect(
    request: Asked,
    handle: (status: number, line: string) => void,
    closed = (): void => {},
  ): Response | undefined {
    const { server, random } = this.#world;
    const accessToken = this.#token;
    if (server === undefined || server.isClosed || accessToken === undefined) return undefined;
    const splitter = new LineSplitter(4_000_000);
    let status: number | undefined;
    const response: Response = {
      server,
      handle: (line) => {
        this.#world.trace(this.name, "<", line);
        if (status !== undefined) return handle(status, line);
        status = Number(JSON.parse(line).status);
        if (status === 401) this.#refused(server);
      },
      connection: new Connection(server, httpRooms(server.backing.epoch), this.address, random, {
        received: (bytes) => {
          splitter.push(bytes, (line) => {
            response.handle(line);
            return true;
          });
        },
        closed: () => {
          closed();
          if (this.#listening === response) this.#listening = undefined;
        },
      }),
    };
    this.#world.watch(response.connection, server);
    const line = encodeRequest({ ...request, accessToken } as RoomRequest);
    this.#world.trace(this.name, ">", line);
    response.connection.send(`${line}\n`);
    return response;
  }

  /** Another server may not know the token yet; one without a data file forgets it. */
  #refused(server: ServerProcess): void {
    if (this.#world.isShared === true) return;
    if (server.backing.epoch === this.#epoch) fail(`${this.name} has a token that is not valid`);
    this.#token = undefined;
    this.#posted.clear();
  }

  #cut(): void {
    const { random } = this.#world;
    const response = this.#listening;
    this.#listening = undefined;
    response?.connection.cut(random() * 3_000, random() * 20_000);
  }

  #leave(): void {
    this.#listening?.connection.leave(100);
    this.#listening = undefined;
  }
}
