// The one way out to stdout and stderr: nothing else may write there. Knows no command.

import { ttyOutput } from "./tty-output.ts";
import { type Sink, Writer } from "./writer.ts";

// Without a listener for `error`, a reader that goes away would end the program with a stack trace.
function guarded(stream: NodeJS.WriteStream, writer: () => Writer): Sink {
  stream.on("error", (error: Error) => writer().close(error));
  return stream;
}

/** stdout: data. */
export const stdout: Writer = new Writer(
  () => ttyOutput(1) ?? guarded(process.stdout, () => stdout),
);
/** stderr: human text. */
export const stderr: Writer = new Writer(
  () => ttyOutput(2) ?? guarded(process.stderr, () => stderr),
);

/** Prints a log line on stdout (a server's own lines); dropped and counted when nobody reads. For data use `stdout.data`. */
export function print(line: string): void {
  stdout.line(line);
}

/** Resolves when everything said and printed has left, or a second has passed. Only main calls it, before it exits. */
export async function flush(): Promise<void> {
  await Promise.all([stdout.flush(), stderr.flush()]);
}
