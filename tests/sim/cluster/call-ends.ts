// Two peers: one takes calls at any server, and the other one finds and calls it, at any server.
// Frames pass between them; after a cut, the caller calls again, and the callee says which calls it
// has lost.

import { loginProofText } from "../../../src/trust/login-proof.ts";
import { fakeSignature } from "../../chat/fake-credentials.ts";
import { type Channel, heardFrame, newOfferId, openedChannel, someFrames } from "../chat/frames.ts";
import type { Surroundings } from "../chat/surroundings.ts";
import { JsonClient } from "./json-client.ts";
import { PlacedClient, type Places } from "./placed-client.ts";

const id = "Pia";
const key = new Bun.CryptoHasher("sha256").update(id).digest("base64url");

/** As the hub names it (call-commands.ts), with the tests' hash. */
const place = `call/hash of ${key} ${id.toLowerCase()}`;

export class CalledPeer extends PlacedClient {
  /** By offer; undefined: cut off. */
  readonly #calls = new Map<string, Channel | undefined>();

  constructor(world: Surroundings, places: Places) {
    super(world, places, id, "192.0.2.250");
  }

  doSomething(): void {
    const { random } = this.world;
    if (!this.isConnected) return this.#connect();
    const dice = random();
    if (dice < 0.02) this.send({ type: "bye" });
    else if (dice < 0.1) {
      this.cut(random() * 3_000, random() * 90_000);
      if (random() < 0.7) this.world.clock.after(random() * 3_000, () => this.#connect());
    } else {
      for (const [offer, channel] of this.#calls) {
        if (channel === undefined) continue;
        for (const data of someFrames(channel, random)) {
          this.send({ type: "pass", offer, channel: channel.number, data });
        }
      }
    }
  }

  #connect(): void {
    if (this.isConnected || !this.reconnect()) return;
    this.send({ type: "hello", version: 2, identity: { key } });
  }

  protected hear(line: string): void {
    const message = JSON.parse(line);
    const { type, nonce, offer, channel, reason } = message;
    switch (type) {
      case "challenge": {
        const signature = fakeSignature(key, loginProofText({ name: "", nonce }));
        this.send({ type: "prove", signature });
        const { nowMs: time } = this.world.clock;
        return this.send({ type: "take-calls", id, again: [...this.#calls.keys()], time });
      }
      case "taking-calls":
        this.place = place;
        return;
      case "channel":
        if (channel > 1 && !this.#calls.has(offer)) {
          return this.send({ type: "end-files", offer, reason: "cancelled" });
        }
        this.#calls.set(offer, openedChannel(channel));
        return;
      case "passed":
        if (this.#calls.has(offer)) heardFrame(this.label, this.#calls.get(offer), message);
        return;
      case "offer-ended":
        if (reason === "lost") this.#calls.set(offer, undefined);
        else this.#calls.delete(offer);
    }
  }

  protected override lost(): void {
    super.lost();
    for (const offer of this.#calls.keys()) this.#calls.set(offer, undefined);
  }
}

export class Caller extends JsonClient {
  #call: { readonly offer: string; number: number; channel: Channel | undefined } | undefined;

  constructor(world: Surroundings) {
    super(world, "Carl", "192.0.2.251");
  }

  doSomething(): void {
    const { random } = this.world;
    if (!this.isConnected) {
      if (this.connect()) this.send({ type: "hello", version: 2 });
      return;
    }
    const dice = random();
    const { offer, channel } = this.#call ?? {};
    if (dice < 0.1) this.cut(random() * 3_000, random() * 20_000);
    else if (offer === undefined || channel === undefined) this.#callAgain();
    else if (dice < 0.15) {
      this.send({ type: "end-files", offer, reason: "cancelled" });
      this.#call = undefined;
    } else {
      for (const data of someFrames(channel, random)) {
        this.send({ type: "pass", offer, channel: channel.number, data });
      }
    }
  }

  #callAgain(): void {
    this.#call ??= { offer: newOfferId(this.world.random), number: 0, channel: undefined };
    const { offer } = this.#call;
    const channel = ++this.#call.number;
    this.send({ type: "call", offer, to: id, key, channel, ref: "call" });
  }

  protected hear(line: string): void {
    const message = JSON.parse(line);
    const call = this.#call;
    switch (message.type) {
      case "error":
        // At another server, perhaps.
        return this.leave();
      case "channel":
        if (message.offer === call?.offer) call!.channel = openedChannel(message.channel);
        return;
      case "passed":
        if (message.offer === call?.offer) heardFrame(this.label, call?.channel, message);
        return;
      case "offer-ended":
        if (message.offer !== call?.offer) return;
        if (message.reason === "lost") call!.channel = undefined;
        else this.#call = undefined;
    }
  }

  protected lost(): void {
    if (this.#call !== undefined) this.#call.channel = undefined;
  }
}
