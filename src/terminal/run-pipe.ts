// Assembles `parley client` in a pipe: standard streams, signals, one session. Knows no flags.

import { endedBy, type EndSignal, onSignals } from "../cli/end-signals.ts";
import { type ClientOptions, login } from "./login.ts";
import { stdout } from "./output.ts";
import { PipeClient } from "./pipe-client.ts";

/** @throws ParleyError */
export async function runPipe(options: ClientOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  // Nobody may be waiting for it any more when it comes.
  interruption.promise.catch(() => {});
  let pipe: PipeClient | undefined;
  const early: Parameters<PipeClient["hear"]>[0][] = [];
  const interrupt = (signal: EndSignal) => {
    interruption.reject(endedBy(signal));
    pipe?.interrupt(signal);
  };
  const stopListening = onSignals(["SIGINT", "SIGTERM"], interrupt);
  try {
    const hear = (event: (typeof early)[number]) =>
      pipe === undefined ? void early.push(event) : pipe.hear(event);
    const { session, connection } = await login(options, hear, interruption.promise);
    pipe = new PipeClient(session, connection, {
      follow: options.follow,
      json: options.json,
      input: Bun.stdin.stream(),
      output: stdout,
    });
    for (const event of early.splice(0)) pipe.hear(event);
    await pipe.run();
  } finally {
    stopListening();
  }
}
