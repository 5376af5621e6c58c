// `/send`, `/get` and `/decline` in a call between two parleys: files over the call's own
// connection. Knows no screen.

import { errorMessage, ParleyError } from "../../errors.ts";
import type { Exchange } from "../../handover/exchange.ts";
import { Handover } from "../../handover/handover.ts";
import { offerNumber } from "../../handover/offer-number.ts";
import { type CallEnds, PeerExchange } from "../../handover/peer-exchange.ts";
import type { LinkOffer, SecuredLink } from "../../io/secured-link.ts";
import { harmless } from "../../text.ts";
import { jsonLine } from "../output/json-line.ts";
import { stdout } from "../output/output.ts";
import { leftOutText } from "../files/offer-text.ts";
import { PromptHandover } from "../files/prompt-handover.ts";
import { ReceiveReport } from "../pipe/receive-report.ts";
import { pathsOf } from "../editor/typed-paths.ts";

export interface PeerFilesOptions {
  /** The folder for files from `/get`. */
  readonly downloads: string;
  readonly isJson: boolean;
  say(text: string): void;
  /** The progress of a transfer; undefined: there is none. */
  progress(text: string | undefined): void;
  /** All transfers have ended. */
  onIdle(): void;
}

type Files = Pick<PromptHandover, "get" | "decline" | "send" | "stop" | "handleEvent" | "isBusy">;

export class PeerFiles {
  readonly #options: PeerFilesOptions;
  #wasBusy = false;
  #call: { connection: number; exchange: PeerExchange; files: Files; to: string } | undefined;

  constructor(options: PeerFilesOptions) {
    this.#options = options;
  }

  /** From now on the call of that connection can carry files. */
  open(connection: number, link: SecuredLink, ends: CallEnds): void {
    if (this.#call?.connection === connection) return;
    this.#call?.files.stop();
    const exchange = new PeerExchange(link, ends);
    const { downloads, isJson, say } = this.#options;
    const files = isJson
      ? new JsonFiles(exchange, ends, { downloads, onChange: () => this.#check() })
      : new PromptHandover({
          exchange,
          identity: ends.identity,
          downloads,
          acceptInto: undefined,
          say,
          progress: (text) => {
            this.#options.progress(text);
            this.#check();
          },
        });
    exchange.listen((event) => {
      files.handleEvent(event);
      this.#check();
    });
    this.#call = { connection, exchange, files, to: ends.peer };
  }

  handleOffer(connection: number, message: LinkOffer): void {
    if (this.#call?.connection === connection) this.#call.exchange.handleOffer(message);
  }

  /** The call of that connection goes on after a cut. */
  handleBack(connection: number): void {
    if (this.#call?.connection === connection) this.#call.exchange.handleBack();
  }

  handleDrained(): void {
    this.#call?.exchange.handleDrained();
  }

  /** The connection has closed, which ends all transfers. */
  close(connection?: number): void {
    if (connection !== undefined && this.#call?.connection !== connection) return;
    this.#call?.files.stop();
    this.#call = undefined;
  }

  get isBusy(): boolean {
    return this.#call?.files.isBusy === true;
  }

  /** `/send PATH…`, `/get N` or `/decline N`. */
  handleTyped(line: string): void {
    const [, word = "", rest = ""] = /^\s*\/(\w+)\s*(.*)$/.exec(line) ?? [];
    const call = this.#call;
    if (call === undefined) this.#fail(`/${word} works in a call with another parley alone`);
    else if (word === "decline") call.files.decline(rest);
    else if (word === "get") {
      if (!call.files.get(rest)) this.#fail("There is no such offer: /get NUMBER");
    } else if (rest.trim() === "") this.#fail("Which file? /send PATH");
    else call.files.send(call.to, rest);
    this.#check();
  }

  #check(): void {
    const { isBusy } = this;
    const isOver = this.#wasBusy && !isBusy;
    this.#wasBusy = isBusy;
    if (isOver) this.#options.onIdle();
  }

  #fail(reason: string): void {
    if (!this.#options.isJson) return this.#options.say(reason);
    stdout.data(jsonLine({ event: "failed", what: "input", reason }));
  }
}

function print(event: object): void {
  stdout.data(jsonLine(event));
}

/** The same for programs. */
class JsonFiles implements Files {
  readonly #exchange: Exchange;
  readonly #ends: CallEnds;
  readonly #options: { downloads: string; onChange: () => void };
  readonly #handover: Handover;
  /** The number of offers that are being made, or are open. */
  #running = 0;

  constructor(
    exchange: Exchange,
    ends: CallEnds,
    options: { downloads: string; onChange: () => void },
  ) {
    const report = new ReceiveReport(true);
    this.#exchange = exchange;
    this.#ends = ends;
    this.#options = options;
    this.#handover = new Handover({
      exchange,
      onIncoming: (event) => report.handleOffer(event),
      onFetch: (event, id) => report.handleFetch(event, id),
    });
  }

  get isBusy(): boolean {
    return this.#running > 0 || this.#handover.hasAccepted;
  }

  handleEvent(event: Parameters<Handover["handleEvent"]>[0]): boolean {
    return this.#handover.handleEvent(event);
  }

  get(word: string): boolean {
    const offer = this.#handover.find(word);
    if (offer === undefined) return false;
    const { downloads, onChange } = this.#options;
    void offer.accept(downloads).finally(onChange);
    return true;
  }

  decline(word: string): void {
    const offer = this.#handover.find(word);
    if (offer !== undefined) this.#handover.decline(offer);
  }

  send(to: string, paths: string): void {
    void this.#send(to, pathsOf(paths));
  }

  stop(): boolean {
    const wasBusy = this.isBusy;
    this.#handover.stop(new ParleyError("interrupted", "Stopped. What has arrived is kept"));
    return wasBusy;
  }

  async #send(to: string, paths: readonly string[]): Promise<void> {
    this.#running++;
    try {
      const folder = await this.#handover.open(paths);
      if (leftOutText(folder.leftOut) !== undefined) {
        print({ event: "left-out", ...folder.leftOut });
      }
      const name = this.#exchange.session.name ?? "";
      const id = offerNumber(this.#ends.identity, name, to, folder.paths);
      await this.#handover.send(id, to, folder, print).over;
    } catch (error) {
      const reason = harmless(errorMessage(error));
      stdout.data(jsonLine({ event: "failed", what: "send", reason }));
    } finally {
      this.#running--;
      this.#options.onChange();
    }
  }
}
