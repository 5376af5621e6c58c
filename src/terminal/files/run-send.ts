// Assembles `parley send-file --to` and `--share`: a session of its own, one offer, its report.
// Knows no flags.

import { PrivateMessages } from "../../client/private-messages.ts";
import { ParleyError } from "../../errors.ts";
import { exchangeOf } from "../../handover/exchange-of.ts";
import { Handover } from "../../handover/handover.ts";
import type { OutgoingOffer } from "../../handover/outgoing-offer.ts";
import { offerNumber, shareNumber } from "../../handover/offer-number.ts";
import { OfferedFolder } from "../../handover/offered-folder.ts";
import type { SendEvent } from "../../handover/handover-events.ts";
import { endedBy, type EndSignal, onSignals } from "../../io/end-signals.ts";
import { quoted } from "../../text.ts";
import { say } from "../output/diagnostics.ts";
import { type ClientOptions, openSession } from "../open-session.ts";
import { stderr, stdout } from "../output/output.ts";
import { sealingDevice } from "../client/sealing-device.ts";
import { AnswerTimer } from "./answer-timer.ts";
import { SendReport } from "./send-report.ts";

export type SendOptions = ClientOptions & {
  /** The recipient; undefined: the server's shared folder, and `room` is notified. */
  recipient: string | undefined;
  paths: readonly string[];
  quiet: boolean;
  /** Called once signals are handled here. */
  onListening?: () => void;
  limitBytesPerSecond?: number | undefined;
};

/** Resolves when the recipient has verified everything. @throws ParleyError */
export async function runSend(options: SendOptions): Promise<void> {
  const { to, identity, recipient } = options;
  const folder = await OfferedFolder.of(options.paths);
  if (recipient === undefined) folder.checkShareable();
  const interruption = Promise.withResolvers<never>();
  interruption.promise.catch(() => {});
  let stop = (reason: ParleyError): void => interruption.reject(reason);
  let isTaken = false;
  let isStopped = false;
  const stopListening = onSignals((signal: EndSignal) => {
    isStopped = true;
    const kept = "what has arrived is kept: send it again to continue";
    stop(endedBy(signal, isTaken ? kept : "nothing was sent"));
  });
  options.onListening?.();
  const report = new SendReport(options.json, options.quiet);
  report.leftOut(folder.leftOut);
  const { session, connection, listen } = await openSession(options, interruption.promise);
  const answer = new AnswerTimer();
  try {
    const mail = new PrivateMessages(session, sealingDevice(identity, to), {
      deliver() {},
      copied() {},
      sent() {},
      note: options.quiet ? () => {} : say,
      applyOutputs: () => connection.applyOutputs(),
    });
    const exchange = exchangeOf({ session, connection }, mail, options);
    const handover = new Handover({
      exchange,
      limitBytesPerSecond: options.limitBytesPerSecond,
      onIncoming() {},
      onFetch() {},
    });
    listen((event) => {
      if (!mail.handleEvent(event)) handover.handleEvent(event);
    });
    const onEvent = (event: SendEvent): void => {
      isTaken ||= event.event === "accepted" || event.event === "sharing";
      answer.handleEvent(event);
      report.handleEvent(event, session.name);
    };
    const offer = begin(options, handover, session.name ?? "", folder, onEvent);
    stop = (reason) => offer.cancel(reason);
    await answer.over(offer, recipient === undefined ? "The server" : quoted(recipient));
  } finally {
    report.end();
    stopListening();
    await connection.leave();
    // Whoever stops it does not wait for a reader that has stopped.
    if (!isStopped) await stdout.emptied();
    await stderr.flush();
  }
}

/** Starts an offer to a person or to the shared folder. */
function begin(
  { recipient, identity, room }: SendOptions,
  handover: Handover,
  name: string,
  folder: OfferedFolder,
  onEvent: (event: SendEvent) => void,
): OutgoingOffer {
  if (recipient === undefined) {
    return handover.share(shareNumber(identity, name, folder.versions), room, folder, onEvent);
  }
  const id = offerNumber(identity, name, recipient, folder.paths);
  return handover.send(id, recipient, folder, onEvent);
}
