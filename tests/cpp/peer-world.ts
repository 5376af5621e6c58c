// Several peer sessions and a registry in one process without a socket: effects become inputs of the other side, in order.
// Deterministic, and capped in steps, so that a conversation that never settles fails instead of hanging.

import type { Contact } from "../../src/cpp/codec.ts";
import { CppParser } from "../../src/cpp/parser.ts";
import { CppService } from "../../src/cpp/registry-service.ts";
import type { PeerEffect } from "../../src/cpp/peer-effect.ts";
import type { PeerNotice } from "../../src/cpp/peer-notice.ts";
import { type Answer, PeerSession } from "../../src/cpp/peer-session.ts";
import { Registry } from "../../src/cpp/registry.ts";

const maxSteps = 10_000;
const bytes = (text: string) => new TextEncoder().encode(text);

/** One end of a connection: whom to tell what the other end sends. */
export type End = { received: (bytes: Uint8Array) => void; ended: () => void };

/** A session and all that it has shown, sent and wanted. */
export class WorldPeer {
  readonly session: PeerSession;
  readonly lines: string[] = [];
  readonly notices: PeerNotice[] = [];
  readonly sent: string[] = [];
  exit: string | undefined;
  readonly others = new Map<number, End>();
  readonly contact: Contact;

  constructor(contact: Contact, duplex: boolean) {
    this.contact = contact;
    this.session = new PeerSession(contact, { duplex });
  }
}

export class World {
  readonly registry = new Registry();
  /** What sessions asked of it. */
  readonly asked: string[] = [];
  readonly #peers: WorldPeer[] = [];
  /** While false, the registry's answers are kept back. */
  registryAnswers = true;
  #unanswered: (() => void)[] = [];

  join(id: string, options: { duplex?: boolean } = {}): WorldPeer {
    const contact = { id, ip: "127.0.0.1", port: 5_000 + this.#peers.length };
    const peer = new WorldPeer(contact, options.duplex ?? false);
    this.#peers.push(peer);
    this.settle();
    return peer;
  }

  /** Types lines, one after another, each with all that follows from it. */
  type(peer: WorldPeer, ...lines: string[]): void {
    for (const line of lines) {
      peer.session.typed(line);
      this.settle();
    }
  }

  /** A program that is no session calls `peer`: answers how to send to it, and what it hears. */
  call(peer: WorldPeer, heard: string[]): { send: (text: string) => void; hangUp: () => void } {
    const link = peer.session.accepted();
    if (link === undefined) throw new Error("the call was not taken");
    peer.others.set(link, {
      received: (data) => heard.push(new TextDecoder().decode(data)),
      ended: () => heard.push("(ended)"),
    });
    return {
      send: (text) => {
        peer.session.received(link, bytes(text));
        this.settle();
      },
      hangUp: () => {
        peer.session.ended(link);
        this.settle();
      },
    };
  }

  /** The registry answers all that was kept back. */
  answer(): void {
    this.registryAnswers = true;
    for (const answer of this.#unanswered.splice(0)) answer();
    this.settle();
  }

  settle(): void {
    for (let step = 0; step < maxSteps; step++) {
      let acted = false;
      for (const peer of this.#peers) {
        for (const effect of peer.session.take()) {
          acted = true;
          this.#do(peer, effect);
        }
      }
      if (!acted) return;
    }
    throw new Error(`not settled after ${maxSteps} steps`);
  }

  #do(peer: WorldPeer, effect: PeerEffect): void {
    switch (effect.do) {
      case "show":
        if (effect.line !== undefined) peer.lines.push(effect.line);
        peer.notices.push(effect.notice);
        return;
      case "ask": {
        this.asked.push(effect.message);
        const answer = () => peer.session.answered(this.#ask(effect.message));
        if (this.registryAnswers) answer();
        else this.#unanswered.push(answer);
        return;
      }
      case "dial":
        this.#dial(peer, effect.link, effect.contact);
        return;
      case "send":
        peer.sent.push(effect.text);
        peer.others.get(effect.link)?.received(bytes(effect.text));
        return;
      case "close":
      case "cut":
        peer.others.get(effect.link)?.ended();
        peer.others.delete(effect.link);
        return;
      case "exit":
        peer.exit = effect.why;
        return;
      case "hurry":
    }
  }

  #ask(message: string): Answer {
    const parser = new CppParser();
    parser.push(bytes(new CppService(this.registry, () => 1).receive(bytes(message)).reply ?? ""));
    const result = parser.next();
    return result.kind === "message" ? { message: result.message } : { failed: result.kind };
  }

  #dial(peer: WorldPeer, link: number, contact: Contact): void {
    const other = this.#peers.find(({ contact: { port } }) => port === contact.port);
    const far = other?.exit === undefined ? other?.session.accepted() : undefined;
    if (!other || far === undefined) {
      peer.session.dialFailed(link, "connection refused");
      return;
    }
    peer.others.set(link, {
      received: (data) => other.session.received(far, data),
      ended: () => other.session.ended(far),
    });
    other.others.set(far, {
      received: (data) => peer.session.received(link, data),
      ended: () => peer.session.ended(link),
    });
    peer.session.dialled(link);
  }
}
