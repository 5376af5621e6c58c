// What one hub has for single people at another server that uses the same store. It arrives once, in
// the order of commits, or never if that server is over. Types only.

import type { AccountChangeKind } from "../protocol/messages.ts";
import type { Changer, Persona } from "./persona.ts";

/** Whoever sends it, as their own server knows them; the receiver knows from which server it comes. */
export type SignalSender = {
  /** Identity key. */
  readonly key: string;
  readonly name: string;
  readonly folded: string;
  /** `personKey`. */
  readonly person: string;
};

/**
 * A step of a private chat (private-chat.ts). `gone`: whoever was invited is not
 * there (any more).
 */
export type ChatStep =
  "invite" | "asked" | "busy" | "gone" | "accept" | "rejected" | "left" | "lost" | "renamed";

/**
 * `to`: an identity key at the server that it is for. `exchange`: each invitation has an ID, and what
 * follows from it carries that, or those of two that have crossed, one's own first.
 */
export type HubSignal = ChatSignal | PersonSignal;

export type ChatSignal = {
  readonly type: "chat";
  readonly to: string;
  readonly step: ChatStep;
  readonly exchange: readonly string[];
  readonly from: SignalSender;
};

/**
 * `to`: the folded name of somebody there; all devices are meant. Whoever sends it has the right to
 * do so: the sending server has checked that.
 */
export type PersonSignal = { readonly to: string } & (
  | {
      readonly type: "rank";
      readonly room: string;
      readonly what: "operator" | "voice";
      readonly isOn: boolean;
      readonly by: Changer;
    }
  /** Leaves the room. */
  | {
      readonly type: "put-out";
      readonly room: string;
      readonly by: Changer;
      readonly text: string;
    }
  /** Is invited into the room. */
  | { readonly type: "call"; readonly room: string; readonly by: Changer }
  /** Tags without a text (people-events.ts). */
  | {
      readonly type: "tags";
      readonly from: string;
      readonly persona: Persona | undefined;
      readonly shown: string;
      readonly tags: string;
      readonly timeMs: number;
    }
  /** A device of their account has changed it. */
  | {
      readonly type: "account-changed";
      readonly change: AccountChangeKind;
      readonly device: string;
      readonly key?: string | undefined;
      readonly proof?: string | undefined;
    }
  /** Is put out of the server, which says why. */
  | { readonly type: "expel"; readonly reason: string }
);
