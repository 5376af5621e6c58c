// Sends one operator command to a server, over a session without a name, and prints the answer.

import { nextExport } from "../chat/admin/export-pages.ts";
import type { ClientIdentity, SessionEvent, SessionResponse } from "../client/events.ts";
import { ClientSession } from "../client/session.ts";
import { ParleyError } from "../errors.ts";
import { endedBy, onSignals } from "../io/end-signals.ts";
import { terminal as limits } from "../limits.ts";
import { hostPortText, notConnected, type ServerAddress } from "../io/host-port.ts";
import { NativeConnection } from "../io/native-connection.ts";
import { secretText } from "../secrets.ts";
import { harmless } from "../text.ts";
import { say } from "./output/diagnostics.ts";
import { jsonLine } from "./output/json-line.ts";
import { refusal, refusalOf } from "./open-session.ts";
import { stdout } from "./output/output.ts";
import { withNamePassword, withPassword } from "./editor/with-password.ts";

type Answer = Extract<SessionResponse, { type: "admin" }>;

export type OrderOptions = {
  to: ServerAddress;
  identity: ClientIdentity | undefined;
  json: boolean;
  /** How long to wait for the answer, connecting included; default limits.ts. */
  answerMs?: number;
};

/** @throws ParleyError `cannot-connect`, and the server's refusals */
export async function giveOrder(command: string, options: OrderOptions): Promise<void> {
  const given = { to: options.to, password: options.to.visitor?.password };
  await withPassword(given, ({ to, password }) =>
    carryOut(command, { ...options, to: withNamePassword(to, password) }),
  );
}

async function carryOut(command: string, options: OrderOptions): Promise<void> {
  for (let line: string | undefined = command; line !== undefined;) {
    const { message, rows }: Answer = await answerOf(line, options);
    if (message !== undefined) say(harmless(message));
    printRows(rows, options.json);
    // A long export must wait for its reader.
    await stdout.relief();
    line = nextExport(line, rows);
  }
}

export function printRows(rows: Answer["rows"], isJson: boolean): void {
  for (const { text, fields } of rows) {
    stdout.data(isJson || text === undefined ? jsonLine(fields) : `${harmless(text)}\n`);
  }
}

async function answerOf(command: string, options: OrderOptions): Promise<Answer> {
  const { to, identity } = options;
  const { name = "", password } = to.visitor ?? {};
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const secret = secretText(24);
  const session = new ClientSession({
    name: undefined,
    rooms: [],
    secret,
    access: to.access,
    visitor: to.visitor?.name,
    proof: password === undefined ? undefined : { password },
    identity,
    random: Math.random,
  });
  const handle = (event: SessionEvent): void => {
    switch (event.type) {
      case "online":
        session.request({ type: "admin", command });
        // The output is carried out after this event has been handled.
        return;
      case "response":
        if (event.response.type === "admin") resolve(event.response);
        return;
      case "error":
        return reject(refusal(event.code, event.message));
      case "ended":
        return reject(refusalOf(name, event));
      case "offline":
        return reject(connection.problem ?? notConnected(to, event.reason));
      default:
    }
  };
  const connection = new NativeConnection(to, session, handle);
  const stopListening = onSignals((signal) => reject(endedBy(signal)));
  connection.start();
  const sentence = `${hostPortText(to)} does not answer '${harmless(command)}'.`;
  const timer = setTimeout(
    () => reject(new ParleyError("stalled", sentence)),
    options.answerMs ?? limits.orderAnswerMs,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    stopListening();
    await connection.leave();
  }
}
