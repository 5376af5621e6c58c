// What `parley send-file` prints about files that are offered by code.

import type { LeftOut, OfferedFolder } from "../../handover/offered-folder.ts";
import { isLoopback } from "../../addresses.ts";
import { parseHostPort } from "../../io/host-port.ts";
import { sizeText } from "../../size-text.ts";
import { SmoothRate } from "../../smooth-rate.ts";
import { harmless, quoted } from "../../text.ts";
import { type Code, codeText } from "../../trust/code.ts";
import { say } from "../output/diagnostics.ts";
import { isSamePath, type PathName } from "../../handover/handover-events.ts";
import { isTerminal } from "../output/is-terminal.ts";
import { jsonLine } from "../output/json-line.ts";
import { leftOutText, pathText } from "./offer-text.ts";
import { stdout } from "../output/output.ts";
import { barFits, ProgressBar } from "../output/progress.ts";
import { qrCode } from "../output/qr-code.ts";
import { wantsColors } from "../output/style.ts";
import { countText, elapsedText, rateText } from "../output/units.ts";

/** How the receiver can reach the files. */
type Ways = {
  /**
   * `HOST:PORT` where this machine can be reached; undefined if it does not serve the files itself.
   */
  addresses: readonly string[] | undefined;
  /** The server that relays them; undefined if there is none. */
  server: string | undefined;
  /** For browsers, at that server's page; undefined if none elsewhere could open it. */
  link: string | undefined;
};

export class CodeReport {
  readonly #isJson: boolean;
  readonly #isQuiet: boolean;
  #bar: ProgressBar | undefined;
  #hasCode = false;
  /** When the code was entered. */
  #takenMs: number | undefined;
  #rate = new SmoothRate();
  /** The path that was reported last. */
  #path: PathName | undefined;

  constructor(isJson: boolean, isQuiet: boolean) {
    this.#isJson = isJson;
    this.#isQuiet = isQuiet;
  }

  /** Whether a code has been given out. */
  get hasCode(): boolean {
    return this.#hasCode;
  }

  /** What is in the folders and is not sent. */
  leftOut(counts: LeftOut): void {
    const text = leftOutText(counts);
    if (text === undefined) return;
    if (this.#isJson) this.#print({ event: "left-out", ...counts });
    else if (!this.#isQuiet) say(text);
  }

  /** The code is the result of the command, so it is printed even with `--quiet`. */
  code(code: Code, { addresses, server, link }: Ways, folder: OfferedFolder): void {
    const text = codeText(code);
    this.#hasCode = true;
    this.#takenMs = undefined;
    this.#path = undefined;
    const { files, bytes: size } = folder;
    if (this.#isJson) {
      const ways = { addresses: addresses ?? [], server, link };
      return this.#print({ event: "code", code: text, ...ways, files, size });
    }
    if (this.#isQuiet) return void stdout.data(`${text}\n`);
    const [first] = folder.list;
    const what =
      folder.list.length === 1 ? quoted(first?.name ?? "", 200) : countText(files, "file");
    const where = addresses === undefined ? "" : ", in this network";
    say(`Ready to send ${what}, ${sizeText(size)}. On the other machine${where}:`);
    // Typed on another machine, where the path of this program means nothing.
    const command = "parley fetch-file";
    const [address] = addresses ?? [];
    if (address === undefined) stdout.data(`    ${command} ${server} --code ${text}\n`);
    else {
      stdout.data(`    ${command} --code ${text}\n`);
      const reached = `or, from where this machine can be reached:\n    ${command} ${address} --code ${text}`;
      say(reached);
      if (server !== undefined && !isLoopback(parseHostPort(server)?.host ?? "")) {
        say(`or through the server on this machine:\n    ${command} ${server} --code ${text}`);
      }
    }
    if (link !== undefined) this.#showLink(link);
    say("Nobody else can read what is sent. One wrong attempt voids the code.");
  }

  /** The page comes from the server: text typed into it can be read by the server's operator. */
  #showLink(link: string): void {
    say(`or in a browser, where whoever runs the server could read the code:\n    ${link}`);
    if (!isTerminal(2)) return;
    for (const line of qrCode(link, wantsColors(process.env))) say(line);
  }

  /** `address`: empty for a receiver connected through a server. */
  taken(address: string): void {
    this.#takenMs = performance.now();
    this.#rate = new SmoothRate();
    this.#rate.at(0, this.#takenMs);
    const from = address === "" ? {} : { address };
    if (this.#isJson) this.#print({ event: "accepted", ...from });
    else if (!this.#isQuiet) {
      say(`Somebody${address === "" ? "" : ` at ${address}`} has entered the code`);
    }
  }

  /** The current path, through the server or not. */
  path(name: PathName): void {
    if (isSamePath(name, this.#path)) return;
    this.#path = name;
    if (this.#isJson) return this.#print({ event: "path", ...name });
    this.end();
    if (!this.#isQuiet) say(`To the receiver: ${pathText(name)}`);
  }

  /** A connection was lost; the transfer continues when both ends are back. */
  interrupted(reason: string): void {
    this.#path = undefined;
    if (this.#isJson) return this.#print({ event: "interrupted", reason });
    this.end();
    if (!this.#isQuiet) say(`${harmless(reason)}: continuing when both are connected again`);
  }

  progress(sentBytes: number, { bytes: size }: OfferedFolder): void {
    if (this.#takenMs === undefined) return;
    const haveBytes = Math.min(sentBytes, size);
    const bytesPerSecond = this.#rate.at(haveBytes, performance.now());
    if (this.#isJson) {
      return this.#print({ event: "progress", size, sentBytes: haveBytes, bytesPerSecond });
    }
    if (this.#isQuiet || !barFits()) return;
    this.#bar ??= new ProgressBar("sending", size);
    const secondsLeft = this.#rate.secondsFor(size - haveBytes);
    this.#bar.update({ haveBytes, allBytes: size, bytesPerSecond, secondsLeft });
  }

  done({ files, bytes: size }: OfferedFolder): void {
    this.end();
    const seconds = (performance.now() - (this.#takenMs ?? performance.now())) / 1_000;
    const rate = Math.round(size / Math.max(0.001, seconds));
    if (this.#isJson) {
      return this.#print({
        event: "sent",
        files,
        size,
        seconds: Math.round(seconds * 1_000) / 1_000,
      });
    }
    if (this.#isQuiet) return;
    say(
      `Sent ${countText(files, "file")}, ${sizeText(size)}, in ${elapsedText(seconds)} (${rateText(rate)})`,
    );
  }

  /** With `--keep`: this code is void, and another one follows. */
  voided(reason: string): void {
    if (this.#isJson) this.#print({ event: "void", reason });
    else say(reason);
  }

  /** Removes the bar. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #print(event: object): void {
    stdout.data(jsonLine(event));
  }
}
