// The hub and the dialects without sockets: users send whole messages, and each send to them is
// recorded separately. Time passes only for the gaps between sends to unframed clients.

import type { FilesPort } from "../../src/chat/files-port.ts";
import { dialects } from "../../src/dialects/table.ts";
import { ParleyError } from "../../src/errors.ts";
import { type Client, Rig as HubRig } from "../chat/rig.ts";

const files = [
  { name: "a.txt", sizeBytes: 1_234, modifiedMs: 0 },
  { name: "b.png", sizeBytes: 5, modifiedMs: 0 },
];

const sharedFolder: FilesPort = {
  list: (_request, answer) => answer({ files, next: undefined }),
  transfer: () => {},
  download(_session, name, _peer, answer) {
    const file = files.find((file) => file.name === name);
    if (file === undefined) answer(new ParleyError("not-found", `No file '${name}' on the server`));
    else answer({ port: 55_001, sizeBytes: file.sizeBytes, name });
  },
  closed: () => {},
};

export class Rig {
  readonly #rig = new HubRig({ files: sharedFolder });

  constructor() {
    this.#rig.nowMs = 1_646_241_506_974;
    this.#rig.nextPort = 40_001;
  }

  get log(): string[] {
    return this.#rig.log;
  }

  /** A connection that speaks `dialect`; `lines`: known to be framed. */
  connect(dialect: string, lines = false): Person {
    const entry = dialects[dialect];
    if (entry === undefined || entry.transport === "udp") throw new Error(`no dialect ${dialect}`);
    const framed = lines || entry.dialect.input === "lines";
    const person = new Person(this.#rig, this.#rig.client(entry.dialect, framed));
    person.passGaps();
    return person;
  }

  /** The same, logged in. */
  enter(dialect: string, login: string, lines = false): Person {
    const person = this.connect(dialect, lines);
    person.say(login);
    return person;
  }

  /** A command typed at the server's terminal. */
  order(line: string): void {
    this.#rig.order(line);
    this.#rig.pass(2_000, 20);
  }
}

export class Person {
  readonly #rig: HubRig;
  readonly #client: Client;

  constructor(rig: HubRig, client: Client) {
    this.#rig = rig;
    this.#client = client;
  }

  say(...messages: string[]): void {
    this.#client.send(...messages);
    this.passGaps();
  }

  /** Closes the connection: by FIN, or as lost. */
  close(reason: "quit" | "lost" = "quit"): void {
    this.#client.close(reason);
    this.passGaps();
  }

  /** The data sent since the last call, send by send. */
  heard(): string[] {
    return this.#client.sends();
  }

  get ended(): boolean {
    return this.#client.link.ended || this.#client.link.aborted;
  }

  /** Waits long enough for everything that is delayed by its gap. */
  passGaps(): void {
    this.#rig.pass(2_000, 20);
  }
}
