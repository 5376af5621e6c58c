// Assembles `parley client` in a pipe: standard streams, signals, one session. Knows no flags.

import { inTurns } from "../editor/typed-lines.ts";
import { endedBy, type EndSignal, onSignals } from "../../io/end-signals.ts";
import { type ClientOptions, openSession } from "../open-session.ts";
import { PrivateMessages } from "../../client/private-messages.ts";
import type { ServerAddress } from "../../io/host-port.ts";
import { DownloadClient } from "../../files/download-client.ts";
import type { FetchEvent } from "../../files/fetch-events.ts";
import { fetchInto } from "../../files/fetch-into.ts";
import { ParleyError } from "../../errors.ts";
import { exchangeOf } from "../../handover/exchange-of.ts";
import { Handover } from "../../handover/handover.ts";
import { say } from "../output/diagnostics.ts";
import { ReceiveReport } from "./receive-report.ts";
import { sealingDevice } from "../client/sealing-device.ts";
import { stdout } from "../output/output.ts";
import { PipeClient } from "./pipe-client.ts";
import { offerNumber, shareNumber } from "../../handover/offer-number.ts";
import { OfferedFolder } from "../../handover/offered-folder.ts";
import { quoted } from "../../text.ts";
import { AnswerTimer } from "../files/answer-timer.ts";
import type { FetchedFile, SentFiles, SharedFiles } from "./pipe-commands.ts";

export type PipeRunOptions = ClientOptions & {
  /** Every line goes to these people. */
  recipients?: readonly string[] | undefined;
  /** Every line is a command in JSON. */
  commands?: boolean;
  /** Accept offered files and save them in this folder. */
  acceptInto?: string | undefined;
};

/** @throws ParleyError */
export async function runPipe(options: PipeRunOptions): Promise<void> {
  const interruption = Promise.withResolvers<never>();
  // It may reject after nobody awaits it any more.
  interruption.promise.catch(() => {});
  let pipe: PipeClient | undefined;
  const interrupt = (signal: EndSignal) => {
    interruption.reject(endedBy(signal));
    pipe?.interrupt(signal);
  };
  const stopListening = onSignals(interrupt);
  try {
    const { acceptInto } = options;
    const takesFiles = acceptInto !== undefined;
    const opened = await openSession({ ...options, takesFiles }, interruption.promise);
    const { session, connection, listen, to } = opened;
    let client: PipeClient | undefined;
    const mail = new PrivateMessages(session, sealingDevice(options.identity, to), {
      deliver: (event) => client?.handleEvent(event),
      copied: (event) => client?.handleEvent(event),
      sent: () => connection.applyOutputs(),
      note: say,
      applyOutputs: () => connection.applyOutputs(),
    });
    client = new PipeClient(session, connection, {
      follow: options.follow,
      json: options.json,
      input: inTurns(Bun.stdin.stream()),
      output: stdout,
      mail,
      ...(options.room !== undefined && { room: options.room }),
      ...(options.recipients !== undefined && { to: options.recipients }),
      ...(options.commands === true && {
        commands: {
          fetch: fetcher({ ...to, identity: options.identity }, options.downloads),
          send: (paths, name) => sendFiles(handover, options, session.name ?? "", paths, name),
          share: (paths, room) => shareFiles(handover, options, session.name ?? "", paths, room),
        },
      }),
    });
    pipe = client;
    const report = new ReceiveReport(options.json);
    const handover = new Handover({
      exchange: exchangeOf(opened, mail, options),
      acceptInto,
      onIncoming: (event) => report.handleOffer(event),
      onFetch: (event, id) => report.handleFetch(event, id),
    });
    listen((event) => {
      if (!mail.handleEvent(event) && !handover.handleEvent(event)) pipe?.handleEvent(event);
    });
    try {
      await client.run();
    } finally {
      handover.stop(new ParleyError("interrupted", "The program has ended"));
    }
  } finally {
    stopListening();
  }
}

/** Resolves when the recipient has verified everything. @throws ParleyError */
async function sendFiles(
  handover: Handover,
  { identity }: PipeRunOptions,
  from: string,
  paths: readonly string[],
  to: string,
): Promise<SentFiles> {
  const folder = await OfferedFolder.of(paths);
  const id = offerNumber(identity, from, to, folder.paths);
  const answer = new AnswerTimer();
  const offer = handover.send(id, to, folder, (event) => answer.handleEvent(event));
  await answer.over(offer, quoted(to));
  return { files: folder.files, size: folder.bytes };
}

/** Resolves when the files are in the shared folder. @throws ParleyError */
async function shareFiles(
  handover: Handover,
  { identity }: PipeRunOptions,
  from: string,
  paths: readonly string[],
  room: string,
): Promise<SharedFiles> {
  const folder = await OfferedFolder.of(paths);
  folder.checkShareable();
  const id = shareNumber(identity, from, folder.versions);
  let names: readonly string[] = [];
  const answer = new AnswerTimer();
  const offer = handover.share(id, room, folder, (event) => {
    answer.handleEvent(event);
    if (event.event === "shared") ({ names } = event);
  });
  await answer.over(offer, "The server");
  return { names, files: folder.files, size: folder.bytes };
}

/** Fetches a file into the folder for downloads. */
function fetcher(to: ServerAddress, downloads: string) {
  return async (name: string): Promise<FetchedFile> => {
    let fetched: FetchedFile = { path: "", size: 0 };
    const onEvent = (event: FetchEvent): void => {
      // For a folder, `tree` has its path and the size of all its files.
      if (event.event === "done" || event.event === "unchanged" || event.event === "tree") {
        fetched = { path: event.path, size: event.size };
      }
    };
    const client = new DownloadClient({ server: to, onEvent });
    try {
      await fetchInto(client, name, downloads);
      return fetched;
    } finally {
      client.close();
    }
  };
}
