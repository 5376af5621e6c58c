// Signals from one hub to individual people on another server that uses the same store. They arrive
// once, in order of commits, or never if that server has ended. Types only.

import type { AccountChangeKind } from "../../protocol/messages.ts";
import type { Changer, Persona } from "../people/persona.ts";

/** The sender as known to its own server; the receiver knows which server the signal comes from. */
export type SignalSender = {
  /** Identity key. */
  readonly key: string;
  readonly name: string;
  readonly folded: string;
  /** `personKey`. */
  readonly person: string;
};

/**
 * A step of a private chat (private-chat.ts). `gone`: the invited person is not there.
 */
export type ChatStep =
  "invite" | "asked" | "busy" | "gone" | "accept" | "rejected" | "left" | "lost" | "renamed";

/**
 * `to`: an identity key on the target server. `exchange`: each invitation has an ID, which all
 * later steps carry; if two invitations have crossed, steps carry both IDs, the sender's own first.
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
 * `to`: the folded name of somebody there; all their devices are meant. The sending server has
 * checked that the sender is allowed to do this.
 */
export type PersonSignal = {
  readonly to: string;
  /** They were expected at another server, which has passed it on. */
  readonly isPassedOn?: boolean | undefined;
} & (
  | {
      readonly type: "rank";
      readonly room: string;
      readonly what: "operator" | "voice";
      readonly isOn: boolean;
      readonly by: Changer;
      /** The sending server has announced it, and stored what outlasts their stay. */
      readonly isAnnounced?: boolean | undefined;
    }
  /** Must leave the room. */
  | {
      readonly type: "remove-member";
      readonly room: string;
      readonly by: Changer;
      readonly text: string;
    }
  /** Is invited to the room; `admits`: by an operator of it. */
  | {
      readonly type: "call";
      readonly room: string;
      readonly by: Changer;
      readonly admits: boolean;
    }
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
  /** Must be disconnected from the server, with this reason. */
  | { readonly type: "expel"; readonly reason: string }
);
