// stdout and stderr, each behind a bounded writer; nothing else writes to them. Knows no command.

import { ttyOutput } from "./tty-output.ts";
import { type Sink, Writer } from "./writer.ts";

// Without an `error` listener, a reader that closes the pipe would crash the program.
function streamOutput(stream: NodeJS.WriteStream, writer: () => Writer): Sink {
  stream.on("error", (error: Error) => writer().close(error));
  return stream;
}

/** stdout: data. */
export const stdout: Writer = new Writer(
  () => ttyOutput(1) ?? streamOutput(process.stdout, () => stdout),
);
/** stderr: text for people, and the log. */
export const stderr: Writer = new Writer(
  () => ttyOutput(2) ?? streamOutput(process.stderr, () => stderr),
);

/** Prints a line to stdout; dropped and counted if nobody reads. For data use `stdout.data`. */
export function print(line: string): void {
  stdout.line(line);
}

/** Resolves once everything is written, or after a second. Only main calls it, before exiting. */
export async function flush(): Promise<void> {
  await Promise.all([stdout.flush(), stderr.flush()]);
}
