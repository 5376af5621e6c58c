// The meanings of the exit codes, for the man pages. Pure.

import { exitCode } from "../errors.ts";

export const exitMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [exitCode.done, "Done"],
  [exitCode.failed, "Failed: a port in use, a differing file without --force, a disk error"],
  [exitCode.usage, "Wrong usage, an invalid name too"],
  [exitCode.cannotConnect, "Cannot connect"],
  [exitCode.refused, "Refused: name taken or registered, password, banned, rate, full, declined"],
  [exitCode.notFound, "Not found"],
  [exitCode.integrity, "Integrity or protocol error; a server's key that is not the known one"],
  [exitCode.stalled, "Stalled or timed out; the partial file is kept"],
  [exitCode.hungUp, "Ended by SIGHUP"],
  [exitCode.interrupted, "Ctrl-C (a server that is asked to stop ends with 0)"],
  [exitCode.terminated, "Ended by SIGTERM"],
];
