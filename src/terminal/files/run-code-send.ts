// Assembles `parley send-file` without a recipient: files for anyone who knows a code, through a
// server or served from this machine. Knows no flags.

import { isLoopback } from "../../addresses.ts";
import { CodeDoor } from "../../codes/code-door.ts";
import { browserLink } from "../../codes/browser-link.ts";
import { CodeServer, type CodeServerOptions } from "../../codes/code-server.ts";
import { announce } from "../../codes/lan.ts";
import { LinkedSender } from "../../codes/linked-sender.ts";
import { NextCode } from "../../codes/next-code.ts";
import { ParleyError, unwritable } from "../../errors.ts";
import { pathName } from "../../handover/handover-events.ts";
import { OfferedFolder } from "../../handover/offered-folder.ts";
import { endedBy, onSignals } from "../../io/end-signals.ts";
import { Deadline, dial } from "../../io/dial.ts";
import {
  type Address,
  hostPortText,
  reachableHosts,
  type ServerAddress,
} from "../../io/host-port.ts";
import { codes as limits } from "../../limits.ts";
import { createKeyPair, type KeyPair } from "../../tls/certificate.ts";
import { randomCode } from "../../tls/code-words.ts";
import { withAskedPassword } from "../admitted.ts";
import { CodeReport } from "./code-report.ts";
import { stderr, stdout } from "../output/output.ts";

export type CodeSendOptions = {
  readonly paths: readonly string[];
  /** Called once signals are handled here. */
  readonly onListening?: () => void;
  /** Serves one receiver after another, each with a new code. */
  readonly keep: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly limitBytesPerSecond?: number | undefined;
  /** False: the receiver must not learn our addresses. */
  readonly direct: boolean;
  /** The server that relays the files. */
  readonly server: ServerAddress;
  /**
   * The user did not ask for this server: this machine serves the files as well, and alone if there
   * is no server.
   */
  readonly isServerOptional: boolean;
};

/** All addresses of this machine, and those of a machine without IPv6. */
const everywhere = "::";
const everywhere4 = "0.0.0.0";

/** Resolves when a receiver has verified everything. @throws ParleyError */
export async function runCodeSend(given: CodeSendOptions): Promise<void> {
  const folder = await OfferedFolder.of(given.paths);
  // Nobody is asked for the password of a server that they did not name.
  const server = given.isServerOptional ? given.server : await withAskedPassword(given.server);
  const options = { ...given, server };
  const report = new CodeReport(options.json, options.quiet);
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  let isStopped = false;
  const stopListening = onSignals((signal) => {
    isStopped = true;
    interruption.reject(endedBy(signal, "the code is void"));
  });
  options.onListening?.();
  // A code that nobody has seen would wait for ever; a closed pipe may have passed it on.
  stdout.onClosed(() => {
    if (stdout.failure !== undefined) interruption.reject(unwritable(stdout.failure));
  });
  report.leftOut(folder.leftOut);
  try {
    const key = await createKeyPair(Date.now());
    const sending = { ...options, key, report, interrupted: interruption.promise };
    if (options.keep) await serveMany(folder, sending);
    else await serveOnce(folder, sending);
  } finally {
    stopListening();
    report.end();
    // Whoever stops it does not wait for a reader that has stopped.
    if (!isStopped) await stdout.emptied();
    await stderr.flush();
  }
}

type Sending = CodeSendOptions & {
  key: KeyPair;
  report: CodeReport;
  interrupted: Promise<never>;
};

/**
 * Serves one receiver after another. @throws ParleyError when interrupted, or after too many
 * guesses
 */
async function serveMany(folder: OfferedFolder, sending: Sending): Promise<void> {
  const { report, interrupted } = sending;
  const next = new NextCode();
  for (;;) {
    try {
      await serveOnce(folder, sending);
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      const pauseMs = next.pauseAfter(error, !report.hasCode);
      if (pauseMs === undefined) throw error;
      report.voided(error.message);
      await Promise.race([Bun.sleep(pauseMs), interrupted]);
    }
  }
}

/** Serves one code until it is used. @throws ParleyError `not-allowed` after a wrong guess */
async function serveOnce(folder: OfferedFolder, sending: Sending): Promise<void> {
  const { report, interrupted, key, isServerOptional } = sending;
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {});
  const opening = atServer(folder, sending, done);
  const linked = await Promise.race([opening, interrupted]).catch((error: unknown) => {
    void opening.then((late) => late?.close()).catch(() => {});
    throw error;
  });
  const drawn = randomCode(limits.maxNumber);
  const code = linked === undefined ? drawn : { ...drawn, number: linked.number };
  /** The guest is connected to this machine, not through the server. */
  let isServedHere = false;
  const door = new CodeDoor(code, (state, from) => {
    if (state === "taken") {
      isServedHere = from !== "";
      report.taken(from);
    }
    linked?.handleDoor();
    if (state === "void") done.reject(wrongCode(from, sending.keep));
  });
  const local = isServerOptional
    ? await listen({
        folder,
        door,
        key,
        patienceMs: sending.keep ? limits.awayMs : limits.unusedMs,
        onInterrupted: (reason) => report.interrupted(reason),
        onDone: () => done.resolve(),
        onFailed: (error) => done.reject(error),
      }).catch((error: unknown) => {
        linked?.close();
        throw error;
      })
    : undefined;
  const stopAnnouncing = local === undefined ? () => {} : announce(code.number, local.port);
  const progress = setInterval(() => {
    if (local !== undefined && isServedHere) report.progress(local.sentBytes, folder);
  }, limits.progressMs);
  try {
    const place = linked && (await addressFor(sending));
    const server = place && hostPortText(place);
    const link = place && browserLink(linked.page, place, code);
    const addresses = local === undefined ? undefined : addressesOf(local);
    report.code(code, { addresses, server, link }, folder);
    linked?.serve(code, door);
    await Promise.race([done.promise, interrupted]);
    report.done(folder);
  } finally {
    clearInterval(progress);
    stopAnnouncing();
    local?.close();
    linked?.close();
  }
}

/** @throws ParleyError `failed` */
async function listen(options: Omit<CodeServerOptions, "host">): Promise<CodeServer> {
  try {
    return await CodeServer.open({ ...options, host: everywhere });
  } catch {
    return await CodeServer.open({ ...options, host: everywhere4 });
  }
}

/** `HOST:PORT` where this machine can be reached; IPv4 first, which more networks have. */
function addressesOf({ host, port }: CodeServer): readonly string[] {
  return hostsOf(host).map((one) => hostPortText({ host: one, port }));
}

function hostsOf(host: string): readonly string[] {
  const outward = reachableHosts(host).filter((one) => !isLoopback(one));
  const [v6, v4] = [true, false].map((isV6) => outward.filter((one) => one.includes(":") === isV6));
  // Where IPv6 is switched off, there is no ::1, whatever can be listened on.
  return [...(v4 ?? []), ...(v6 ?? []), "127.0.0.1"];
}

/** Opens a code at the server. Undefined if no server accepts one and none was asked for. */
async function atServer(
  folder: OfferedFolder,
  { server, isServerOptional, limitBytesPerSecond, direct, keep, report }: Sending,
  done: PromiseWithResolvers<void>,
): Promise<LinkedSender | undefined> {
  try {
    return await LinkedSender.open({
      server,
      folder,
      limitBytesPerSecond,
      isDirectAllowed: direct,
      patienceMs: keep ? limits.awayMs : undefined,
      onPath: (path) => report.path(pathName(path)),
      onProgress: (bytes) => report.progress(bytes, folder),
      onInterrupted: (reason) => report.interrupted(reason),
      onDone: () => done.resolve(),
      onFailed: (error) => done.reject(error),
    });
  } catch (error) {
    if (isServerOptional && error instanceof ParleyError) return undefined;
    throw error;
  }
}

/**
 * The address at which others reach the server: if it runs on this machine and listens on the
 * network, one of this machine's network addresses.
 */
async function addressFor({ server, isServerOptional }: Sending): Promise<Address> {
  if (!isServerOptional) return server;
  const hosts = hostsOf(everywhere).filter((host) => !isLoopback(host));
  // One of each family: a server may listen on IPv4 alone.
  for (const isV6 of [false, true]) {
    const host = hosts.find((one) => one.includes(":") === isV6);
    if (host === undefined) continue;
    const deadline = new Deadline(limits.reachMs);
    const outcome = await dial({ host, port: server.port }, deadline, { events: () => silent });
    deadline.cancel();
    if (typeof outcome === "string") continue;
    outcome.end();
    return { host, port: server.port };
  }
  return server;
}

const silent = { data() {}, ended() {} };

function wrongCode(from: string, keep: boolean): ParleyError {
  const who = from === "" ? "Somebody" : `Somebody at ${from}`;
  const advice = keep ? "" : ": send again for a new one";
  return new ParleyError("not-allowed", `${who} tried a wrong code, so this one is void${advice}`);
}
