// Several peers and a registry in one process without sockets: outputs become inputs of the other
// side, in order, on a clock that jumps to the next timeout. Deterministic, with a limited number
// of steps, so that a conversation that never settles fails instead of hanging.

import type { Contact } from "../../src/cpp/codec.ts";
import { CppParser } from "../../src/cpp/parser.ts";
import { type Answer, Peer } from "../../src/cpp/peer.ts";
import type { PeerEvent } from "../../src/cpp/peer-event.ts";
import type { PeerStyle } from "../../src/cpp/peer-stream.ts";
import type { PeerOutput } from "../../src/cpp/peer-output.ts";
import { RegistryConnection } from "../../src/cpp/registry-connection.ts";
import { Registry } from "../../src/cpp/registry.ts";

const maxSteps = 10_000;
const bytes = (text: string) => new TextEncoder().encode(text);

/** The far end of a connection: receives what this end sends. */
export type FarEnd = { data: (bytes: Uint8Array) => void; ended: () => void };

export type PeerOptions = { duplex?: boolean; style?: PeerStyle };

/** A peer and everything it has displayed and sent. */
export class WorldPeer {
  readonly machine: Peer;
  readonly lines: string[] = [];
  readonly events: PeerEvent[] = [];
  readonly sent: string[] = [];
  exit: string | undefined;
  readonly farEnds = new Map<number, FarEnd>();
  readonly contact: Contact;

  constructor(contact: Contact, options: PeerOptions) {
    this.contact = contact;
    this.machine = new Peer(contact, options);
  }
}

export class World {
  readonly registry = new Registry();
  /** The requests it has received from peers. */
  readonly asked: string[] = [];
  readonly #peers: WorldPeer[] = [];
  nowMs = 0;
  /** While false, the registry's answers are held back. */
  registryAnswers = true;
  #unanswered: (() => void)[] = [];

  join(id: string, options: PeerOptions = {}): WorldPeer {
    const contact = { id, ip: "127.0.0.1", port: 5_000 + this.#peers.length };
    const peer = new WorldPeer(contact, options);
    this.#peers.push(peer);
    this.settle();
    return peer;
  }

  /** Types lines one after another, processing all consequences of each. */
  type(peer: WorldPeer, ...lines: string[]): void {
    for (const line of lines) {
      peer.machine.handleTyped(line, this.nowMs);
      this.settle();
    }
  }

  /**
   * A foreign program at `address` calls `peer`. Returns a function to send with; received data is
   * added to `received`.
   */
  call(
    peer: WorldPeer,
    received: string[],
    address = "10.0.0.9",
  ): { send: (text: string) => void; hangUp: () => void } {
    const connection = peer.machine.handleAccepted(address);
    if (connection === undefined) throw new Error("the call was not taken");
    peer.farEnds.set(connection, {
      data: (data) => received.push(new TextDecoder().decode(data)),
      ended: () => received.push("(ended)"),
    });
    return {
      send: (text) => {
        peer.machine.handleData(connection, bytes(text), this.nowMs);
        this.settle();
      },
      hangUp: () => {
        peer.machine.handleEnd(connection, this.nowMs);
        this.settle();
      },
    };
  }

  /** The registry sends all held answers. */
  answer(): void {
    this.registryAnswers = true;
    for (const answer of this.#unanswered.splice(0)) answer();
    this.settle();
  }

  /** Nobody acts until the next timeout, which every affected peer handles. */
  wait(): void {
    const times = this.#peers.map(({ machine }) => machine.nextTimeoutMs ?? Infinity);
    this.nowMs = Math.min(...times);
    for (const { machine } of this.#peers) machine.handleTimeout(this.nowMs);
    this.settle();
  }

  settle(): void {
    for (let step = 0; step < maxSteps; step++) {
      let acted = false;
      for (const peer of this.#peers) {
        for (let next = peer.machine.pollOutput(); next; next = peer.machine.pollOutput()) {
          acted = true;
          this.#apply(peer, next);
        }
      }
      if (!acted) return;
    }
    throw new Error(`not settled after ${maxSteps} steps`);
  }

  #apply(peer: WorldPeer, output: PeerOutput): void {
    switch (output.type) {
      case "show":
        if (output.line !== undefined) peer.lines.push(output.line);
        peer.events.push(output.event);
        return;
      case "request": {
        this.asked.push(output.message);
        const answer = () => peer.machine.handleAnswer(this.#ask(output.message), this.nowMs);
        if (this.registryAnswers) answer();
        else this.#unanswered.push(answer);
        return;
      }
      case "connect":
        this.#connect(peer, output.connection, output.contact);
        return;
      case "send":
        peer.sent.push(output.text);
        peer.farEnds.get(output.connection)?.data(bytes(output.text));
        return;
      case "close":
      case "abort":
        peer.farEnds.get(output.connection)?.ended();
        peer.farEnds.delete(output.connection);
        return;
      case "exit":
        peer.exit = output.reason;
        return;
      case "hurry":
    }
  }

  #ask(message: string): Answer {
    const parser = new CppParser();
    const connection = new RegistryConnection(this.registry, "127.0.0.1");
    parser.handleData(bytes(connection.handleData(bytes(message), this.nowMs).reply ?? ""));
    const result = parser.pollMessage();
    return result.type === "message" ? { message: result.message } : { failed: result.type };
  }

  #connect(peer: WorldPeer, near: number, contact: Contact): void {
    const other = this.#peers.find(({ contact: { port } }) => port === contact.port);
    const far =
      other?.exit === undefined ? other?.machine.handleAccepted(peer.contact.ip) : undefined;
    if (!other || far === undefined) {
      peer.machine.handleConnectFailed(near, "connection refused", this.nowMs);
      return;
    }
    peer.farEnds.set(near, {
      data: (data) => other.machine.handleData(far, data, this.nowMs),
      ended: () => other.machine.handleEnd(far, this.nowMs),
    });
    other.farEnds.set(far, {
      data: (data) => peer.machine.handleData(near, data, this.nowMs),
      ended: () => peer.machine.handleEnd(near, this.nowMs),
    });
    peer.machine.handleConnected(near, contact.ip, this.nowMs);
  }
}
