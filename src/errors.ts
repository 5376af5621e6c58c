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

/** The exit code of each error code. Error codes are used on the wire and in `--json`. */
const exitCodes = {
  failed: exitCode.failed,
  "port-in-use": exitCode.failed,
  differs: exitCode.failed,
  locked: exitCode.failed,
  storage: exitCode.failed,
  usage: exitCode.usage,
  "name-invalid": exitCode.usage,
  "room-invalid": exitCode.usage,
  "text-invalid": exitCode.usage,
  "cannot-connect": exitCode.cannotConnect,
  "name-taken": exitCode.refused,
  "name-registered": exitCode.refused,
  "wrong-password": exitCode.refused,
  "wrong-token": exitCode.refused,
  "no-identity": exitCode.refused,
  rate: exitCode.refused,
  full: exitCode.refused,
  "tls-required": exitCode.refused,
  "login-timeout": exitCode.refused,
  "password-required": exitCode.refused,
  "members-only": exitCode.refused,
  banned: exitCode.refused,
  kicked: exitCode.refused,
  muted: exitCode.refused,
  "not-allowed": exitCode.refused,
  "room-banned": exitCode.refused,
  "room-key": exitCode.refused,
  "room-full": exitCode.refused,
  "invite-only": exitCode.refused,
  "is-there": exitCode.refused,
  elsewhere: exitCode.refused,
  declined: exitCode.refused,
  "not-found": exitCode.notFound,
  "not-there": exitCode.notFound,
  "unknown-user": exitCode.notFound,
  "not-in-room": exitCode.notFound,
  protocol: exitCode.integrity,
  version: exitCode.integrity,
  integrity: exitCode.integrity,
  changed: exitCode.integrity,
  "untrusted-server": exitCode.integrity,
  stalled: exitCode.stalled,
  "slow-reader": exitCode.stalled,
  "hung-up": exitCode.hungUp,
  interrupted: exitCode.interrupted,
  terminated: exitCode.terminated,
} as const;

export type ErrorCode = keyof typeof exitCodes;

/** A failure whose message is shown as is, without a stack trace. */
export class ParleyError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, sentence: string) {
    super(sentence);
    this.name = "ParleyError";
    this.code = code;
  }

  get exitCode(): number {
    return exitCodes[this.code];
  }
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
  return typeof code === "string" && Object.hasOwn(exitCodes, code);
}
