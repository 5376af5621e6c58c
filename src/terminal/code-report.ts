// What `parley send-file` prints of files that are given away by a code.

import { ownCommand } from "../cli/program-name.ts";
import { reachableHosts } from "../cli/server-banner.ts";
import type { OfferedFolder } from "../handover/offered-folder.ts";
import { hostPortText } from "../io/host-port.ts";
import { sizeText } from "../size-text.ts";
import { quoted } from "../text.ts";
import { type Code, codeText } from "../trust/code.ts";
import { say } from "./diagnostics.ts";
import { jsonLine } from "./json-line.ts";
import { stdout } from "./output.ts";
import { barFits, ProgressBar } from "./progress.ts";
import { countText, elapsedText, rateText } from "./units.ts";

export class CodeReport {
  readonly #isJson: boolean;
  readonly #isQuiet: boolean;
  #bar: ProgressBar | undefined;
  /** When the files were taken. */
  #takenMs: number | undefined;

  constructor(isJson: boolean, isQuiet: boolean) {
    this.#isJson = isJson;
    this.#isQuiet = isQuiet;
  }

  /** The code is the result of the command: it is printed even with `--quiet`. */
  code(code: Code, port: number, folder: OfferedFolder): void {
    const text = codeText(code);
    this.#takenMs = undefined;
    const addresses = reachableHosts("0.0.0.0").map((host) => hostPortText({ host, port }));
    const { files, bytes: size } = folder;
    if (this.#isJson) {
      return this.#print({ event: "code", code: text, addresses, files, size });
    }
    if (this.#isQuiet) return void stdout.data(`${text}\n`);
    const [first] = folder.list;
    const what =
      folder.list.length === 1 ? quoted(first?.name ?? "", 200) : countText(files, "file");
    say(`Ready to send ${what}, ${sizeText(size)}. On the other machine, in this network:`);
    stdout.data(`    ${ownCommand()} fetch-file --code ${text}\n`);
    const [address] = addresses;
    if (address !== undefined) {
      say(
        `or, from where this machine can be reached:\n    ${ownCommand()} fetch-file ${address} --code ${text}`,
      );
    }
    say("Nobody else can read what is sent. One wrong try makes the code void.");
  }

  taken(address: string): void {
    this.#takenMs = performance.now();
    if (this.#isJson) this.#print({ event: "accepted", address });
    else if (!this.#isQuiet) say(`${address} has shown the code`);
  }

  progress(sentBytes: number, { bytes: size }: OfferedFolder): void {
    if (this.#takenMs === undefined) return;
    const seconds = Math.max(0.001, (performance.now() - this.#takenMs) / 1_000);
    const bytesPerSecond = Math.round(sentBytes / seconds);
    const left = bytesPerSecond === 0 ? null : Math.max(0, size - sentBytes) / bytesPerSecond;
    const haveBytes = Math.min(sentBytes, size);
    if (this.#isJson) {
      return this.#print({ event: "progress", size, sentBytes: haveBytes, bytesPerSecond });
    }
    if (this.#isQuiet || !barFits()) return;
    this.#bar ??= new ProgressBar("sending", size);
    this.#bar.update({ haveBytes, allBytes: size, bytesPerSecond, secondsLeft: left });
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

  /** A wrong guess has ended this code; with `--keep` there is another one. */
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
