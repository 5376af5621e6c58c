// stdout and stderr, each behind a bounded writer; nothing else writes to them. Knows no command.

import { isTerminal } from "./is-terminal.ts";
import { PipeOutput } from "./pipe-output.ts";
import { ttyOutput } from "./tty-output.ts";
import { type Sink, Writer } from "./writer.ts";

function open(fd: 1 | 2, writer: () => Writer): Sink {
  if (!isTerminal(fd)) return new PipeOutput(fd);
  return ttyOutput(fd) ?? streamOutput(fd === 1 ? process.stdout : process.stderr, writer);
}

// Without an `error` listener, a terminal that is closed would crash the program.
function streamOutput(stream: NodeJS.WriteStream, writer: () => Writer): Sink {
  stream.on("error", (error: Error) => writer().close(error));
  return stream;
}

/** stdout: data. */
export const stdout: Writer = new Writer(() => open(1, () => stdout));
/** stderr: text for people, and the log. */
export const stderr: Writer = new Writer(() => open(2, () => stderr));

/** Prints a line to stdout; dropped and counted if nobody reads. For data use `stdout.data`. */
export function print(line: string): void {
  stdout.line(line);
}

/**
 * Resolves once everything is written, or after a second; after a success, data waits for its
 * reader for longer. Only main calls it, before exiting.
 */
export async function flush(isSuccess: boolean): Promise<void> {
  await Promise.all([isSuccess ? stdout.finish() : stdout.flush(), stderr.flush()]);
}
