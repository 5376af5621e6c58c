// The rooms that a session is in or has asked to join, and the read position in each. A room
// survives lost connections until it is parted or refused. Knows no lines, no messages and no time.

import { fold } from "../chat/names/grammar.ts";
import { names as limits } from "../limits.ts";
import type { RoomPoint, RoomEntry } from "../protocol/messages.ts";
import { type Continuation, StreamPosition } from "./stream-position.ts";

type Room = {
  /** As requested; once entered, as the server spells it. */
  name: string;
  /**
   * `wanted`: part of every hello. `joining`: requested with `join` and left out of hellos, where
   * an invalid name would end the session.
   */
  state: "wanted" | "joining" | "entered";
  /** The ref of the `join` sent on this connection. */
  ref: number | undefined;
  /** Which the room asked for when it was entered. */
  readonly key: string | undefined;
  readonly position: StreamPosition;
};

/** What a login has changed. */
export type Readmission = {
  how: Continuation;
  /** Rooms to which the server did not readmit the session. */
  lost: readonly string[];
  /** Rooms in the welcome that the session has left since sending the hello. */
  stray: readonly string[];
};

export class Rooms {
  /** By folded name. */
  readonly #rooms = new Map<string, Room>();
  #max: number = limits.maxRoomsPerSession;

  constructor(rooms: readonly string[], since: readonly RoomPoint[] = []) {
    const read = new Map(since.map((point) => [fold(point.room), point]));
    for (const name of rooms) {
      const { seq, key } = read.get(fold(name)) ?? {};
      const position = new StreamPosition(seq);
      this.#rooms.set(fold(name), { name, state: "wanted", ref: undefined, key, position });
    }
  }

  /** The rooms the session is in, in order of entry. */
  get entered(): readonly string[] {
    return this.#all("entered").map(({ name }) => name);
  }

  /** For a hello: the rooms to return to, and the read position in each. */
  get points(): readonly RoomPoint[] {
    return [...this.#all("wanted"), ...this.#all("entered")].map(({ name, key, position }) => ({
      room: name,
      seq: position.last,
      ...(key !== undefined && { key }),
    }));
  }

  get complete(): boolean {
    return this.#all("entered").every(({ position }) => position.complete);
  }

  get caughtUp(): number {
    return this.#all("entered").reduce((sum, { position }) => sum + position.caughtUp, 0);
  }

  /** Whether the session is in the room or has asked to join it. */
  has(name: string): boolean {
    return this.#rooms.has(fold(name));
  }

  /** The room, if the session is in it: its name as the server spells it, and its position. */
  find(name: string): { readonly name: string; readonly position: StreamPosition } | undefined {
    const room = this.#rooms.get(fold(name));
    return room?.state === "entered" ? room : undefined;
  }

  /** Adds a room to join. `full`: the session is in the maximum number of rooms. */
  join(name: string, key: string | undefined): "added" | "known" | "full" {
    if (this.has(name)) return "known";
    if (this.#rooms.size >= this.#max) return "full";
    const position = new StreamPosition();
    this.#rooms.set(fold(name), { name, state: "joining", ref: undefined, key, position });
    return "added";
  }

  /** Forgets a room. Returns its name; undefined if the room is unknown. */
  remove(name: string): string | undefined {
    const room = this.#rooms.get(fold(name));
    this.#rooms.delete(fold(name));
    return room?.name;
  }

  /** The next room that needs a `join`, which will carry this `ref`, with its key. */
  pollJoin(ref: number): { readonly room: string; readonly key: string | undefined } | undefined {
    const next = this.#all("joining").find((room) => room.ref === undefined);
    if (next === undefined) return undefined;
    next.ref = ref;
    return { room: next.name, key: next.key };
  }

  /**
   * The server accepted a `join`. Returns the room's name; undefined if the room is no longer
   * wanted.
   */
  handleEntered(ref: number | undefined, state: RoomEntry): string | undefined {
    const room = this.#joining(ref);
    if (room === undefined) return undefined;
    room.state = "entered";
    this.#rename(room, state.room);
    room.position.resume("recovered", state.seq);
    return room.name;
  }

  /** The server refused a `join`. Returns the room's name as requested. */
  handleRefusal(ref: number | undefined): string | undefined {
    const room = this.#joining(ref);
    return room === undefined ? undefined : this.remove(room.name);
  }

  /** Logged in. `states` are the rooms in the welcome. `restarted`: the log is a new one. */
  handleWelcome(states: readonly RoomEntry[], restarted: boolean, max: number): Readmission {
    this.#max = max;
    const given = new Map(states.slice(0, max).map((state) => [fold(state.room), state]));
    let how: Continuation = restarted ? "restarted" : "recovered";
    const lost: string[] = [];
    for (const [key, room] of this.#rooms) {
      if (room.state === "joining") continue;
      const state = given.get(key);
      given.delete(key);
      if (state === undefined) {
        this.#rooms.delete(key);
        lost.push(room.name);
        continue;
      }
      room.state = "entered";
      this.#rename(room, state.room);
      const continuation = state.recovered ? "recovered" : "trimmed";
      const gone = room.position.resume(restarted ? "restarted" : continuation, state.seq);
      if (how === "recovered") how = gone;
    }
    return { how, lost, stray: [...given.values()].map(({ room }) => room) };
  }

  /** The connection was lost: unanswered joins must be sent again. */
  handleLost(): void {
    for (const room of this.#rooms.values()) room.ref = undefined;
  }

  #all(state: Room["state"]): Room[] {
    return [...this.#rooms.values()].filter((room) => room.state === state);
  }

  #joining(ref: number | undefined): Room | undefined {
    if (ref === undefined) return undefined;
    return this.#all("joining").find((room) => room.ref === ref);
  }

  /** Adopts the server's spelling, unless it is a different name. */
  #rename(room: Room, spelling: string): void {
    if (fold(spelling) === fold(room.name)) room.name = spelling;
  }
}
