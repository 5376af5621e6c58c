// Assembles `parley client` in a pipe: standard streams, signals, one session. Knows no flags.

import { endedBy, type EndSignal, onSignals } from "../io/end-signals.ts";
import { type ClientOptions, openSession } from "./open-session.ts";
import { PrivateMessages } from "../client/private-messages.ts";
import { say } from "./diagnostics.ts";
import { sealingDevice } from "./sealing-device.ts";
import { stdout } from "./output.ts";
import { PipeClient } from "./pipe-client.ts";

/** @throws ParleyError */
export async function runPipe(options: ClientOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  // It may reject when nobody awaits it any more.
  interruption.promise.catch(() => {});
  let pipe: PipeClient | undefined;
  const interrupt = (signal: EndSignal) => {
    interruption.reject(endedBy(signal));
    pipe?.interrupt(signal);
  };
  const stopListening = onSignals(["SIGINT", "SIGTERM"], interrupt);
  try {
    const { session, connection, listen } = await openSession(options, interruption.promise);
    let client: PipeClient | undefined;
    // A pipe sends nothing in private.
    const mail = new PrivateMessages(session, sealingDevice(options.identity, options.to), {
      deliver: (event) => client?.handleEvent(event),
      sent: () => {},
      note: say,
      applyOutputs: () => connection.applyOutputs(),
    });
    client = new PipeClient(session, connection, {
      follow: options.follow,
      json: options.json,
      input: Bun.stdin.stream(),
      output: stdout,
      settled: () => mail.settled(),
    });
    pipe = client;
    listen((event) => {
      if (!mail.handleEvent(event)) pipe?.handleEvent(event);
    });
    await client.run();
  } finally {
    stopListening();
  }
}
