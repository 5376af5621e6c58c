// Assembles `parley send-file` without a person: files for whoever knows the code, served from this
// machine. Knows no flags.

import { CodeServer } from "../codes/code-server.ts";
import { announce } from "../codes/lan.ts";
import { ParleyError } from "../errors.ts";
import { OfferedFolder } from "../handover/offered-folder.ts";
import { endedBy, onSignals } from "../io/end-signals.ts";
import { codes as limits } from "../limits.ts";
import { createKeyPair, type KeyPair } from "../tls/certificate.ts";
import { randomCode } from "../tls/code-words.ts";
import { CodeReport } from "./code-report.ts";
import { stderr, stdout } from "./output.ts";

export type CodeSendOptions = {
  readonly paths: readonly string[];
  /** Serves one after the other, each by a code of its own. */
  readonly keep: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
};

/** Every address of this machine. */
const everywhere = "0.0.0.0";

/** Resolves when somebody has everything, and has verified it. @throws ParleyError */
export async function runCodeSend(options: CodeSendOptions): Promise<void> {
  const folder = await OfferedFolder.of(options.paths);
  const report = new CodeReport(options.json, options.quiet);
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  const stopListening = onSignals(["SIGINT", "SIGTERM"], (signal) =>
    interruption.reject(endedBy(signal, "the code is void")),
  );
  try {
    const key = await createKeyPair(Date.now());
    do {
      await serveOnce(folder, { ...options, key, report, interrupted: interruption.promise });
    } while (options.keep);
  } finally {
    stopListening();
    report.end();
    await stdout.emptied();
    await stderr.flush();
  }
}

type Serving = CodeSendOptions & {
  key: KeyPair;
  report: CodeReport;
  interrupted: Promise<never>;
};

/** By one code: until it is used. @throws ParleyError `not-allowed`: by a wrong guess */
async function serveOnce(folder: OfferedFolder, serving: Serving): Promise<void> {
  const { key, report, keep, interrupted } = serving;
  const code = randomCode(limits.maxNumber);
  const done = Promise.withResolvers<void>();
  const server = await CodeServer.open({
    folder,
    code,
    key,
    host: everywhere,
    onDoor(state, address) {
      if (state === "taken") report.taken(address);
      if (state !== "void") return;
      const sentence = `Somebody at ${address} has tried a wrong code, so this one is void: send again for a new one`;
      done.reject(new ParleyError("not-allowed", sentence));
    },
    onDone: () => done.resolve(),
  });
  const stopAnnouncing = announce(code.number, server.port);
  const progress = setInterval(() => report.progress(server.sentBytes, folder), limits.progressMs);
  try {
    report.code(code, server.port, folder);
    await Promise.race([done.promise, interrupted]);
    report.done(folder);
  } catch (error) {
    if (!keep || !(error instanceof ParleyError) || error.code !== "not-allowed") throw error;
    report.voided(error.message);
  } finally {
    clearInterval(progress);
    stopAnnouncing();
    server.close();
  }
}
