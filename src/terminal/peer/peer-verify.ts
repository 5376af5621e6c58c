// `/verify` and `/verified` in a protected call: both keys as words, which two people compare over
// another channel. Knows no screen.

import type { PeerHello } from "../../trust/peer-hello.ts";
import { harmless } from "../../text.ts";
import { wordsOf } from "../../tls/key-words.ts";
import { jsonLine } from "../output/json-line.ts";
import { stdout } from "../output/output.ts";

export interface PeerVerifyOptions {
  readonly isJson: boolean;
  readonly id: string;
  /** This device's public key. */
  readonly key: string;
  /** Both users have seen the same words. Returns a sentence if that can't be stored. */
  confirm(id: string, key: string): string | undefined;
  say(text: string): void;
}

export class PeerVerify {
  readonly #options: PeerVerifyOptions;
  /** The peer whose words were last shown. */
  #shown: PeerHello | undefined;

  constructor(options: PeerVerifyOptions) {
    this.#options = options;
  }

  /** `peer`: the other end of the call; undefined: it has not proved a key. */
  handleTyped(word: "verify" | "verified", peer: PeerHello | undefined): void {
    if (peer === undefined) return this.#fail(`/${word} works in a call with another parley alone`);
    if (word === "verify") return this.#show(peer);
    if (this.#shown?.key !== peer.key) return this.#fail("Compare first: /verify shows the words");
    const problem = this.#options.confirm(peer.id, peer.key);
    if (problem !== undefined) return this.#fail(problem);
    const { isJson, say } = this.#options;
    if (isJson) stdout.data(jsonLine({ event: "verified", peer: peer.id }));
    else say(`${harmless(peer.id)} is known by the key that you have compared`);
  }

  #show(peer: PeerHello): void {
    this.#shown = peer;
    const { isJson, id, key, say } = this.#options;
    const [own, other] = [wordsOf([key]), wordsOf([peer.key])];
    if (isJson) {
      stdout.data(jsonLine({ event: "words", peer: peer.id, own, theirs: other }));
      return;
    }
    const name = harmless(peer.id);
    say(
      `Read these words to ${name} in a way you trust, such as a phone call. If both of you see the same, nobody is in between.`,
    );
    // The same order on both sides.
    const sides = [
      [id, own],
      [name, other],
    ].toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    for (const [who, words] of sides) say(`  ${who}: ${words}`);
    say("Then type /verified.");
  }

  #fail(reason: string): void {
    const { isJson, say } = this.#options;
    if (isJson) stdout.data(jsonLine({ event: "failed", what: "input", reason }));
    else say(reason);
  }
}
