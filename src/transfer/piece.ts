// A part of a transfer that the control connection carries. Types only.

/** Sealed bytes of the file from `offset` on. */
export type Piece = { transfer: number; offset: number; bytes: Uint8Array };
