// The hub and the dialects without sockets: people enter and send whole messages, and every send to
// them is kept apart. Time passes only for the gaps between sends to unframed clients.

import type { FilesPort } from "../../src/chat/files-port.ts";
import { Hub } from "../../src/chat/hub.ts";
import type { Link } from "../../src/chat/link.ts";
import { createMetrics } from "../../src/chat/metrics.ts";
import type { Session } from "../../src/chat/session.ts";
import { dialects, reservedNames } from "../../src/dialects/table.ts";
import { ParleyError } from "../../src/errors.ts";
import { answerRequest } from "../../src/store/answer.ts";
import { openMemoryStore } from "../../src/store/memory.ts";

const files = [
  { name: "a.txt", sizeBytes: 1_234, modifiedMs: 0 },
  { name: "b.png", sizeBytes: 5, modifiedMs: 0 },
];

const port: FilesPort = {
  list: (_after, _limit, answer) => answer({ files, next: undefined }),
  transfer: () => {},
  download(_session, name, _peer, answer) {
    const file = files.find((file) => file.name === name);
    if (file === undefined) answer(new ParleyError("not-found", `No file '${name}' on the server`));
    else answer({ port: 55_001, sizeBytes: file.sizeBytes, name });
  },
  closed: () => {},
};

export class Rig {
  readonly log: string[] = [];
  readonly hub: Hub;
  nowMs = 1_646_241_506_974;
  readonly #store = openMemoryStore({ epoch: "epoch-1" });
  #isAwake = false;
  #nextPort = 40_001;

  constructor() {
    this.hub = new Hub({
      epoch: this.#store.epoch,
      metrics: createMetrics(),
      rates: undefined,
      files: port,
      wake: () => (this.#isAwake = true),
      log: (line) => this.log.push(line),
      warn: (line) => this.log.push(line),
      hashSecret: (secret) => `#${secret}`,
      reservedNames,
      newSecret: () => "0123456789abcdef0123456789abcdef",
    });
  }

  /** A connection that speaks `dialect`; `lines`: known to be framed. */
  connect(dialect: string, lines = false): Person {
    const entry = dialects[dialect];
    if (entry === undefined || entry.transport === "udp") throw new Error(`no dialect ${dialect}`);
    const person = new Person(this);
    const peer = { address: "127.0.0.1", port: this.#nextPort++ };
    person.session = this.hub.handleConnect(person, entry.dialect, peer, this.nowMs);
    this.settle();
    person.session.output.framed = lines || entry.dialect.input === "lines";
    return person;
  }

  /** The same, logged in. */
  enter(dialect: string, login: string, lines = false): Person {
    const person = this.connect(dialect, lines);
    person.say(login);
    return person;
  }

  /** Lets everything that is due be sent, gaps included. */
  settle(): void {
    this.#endTurns();
    for (let i = 0; i < 100; i++) {
      this.nowMs += 20;
      this.hub.handleTimeout(this.nowMs);
      this.#endTurns();
    }
  }

  #endTurns(): void {
    this.pump();
    while (this.#isAwake) {
      this.#isAwake = false;
      this.hub.endTurn(this.nowMs);
      this.pump();
      this.hub.finishTurn(this.nowMs);
      this.pump();
    }
  }

  /** Has the store answer what the hub asks. */
  pump(): void {
    for (;;) {
      const request = this.hub.pollStore(this.nowMs);
      if (request === undefined) return;
      this.hub.handleStore(answerRequest(this.#store, request), this.nowMs);
    }
  }
}

export class Person implements Link {
  session!: Session;
  ended = false;
  #heard: string[] = [];

  constructor(readonly rig: Rig) {}

  say(...messages: string[]): void {
    for (const message of messages) {
      this.rig.hub.handleMessage(this.session, message, this.rig.nowMs);
      this.rig.pump();
    }
    this.rig.settle();
  }

  /** The connection ends: by FIN, or it is lost. */
  close(reason: "quit" | "lost" = "quit"): void {
    this.rig.hub.handleClose(this.session, reason, this.rig.nowMs);
    this.rig.settle();
  }

  /** What was sent since the last call, send by send. */
  heard(): string[] {
    return this.#heard.splice(0);
  }

  write(bytes: Uint8Array): number {
    this.#heard.push(Buffer.from(bytes).toString());
    return bytes.length;
  }

  end(): void {
    this.ended = true;
  }

  abort(): void {
    this.ended = true;
  }
}
