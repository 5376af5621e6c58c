// Why a request is refused, as its sender is told. Types only.

import type { ErrorCode } from "../errors.ts";

export type Refusal = {
  readonly code: ErrorCode;
  readonly message: string;
  /** When it may succeed. */
  readonly retryAfterMs?: number | undefined;
};

export type LoginRefusal = Refusal & {
  /** The name has a password, which was not sent. */
  readonly asksPassword?: boolean | undefined;
};
