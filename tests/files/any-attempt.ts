// An attempt of a file whose version nobody wants.

import type { AttemptOptions } from "../../src/files/attempt.ts";

export const anyAttempt: AttemptOptions = {
  name: "file",
  heldBytes: 0,
  sha256: false,
  tagTimeoutMs: 1_000,
  // The ranges that are wanted are those of another version.
  onOffer: () => undefined,
  onTurn() {},
};
