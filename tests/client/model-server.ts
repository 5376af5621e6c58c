// A simple, strict server of the native protocol for client tests: sessions, counters, a log per
// room, mail. The caller decides what survives a restart. It refuses and counts protocol
// violations, so that a client's bug can't hide.

import { decodeClient } from "../../src/protocol/decode-client.ts";
import { encodeServer } from "../../src/protocol/encode.ts";
import type {
  ClientMessage,
  Hello,
  RoomMessage,
  RoomEntry,
  ServerMessage,
} from "../../src/protocol/messages.ts";
import { welcome } from "../protocol/welcome.ts";

type Message<T extends ClientMessage["type"]> = Extract<ClientMessage, { type: T }>;
type Letter = Extract<ServerMessage, { type: "private" }>;
type Account = { secret: string; name: string; n: number; mail: Letter[] };
type Connection = {
  write: (line: string) => void;
  account: Account | undefined;
  rooms: Set<string>;
};

/** Decides whether to refuse this message: `rate`, `storage`, … or undefined. */
export type Whim = (text: string) => { code: string; retryAfterMs?: number } | undefined;

/** Rooms with such names can't be joined. */
export const forbiddenRoom = /^forbidden/;

export class ModelServer {
  epoch: string;
  readonly logs = new Map<string, RoomMessage[]>();
  readonly accounts = new Map<string, Account>();
  /** Client actions that violate the protocol. */
  readonly violations: string[] = [];
  readonly #connections = new Set<Connection>();
  readonly #whim: Whim;

  constructor(epoch: string, whim: Whim = () => undefined) {
    this.epoch = epoch;
    this.#whim = whim;
  }

  log(room = "lobby"): RoomMessage[] {
    let log = this.logs.get(room);
    if (log === undefined) this.logs.set(room, (log = []));
    return log;
  }

  /** The rooms that a user of this name is in, over a live connection. */
  roomsOf(name: string): string[] {
    const connection = [...this.#connections].find(({ account }) => account?.name === name);
    return [...(connection?.rooms ?? [])];
  }

  /**
   * The process dies: connections are lost; without `keep` everything else is lost too, and the
   * epoch changes.
   */
  restart(keep: boolean, epoch: string): void {
    this.#connections.clear();
    if (keep) return;
    this.logs.clear();
    this.accounts.clear();
    this.epoch = epoch;
  }

  connect(write: (line: string) => void): { receive: (line: string) => void; gone: () => void } {
    const connection: Connection = { write, account: undefined, rooms: new Set() };
    this.#connections.add(connection);
    // Bytes on a connection ended by a restart never reach the new process.
    const alive = () => this.#connections.has(connection);
    return {
      receive: (line) => {
        if (alive()) this.#receive(connection, line);
      },
      gone: () => this.#connections.delete(connection),
    };
  }

  #receive(connection: Connection, line: string): void {
    const message = decodeClient(line);
    const { account } = connection;
    if (message.type === "hello") return this.#hello(connection, message);
    if (account === undefined) return this.#violation(`${line} before hello`);
    switch (message.type) {
      case "say":
      case "tell":
        return this.#message(connection, account, message);
      case "ping":
        return this.#send(connection, { type: "pong" });
      case "join":
        return this.#join(connection, message);
      case "part":
        return this.#part(connection, message);
      case "bye":
        return void this.#connections.delete(connection);
      default:
        this.#violation(`unexpected ${line}`);
    }
  }

  #hello(connection: Connection, hello: Hello): void {
    const { secret = "", name = "", rooms = [{ room: "lobby" }] } = hello;
    if (connection.account !== undefined) return this.#violation("a second hello");
    for (const other of this.#connections) {
      if (other.account?.secret === secret) this.#connections.delete(other);
    }
    let account = this.accounts.get(secret);
    if (account === undefined) {
      account = { secret, name, n: 0, mail: [] };
      this.accounts.set(secret, account);
    }
    connection.account = account;
    connection.rooms = new Set(rooms.map(({ room }) => room));
    const knows = hello.epoch === this.epoch;
    const states: RoomEntry[] = rooms.map(({ room, seq }) => ({
      room,
      seq: this.log(room).length,
      recovered: knows || seq === undefined,
    }));
    const session = {
      name: account.name,
      secret,
      epoch: this.epoch,
      mail: account.mail.length,
      n: account.n,
      recovered: knows || hello.mail === undefined,
      rooms: states,
    };
    this.#send(connection, welcome(session));
    for (const { room, seq } of rooms) {
      if (seq === undefined) continue;
      for (const said of this.log(room).slice(knows ? seq : 0)) this.#send(connection, said);
    }
    if (hello.mail === undefined) return;
    for (const letter of account.mail.slice(knows ? hello.mail : 0)) this.#send(connection, letter);
  }

  #join(connection: Connection, { room, ref }: Message<"join">): void {
    if (connection.rooms.has(room)) this.#violation(`join of ${room} twice`);
    if (forbiddenRoom.test(room)) {
      return this.#send(connection, { type: "error", code: "room-invalid", message: "no", ref });
    }
    connection.rooms.add(room);
    const { epoch } = this;
    const seq = this.log(room).length;
    this.#send(connection, { type: "entered", room, epoch, seq, recovered: true, ref });
  }

  #part(connection: Connection, { room, ref }: Message<"part">): void {
    // A client may part a room whose `join` will be refused.
    if (!connection.rooms.delete(room) && !forbiddenRoom.test(room)) {
      this.#violation(`part of ${room}`);
    }
    this.#send(connection, { type: "parted", room, ref });
  }

  #message(connection: Connection, account: Account, message: Message<"say" | "tell">): void {
    const { n = 0, text } = message;
    if (n <= account.n) return this.#send(connection, { type: "ack", n: account.n });
    const refuse = (code: string, retryAfterMs?: number) =>
      this.#send(connection, { type: "error", n, code, message: code, retryAfterMs });
    if (n !== account.n + 1) return refuse("protocol");
    if (message.type === "say" && !connection.rooms.has(message.room)) {
      account.n = n;
      return refuse("not-in-room");
    }
    const whim = this.#whim(text);
    if (whim !== undefined) {
      const takes = whim.code !== "rate" && whim.code !== "storage";
      if (takes) account.n = n;
      return refuse(whim.code, whim.retryAfterMs);
    }
    account.n = n;
    if (message.type === "tell") {
      this.#deliver(account, message.to, text);
      return this.#send(connection, { type: "ack", n });
    }
    const { room } = message;
    const log = this.log(room);
    const seq = log.length + 1;
    const said: RoomMessage = { type: "message", room, seq, time: 0, from: account.name, text, n };
    log.push(said);
    for (const other of this.#connections) {
      if (other.account !== undefined && other.rooms.has(room)) this.#send(other, said);
    }
    this.#send(connection, { type: "ack", n, room, seq });
  }

  #deliver(from: Account, to: readonly string[], text: string): void {
    for (const account of this.accounts.values()) {
      if (!to.includes(account.name)) continue;
      const mail = account.mail.length + 1;
      const letter: Letter = { type: "private", mail, time: 0, from: from.name, to, text };
      account.mail.push(letter);
      for (const other of this.#connections) {
        if (other.account === account) this.#send(other, letter);
      }
    }
  }

  #send(connection: Connection, message: ServerMessage): void {
    connection.write(encodeServer(message));
  }

  #violation(what: string): void {
    this.violations.push(what);
  }
}
