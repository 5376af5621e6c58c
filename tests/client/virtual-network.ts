// Sessions and a model server on a network in virtual time: bytes take time, arrive in pieces of
// any size, and a cut loses everything in transit, even in the middle of a line. Everything is
// derived from one seed.

import type { SessionEvent } from "../../src/client/events.ts";
import { ClientSession } from "../../src/client/session.ts";
import { seeded } from "../sim/random.ts";
import type { ModelServer } from "./model-server.ts";

type Task = { atMs: number; order: number; run: () => void };

export class VirtualNetwork {
  nowMs = 1_000;
  readonly random: () => number;
  /** The server's process is down: connections are refused. */
  down = false;
  server: ModelServer;
  readonly clients: VirtualClient[] = [];
  readonly #tasks: Task[] = [];
  #order = 0;

  constructor(server: ModelServer, seed: number) {
    this.server = server;
    this.random = seeded(seed);
  }

  after(delayMs: number, run: () => void): void {
    this.#tasks.push({ atMs: this.nowMs + delayMs, order: this.#order++, run });
  }

  add(name: string, rooms: readonly string[] = ["lobby"]): VirtualClient {
    const client = new VirtualClient(this, name, rooms);
    this.clients.push(client);
    client.run((session) => session.start(this.nowMs));
    return client;
  }

  /**
   * Jumps from event to event until `done`, for at most `maxMs` of virtual time and a bounded
   * number of steps.
   */
  runUntil(done: () => boolean, maxMs = 600_000): boolean {
    const endMs = this.nowMs + maxMs;
    for (let step = 0; step < 2_000_000; step++) {
      if (done()) return true;
      const task = this.#earliest();
      const timer = Math.min(...this.clients.map((c) => c.session.nextTimeoutMs ?? Infinity));
      const nextMs = Math.min(task?.atMs ?? Infinity, timer);
      if (nextMs === Infinity || nextMs > endMs) return done();
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (task !== undefined && task.atMs <= nextMs) {
        this.#tasks.splice(this.#tasks.indexOf(task), 1);
        task.run();
      } else {
        for (const client of this.clients)
          client.run((session) => session.handleTimeout(this.nowMs));
      }
    }
    throw new Error("step cap reached");
  }

  #earliest(): Task | undefined {
    let first: Task | undefined;
    for (const task of this.#tasks) {
      if (
        first === undefined ||
        task.atMs < first.atMs ||
        (task.atMs === first.atMs && task.order < first.order)
      ) {
        first = task;
      }
    }
    return first;
  }
}

/** One direction of a connection: bytes in, whole lines out, some time later. */
class Pipe {
  readonly #net: VirtualNetwork;
  readonly #deliver: (line: string) => void;
  #flying = "";
  #partial = "";
  #scheduled = false;
  cut = false;

  constructor(net: VirtualNetwork, deliver: (line: string) => void) {
    this.#net = net;
    this.#deliver = deliver;
  }

  write(text: string): void {
    this.#flying += text;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.cut) return;
    this.#scheduled = true;
    this.#net.after(1 + this.#net.random() * 20, () => {
      this.#scheduled = false;
      if (this.cut) return;
      const size = 1 + Math.floor(this.#net.random() * Math.max(this.#flying.length, 1) * 1.5);
      this.#partial += this.#flying.slice(0, size);
      this.#flying = this.#flying.slice(size);
      const lines = this.#partial.split("\n");
      this.#partial = lines.pop() ?? "";
      for (const line of lines) if (!this.cut) this.#deliver(line);
      if (this.#flying !== "") this.#schedule();
    });
  }
}

type Wire = { toServer: Pipe; toClient: Pipe; gone: () => void };

export class VirtualClient {
  readonly session: ClientSession;
  readonly events: SessionEvent[] = [];
  readonly #net: VirtualNetwork;
  #wire: Wire | undefined;

  constructor(net: VirtualNetwork, name: string, rooms: readonly string[]) {
    this.#net = net;
    const secret = `secret-of-${name}-0123456789`;
    this.session = new ClientSession({ name, rooms, secret, random: net.random });
  }

  /** Texts heard in the room, in order. */
  heard(room = "lobby"): string[] {
    return this.events.flatMap((event) =>
      event.type === "message" && event.room === room ? [event.text] : [],
    );
  }

  run(act: (session: ClientSession) => void): void {
    act(this.session);
    for (const output of this.session.pollOutputs()) {
      if (output.type === "connect") this.#connect();
      else if (output.type === "send") this.#wire?.toServer.write(output.line);
      else if (output.type === "event") this.events.push(output.event);
      else this.#hangUp();
    }
  }

  /**
   * The connection dies; data in transit is lost in both directions, and both ends notice a little
   * later.
   */
  cut(): void {
    const wire = this.#hangUp();
    if (wire === undefined) return;
    this.run((session) => session.handleLost("cut", this.#net.nowMs));
  }

  #hangUp(): Wire | undefined {
    const wire = this.#wire;
    this.#wire = undefined;
    if (wire === undefined) return undefined;
    // Sometimes written data still arrives although the sender has hung up.
    if (this.#net.random() < 0.5) wire.toServer.cut = true;
    wire.toClient.cut = true;
    this.#net.after(this.#net.random() * 300, () => {
      wire.toServer.cut = true;
      wire.gone();
    });
    return wire;
  }

  #connect(): void {
    this.#net.after(1 + this.#net.random() * 10, () => {
      const nowMs = this.#net.nowMs;
      if (this.#net.down) return this.run((session) => session.handleLost("refused", nowMs));
      const toClient: Pipe = new Pipe(this.#net, (line) =>
        this.run((session) => session.handleLine(line, this.#net.nowMs)),
      );
      const peer = this.#net.server.connect((line) => toClient.write(line));
      const toServer = new Pipe(this.#net, peer.receive);
      this.#wire = { toServer, toClient, gone: peer.gone };
      this.run((session) => session.handleConnected(nowMs));
    });
  }
}
