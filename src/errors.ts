// Every failure that parley tells a person about: a code for programs, an exit code for shells (docs: README "Exit codes"),
// and a sentence that names what failed, with which value, and what to do. Pure.

/** Exit codes of the command line; they are a contract with scripts. */
export const exitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  cannotConnect: 3,
  refused: 4,
  notFound: 5,
  integrity: 6,
  stalled: 7,
  /** As a shell tells of who ended by SIGHUP, SIGINT, SIGTERM: 128 and the signal's number. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

/** Each error code, as it stands on the wire and in `--json`, with the exit code of a command that ends by it. */
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
  rate: exitCode.refused,
  full: exitCode.refused,
  "login-timeout": exitCode.refused,
  "not-found": exitCode.notFound,
  "unknown-user": exitCode.notFound,
  "not-in-room": exitCode.notFound,
  protocol: exitCode.integrity,
  version: exitCode.integrity,
  integrity: exitCode.integrity,
  changed: exitCode.integrity,
  stalled: exitCode.stalled,
  "slow-reader": exitCode.stalled,
  "hung-up": exitCode.hungUp,
  interrupted: exitCode.interrupted,
  terminated: exitCode.terminated,
} as const;

export type ErrorCode = keyof typeof exitCodes;

/** A failure that is said to a person as it stands, without a stack trace. */
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

/** Data can't be written any more: the disk is full, for example. */
export function unwritable(failure: Error): ParleyError {
  return new ParleyError("storage", `The output can't be written: ${failure.message}`);
}

/** Whether a code that came over the wire is one of ours. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(exitCodes, code);
}
