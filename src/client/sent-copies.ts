// Copies of sealed messages for the user's own other devices: sealed for those that this device
// knows by itself (siblings.ts), and opened when they come from one of these. Pure.

import { BoundedMap } from "../bounded-map.ts";
import { fold } from "../chat/names/grammar.ts";
import { ParleyError } from "../errors.ts";
import { sealed as limits } from "../limits.ts";
import type { Sealed } from "../protocol/messages.ts";
import type { SessionEvent, SessionResponse } from "./events.ts";
import { decodeSealed, sealContext } from "./sealed-text.ts";
import type { SealingDevice } from "./sealing-device.ts";
import { siblingsOf } from "./siblings.ts";
import type { OwnDevices } from "../trust/own-devices.ts";

type Copied = Extract<SessionEvent, { type: "copied" }>;
type Answer = Extract<SessionResponse, { type: "keys" }> | { type: "error" };

/** `siblings`: keys of the user's other devices, as far as this one knows them by itself. */
type Self = { readonly isListed: boolean; readonly siblings: readonly string[] };

type Parts = {
  device: SealingDevice;
  /** The user's own name. */
  name: () => string;
  /** The server's answer about a name's keys; undefined: offline. */
  ask: (name: string) => Promise<Answer | undefined>;
  note: (text: string) => void;
};

export class SentCopies {
  readonly #parts: Parts;
  /** What the server says about the own name's keys; undefined before it was asked. */
  #self: Self | undefined;
  /** How often that was forgotten. */
  #forgotten = 0;
  /** Devices of which the user knows that their copies are not shown. */
  readonly #strangers = new BoundedMap<string, true>(limits.maxSenders);

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The user's devices may be others now. */
  forget(): void {
    this.#self = undefined;
    this.#forgotten++;
  }

  /** Logged in: a device that has joined with a code looks for the other one's proof in time. */
  handleOnline(isRegistered: boolean): void {
    this.forget();
    if (isRegistered && this.#find()?.secret !== undefined) void this.self();
  }

  /** Undefined: offline. */
  async self(): Promise<Self | undefined> {
    if (this.#self !== undefined) return this.#self;
    const { device, ask, note } = this.#parts;
    const name = this.#parts.name();
    const before = this.#forgotten;
    const answer = await ask(name);
    if (answer === undefined) return undefined;
    const isOurs = answer.type === "keys" && answer.registered && fold(answer.name) === fold(name);
    const keys = isOurs ? answer.keys : [];
    const vouches = (isOurs ? answer.vouches : undefined) ?? [];
    let siblings: readonly string[] = [];
    try {
      siblings = siblingsOf(name, device, keys, vouches);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      note(error.message);
    }
    const self = { isListed: keys.includes(device.key), siblings };
    if (before === this.#forgotten) this.#self = self;
    return self;
  }

  /**
   * The content sealed for the user's other devices; undefined if there are none. `usedChars`: what
   * the boxes for the recipient take.
   */
  async seal(
    to: string,
    content: Uint8Array,
    usedChars: number,
  ): Promise<Sealed["boxes"] | undefined> {
    const { device, note } = this.#parts;
    const name = this.#parts.name();
    const siblings = (await this.self())?.siblings ?? [];
    if (siblings.length === 0 || fold(to) === fold(name)) return undefined;
    const context = sealContext(name, to, "sent copy");
    const copies: { key: string; box: string }[] = [];
    let chars = usedChars;
    for (const key of siblings) {
      // An unusable key keeps its own device from getting copies, and nobody else.
      const box = await device.sealer.seal(content, key, context).catch(() => undefined);
      if (box === undefined) continue;
      chars += box.length;
      copies.push({ key, box });
    }
    if (chars <= limits.maxChars) return copies.length === 0 ? undefined : copies;
    note("The message is too long to be copied to your other devices");
    return undefined;
  }

  #find(): OwnDevices | undefined {
    const { device, name, note } = this.#parts;
    try {
      return device.own.find(name());
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      note(error.message);
      return undefined;
    }
  }

  /** Undefined: it is not shown, because it is for others, came before, or can be anybody's. */
  async open(event: Copied): Promise<Copied | undefined> {
    const { device, name, note } = this.#parts;
    const { sealed } = event;
    const box = sealed?.boxes.find(({ key }) => key === device.key)?.box;
    // This device has sent it itself, or it is for others.
    if (sealed === undefined || box === undefined || sealed.key === device.key) return undefined;
    const { key: from } = sealed;
    // After a lost connection, those that were known before count.
    const siblings = (await this.self())?.siblings ?? this.#find()?.keys ?? [];
    if (!siblings.includes(from)) {
      if (!this.#strangers.has(from)) note(strangeCopy);
      this.#strangers.set(from, true);
      return undefined;
    }
    const [to = ""] = event.to;
    const content = await device.sealer.open(box, from, sealContext(name(), to, "sent copy"));
    const found = content === undefined ? undefined : decodeSealed(content);
    if (found === undefined) return undefined;
    const { id, timeMs, text } = found;
    if (device.seen.check(from, id, timeMs) !== "fresh") return undefined;
    device.seen.add(from, id, timeMs, device.now());
    return { ...event, text };
  }
}

const strangeCopy =
  "A message that you are said to have sent from another device is not shown: this device does not " +
  "know that device. To connect the two, revoke one on the other (/devices revoke), and add it again";
