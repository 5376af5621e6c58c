// `parley server`: starts the server, prints where it can be reached, and runs until a signal or
// `/quit` on stdin.

import { defineCommand } from "citty";
import { isLoopback } from "../../addresses.ts";
import { errorMessage, ParleyError } from "../../errors.ts";
import { hostPortText } from "../../io/host-port.ts";
import type { AdminAnswer } from "../../chat/admin/answer.ts";
import { nextExport } from "../../chat/admin/export-pages.ts";
import type { AdminRow } from "../../protocol/messages.ts";
import { ChatServer } from "../../server/chat-server.ts";
import { watchServerKey } from "../../server/key-watch.ts";
import { folderState } from "../../server/files/shared-folder.ts";
import { whenForeground } from "../../terminal/output/foreground.ts";
import { isTerminal } from "../../terminal/output/is-terminal.ts";
import { jsonLine } from "../../terminal/output/json-line.ts";
import { print, stdout } from "../../terminal/output/output.ts";
import { qrCode } from "../../terminal/output/qr-code.ts";
import { wantsColors } from "../../terminal/output/style.ts";
import { CertificateFiles } from "../../tls/certificate-files.ts";
import { openServerKey, restoreServerKey, type ServerKey } from "../../tls/server-key.ts";
import { inTurns, typedLines } from "../../terminal/editor/typed-lines.ts";
import { say, diagnostics, warn } from "../../terminal/output/diagnostics.ts";
import { harmless, quoted } from "../../text.ts";
import { stopOnSignals } from "../../io/end-signals.ts";
import { notifyServiceManager } from "../../io/service-manager.ts";
import { passwordOf } from "../identity-flag.ts";
import { readMotd } from "../motd-file.ts";
import {
  claimLines,
  exposureWarning,
  isForOthers,
  pageUrl,
  serverBanner,
} from "../server-banner.ts";
import { besideData, serverFlags, type ServerSettings, serverSettings } from "../server-flags.ts";

export default defineCommand({
  meta: { name: "server", description: "Serve a chat, a shared folder and a page for browsers" },
  args: serverFlags,
  async run({ args }) {
    const settings = serverSettings(args);
    const { json, logLevel } = settings;
    diagnostics.configure({ level: logLevel, json });
    const printLine = (line: string): void => {
      print(json ? jsonText({ event: "log", line }) : line);
    };
    const { certificateFiles } = settings;
    const certificate =
      certificateFiles && new CertificateFiles(certificateFiles.cert, certificateFiles.key);
    const { motdFile } = settings;
    let motd = readMotd(motdFile);
    const password = passwordOf(settings.passwordFile);
    const key = await keyOf(settings);
    const stopped = Promise.withResolvers<void>();
    const server = await ChatServer.start({
      ...settings,
      password,
      motd: () => motd,
      reload() {
        try {
          motd = readMotd(motdFile);
          return undefined;
        } catch (error) {
          return errorMessage(error);
        }
      },
      stateIsOptional: !settings.stateIsGiven,
      secretFiles: [certificateFiles?.key, settings.passwordFile].filter(
        (path) => path !== undefined,
      ),
      onStop: stopped.resolve,
      key,
      pin: key?.pin,
      certificate,
      print: printLine,
      announce: say,
      log: diagnostics.log,
    });
    // Listen for signals before announcing readiness, since a script may stop the server right
    // away.
    stopOnSignals(stopped.resolve);
    readOrders(server, json);
    announce(server, settings, key?.pin);
    if (!notifyServiceManager("READY=1")) warn(untold);
    const stopWatching =
      key && watchServerKey(() => restoreServerKey(settings.state, key), diagnostics.log);
    await stopped.promise;
    stopWatching?.();
    notifyServiceManager("STOPPING=1");
    if (!json) printLine("");
    printLine("Server shutting down...");
    await server.stop();
    diagnostics.reportLeftOut();
  },
});

/** On stderr. */
function canShowBlocks(): boolean {
  return isTerminal(2) && process.env["TERM"] !== "dumb";
}

const untold =
  "NOTIFY_SOCKET is set, but the service manager can't be told that the server is ready";

/**
 * The server's key. On loopback, where nobody needs TLS, a server runs without a key if the default
 * folder can't hold one, as on a read-only file system.
 */
async function keyOf({
  host,
  data,
  state,
  stateIsGiven,
}: ServerSettings): Promise<ServerKey | undefined> {
  try {
    return await openServerKey(state, { isInFolder: state === besideData(data) });
  } catch (error) {
    if (!(error instanceof ParleyError) || stateIsGiven || !isLoopback(host)) throw error;
    warn(`${error.message}. There is no TLS until then`);
    return undefined;
  }
}

function announce(server: ChatServer, settings: ServerSettings, pin: string | undefined): void {
  const { host, json, files, publicUrl, plain } = settings;
  const { port, webPort, metricsPort, dialectPorts } = server;
  const isClosed = settings.passwordFile !== undefined || settings.membersOnly === true;
  const areFilesMissing = folderState(files) === "missing";
  const reachable = { host, port, webPort, publicUrl, metricsPort, dialectPorts, pin, plain };
  const { isPageSecure } = server;
  const place = { ...reachable, isPageSecure, files, areFilesMissing };
  // Above the text, which on a small terminal stays in view.
  const page = pageUrl(place);
  if (!json && canShowBlocks() && page !== undefined && isForOthers(page)) {
    for (const line of qrCode(page, wantsColors(process.env))) say(line);
  }
  const exposure = exposureWarning(host, { plain, isClosed });
  if (exposure !== undefined) warn(exposure);
  for (const line of serverBanner(place)) say(line);
  const { claim } = server;
  if (claim !== undefined) {
    // A log must not contain the code: anybody who reads it could become the server's owner.
    const isShown = !json && canShowBlocks();
    const code = isShown ? claim.code : `CODE    (the code is in ${claim.path})`;
    const lines = claimLines(place, code);
    for (const line of json ? [lines.map((part) => part.trim()).join(" ")] : lines) say(line);
  }
  if (json) {
    const dialects = Object.fromEntries(dialectPorts);
    print(jsonText({ event: "listening", host, port, webPort, metricsPort, dialects, pin }));
  } else {
    print(`Server listening on ${hostPortText({ host, port })}`);
  }
}

/** Reads commands typed at the server. The end of stdin does not stop the server. */
function readOrders(server: ChatServer, json: boolean): void {
  const read = async (): Promise<void> => {
    for await (const line of typedLines(inTurns(process.stdin))) {
      const order = line.trim();
      if (order !== "") carryOut(server, order, json);
    }
  };
  whenForeground(() => void read().catch(() => {}));
}

function carryOut(server: ChatServer, order: string, json: boolean): void {
  if (!order.startsWith("/")) {
    return say(`Unknown command ${quoted(order)}: commands begin with /, and /help lists them`);
  }
  const line = order === "/quit" ? "stop" : order.slice(1);
  server.admin(line, (answer) => {
    const rows = rowsIn(answer);
    if (rows.length > 0) printing = printing.then(() => printPages(server, line, rows, json));
  });
}

/** The rows of the orders so far. Those of one come before those of the next. */
let printing = Promise.resolve();

async function printPages(
  server: ChatServer,
  line: string,
  rows: readonly AdminRow[],
  json: boolean,
): Promise<void> {
  await printRows(rows, json);
  let page = rows;
  for (let next = nextExport(line, page); next !== undefined; next = nextExport(next, page)) {
    const order = next;
    // Others have their turn between two pages.
    await new Promise(setImmediate);
    page = rowsIn(await new Promise<AdminAnswer>((done) => server.admin(order, done)));
    await printRows(page, json);
  }
}

/** Says the answer's message. */
function rowsIn(answer: AdminAnswer): readonly AdminRow[] {
  if (answer.message !== undefined) say(harmless(answer.message));
  return answer.ok ? (answer.rows ?? []) : [];
}

/** A log may lose lines if its reader is slow, an answer may not. */
async function printRows(rows: readonly AdminRow[], json: boolean): Promise<void> {
  for (const { text, fields } of rows) {
    if (!stdout.isIdle) await stdout.emptied();
    print(json || text === undefined ? jsonText(fields) : harmless(text));
  }
}

/** For `print`, which adds the newline. */
function jsonText(event: object): string {
  return jsonLine(event).trimEnd();
}
