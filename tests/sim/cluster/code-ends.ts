// Two who exchange files by code, without files: the sender opens a code at any server and returns
// to any after a cut, the guest finds the code through any server, and frames pass between them.

import { type Channel, heardFrame, newOfferId, openedChannel, someFrames } from "../chat/frames.ts";
import type { ServerProcess } from "../chat/server-process.ts";
import type { Surroundings } from "../chat/surroundings.ts";
import { JsonClient } from "./json-client.ts";
import { PlacedClient, type Places } from "./placed-client.ts";

export class CodeSender extends PlacedClient {
  /** Of its code; undefined: it has none. */
  #offer: string | undefined;
  /** Undefined: it has not been given one yet. */
  number: number | undefined;
  #channel: Channel | undefined;

  constructor(world: Surroundings, places: Places) {
    super(world, places, "Cody", "192.0.2.252");
  }

  doSomething(): void {
    const { random } = this.world;
    if (!this.isConnected) return this.#connect();
    const dice = random();
    const channel = this.#channel;
    if (dice < 0.08) {
      this.cut(random() * 3_000, random() * 90_000);
      if (random() < 0.7) this.world.clock.after(random() * 3_000, () => this.#connect());
    } else if (this.#offer === undefined) this.#open();
    else if (dice < 0.1) this.end();
    else if (channel !== undefined) {
      for (const data of someFrames(channel, random)) {
        this.send({ type: "pass", offer: this.#offer, channel: channel.number, data });
      }
    }
  }

  /** Ends the code. */
  end(): void {
    this.send({ type: "end-files", offer: this.#offer, reason: "cancelled" });
    this.#over();
  }

  #connect(): void {
    if (this.isConnected || !this.reconnect()) return;
    this.send({ type: "hello", version: 2 });
    if (this.#offer !== undefined) this.#open();
  }

  #open(): void {
    this.#offer ??= newOfferId(this.world.random);
    const { nowMs: time } = this.world.clock;
    this.send({ type: "open-code", offer: this.#offer, number: this.number, time, ref: "open" });
  }

  protected hear(line: string): void {
    const message = JSON.parse(line);
    const { type, offer, number, channel } = message;
    if (type === "error") return this.leave();
    if (offer !== this.#offer || offer === undefined) return;
    switch (type) {
      case "code-opened":
        this.number = number;
        this.place = `code/${number}`;
        return;
      case "channel":
        this.#channel = openedChannel(channel);
        return this.send({ type: "answer-files", offer, accept: true });
      case "passed":
        return heardFrame(this.label, this.#channel, message);
      case "channel-lost":
        if (this.#channel?.number === channel) this.#channel = undefined;
        return;
      case "offer-ended":
        return this.#over();
    }
  }

  #over(): void {
    this.#offer = this.number = this.#channel = this.place = undefined;
  }

  protected override lost(): void {
    super.lost();
    this.#channel = undefined;
  }
}

export class CodeGuest extends JsonClient {
  #code: { readonly offer: string; readonly number: number } | undefined;
  /** Where it has joined. */
  #at: ServerProcess | undefined;
  #channel: Channel | undefined;

  constructor(
    world: Surroundings,
    readonly sender: CodeSender,
  ) {
    super(world, "Gus", "192.0.2.253");
  }

  doSomething(): void {
    const { random } = this.world;
    if (!this.isConnected) return this.#connect();
    const dice = random();
    const channel = this.#channel;
    if (dice < 0.1) this.cut(random() * 3_000, random() * 20_000);
    else if (dice < 0.15 || this.#code === undefined) this.#giveUp();
    else if (channel !== undefined) {
      const { offer } = this.#code;
      for (const data of someFrames(channel, random)) {
        this.send({ type: "pass", offer, channel: channel.number, data });
      }
    }
  }

  #connect(): void {
    const { number } = this.sender;
    if (number === undefined && this.#code === undefined) return;
    if (!this.connect(this.#at)) return this.#giveUp();
    this.#code ??= { offer: newOfferId(this.world.random), number: number! };
    this.send({ type: "hello", version: 2 });
    this.send({ type: "join-code", ...this.#code, ref: "join" });
  }

  #giveUp(): void {
    this.#code = this.#at = undefined;
    this.leave();
  }

  protected hear(line: string): void {
    const message = JSON.parse(line);
    const { type, offer, channel } = message;
    // At another server, perhaps.
    if (type === "error") return this.#giveUp();
    if (offer !== this.#code?.offer || offer === undefined) return;
    switch (type) {
      case "code-joined":
        this.#at = this.server;
        return;
      case "channel":
        this.#channel = openedChannel(channel);
        return;
      case "passed":
        return heardFrame(this.label, this.#channel, message);
      case "channel-lost":
        if (this.#channel?.number === channel) this.#channel = undefined;
        return;
      case "offer-ended":
        return this.#giveUp();
    }
  }

  protected lost(): void {
    this.#channel = undefined;
  }
}
