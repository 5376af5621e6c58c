// What one hub has for single people at another server that uses the same store. It arrives once, in
// the order of commits, or never if that server is over. Types only.

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
 * follows from it carries that; a chat that two invitations have started at once has both.
 */
export type HubSignal = {
  readonly type: "chat";
  readonly to: string;
  readonly step: ChatStep;
  readonly exchange: readonly string[];
  readonly from: SignalSender;
};
