// Failures that parley reports to people: a code for programs, an exit code for shells
// (docs/scripts.md), and a sentence that says what failed, quotes the value and says what to do.
// Pure.

/** The command line's exit codes: a contract with scripts. */
export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  cannotConnect: 3,
  refused: 4,
  notFound: 5,
  integrity: 6,
  stalled: 7,
  /** 128 plus the signal number, as shells report SIGHUP, SIGINT and SIGTERM. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

/**
 * The error codes by their exit codes. Error codes are used on the wire and in `--json`. Nothing
 * but literals: a bundler leaves it out of the page.
 */
const errorCodes = {
  failed: ["failed", "port-in-use", "differs", "locked", "storage", "unreadable"],
  usage: ["usage", "name-invalid", "room-invalid", "text-invalid"],
  cannotConnect: ["cannot-connect"],
  refused: [
    "name-taken",
    "name-registered",
    "wrong-password",
    "wrong-token",
    "no-identity",
    "rate",
    "full",
    "tls-required",
    "login-timeout",
    "password-required",
    "members-only",
    "banned",
    "kicked",
    "muted",
    "not-allowed",
    "room-banned",
    "room-key",
    "room-full",
    "invite-only",
    "is-there",
    "elsewhere",
    "declined",
  ],
  notFound: ["not-found", "not-there", "unknown-user", "not-in-room"],
  integrity: ["protocol", "version", "integrity", "changed", "untrusted-server"],
  stalled: ["stalled", "slow-reader"],
  hungUp: ["hung-up"],
  interrupted: ["interrupted"],
  terminated: ["terminated"],
} as const;

type Group = keyof typeof errorCodes;
export type ErrorCode = (typeof errorCodes)[Group][number];

/** A failure whose message is shown as is, without a stack trace. */
export class ParleyError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, sentence: string) {
    super(sentence);
    this.name = "ParleyError";
    this.code = code;
  }
}

export function exitCodeOf({ code }: Pick<ParleyError, "code">): number {
  const groups = Object.entries(errorCodes) as [Group, readonly ErrorCode[]][];
  const [group = "failed"] = groups.find(([, codes]) => codes.includes(code)) ?? [];
  return exitCode[group];
}

/** What was asked for is at another server of the same cluster, at that `HOST:PORT`. */
export class ElsewhereError extends ParleyError {
  constructor(
    sentence: string,
    readonly at: string,
  ) {
    super("elsewhere", sentence);
  }
}

/** The other end refuses for the moment: the same may succeed later. */
export class RefusedForNow extends ParleyError {
  constructor(
    code: ErrorCode,
    sentence: string,
    /** It asks to be left alone for this long. */
    readonly retryAfterMs: number,
  ) {
    super(code, sentence);
  }
}

/** The name is registered, and its password would be accepted. */
export class NamePasswordWanted extends ParleyError {
  constructor(
    readonly wantedBy: string,
    sentence: string,
  ) {
    super("name-registered", sentence);
  }
}

/** Output can no longer be written, for example because the disk is full. */
export function unwritable(failure: Error): ParleyError {
  return new ParleyError("storage", `The output can't be written: ${systemReason(failure)}`);
}

/** The operating system's code of an error, such as `ENOENT`; empty if it has none. */
export function systemCode(error: unknown): string {
  return error !== null && typeof error === "object" && "code" in error ? String(error.code) : "";
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Why a system call failed, in a sentence that names the file itself: "ENOENT: no such file or
 * directory, open 'motd'" without the code, the call and the path.
 */
export function systemReason(error: unknown): string {
  const message = errorMessage(error);
  if (systemCode(error) === "") return message;
  return /^[A-Z0-9_]+: ([^,']+), \w+/.exec(message)?.[1] ?? message;
}

/** Whether this version knows an error code from the wire. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return Object.values(errorCodes)
    .flat()
    .some((one) => one === code);
}
