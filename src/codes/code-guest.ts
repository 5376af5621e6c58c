// The guest's side of files by code: proves on each connection that it knows the code, without
// revealing it to an impostor.

import { ParleyError } from "../errors.ts";
import type { ControlClient } from "../files/control-client.ts";
import type { FileInfo } from "../protocol/messages.ts";
import { CodeGuest, codeExporterLabel, proofAgain } from "../tls/code-exchange.ts";
import type { Code } from "../trust/code.ts";
import { wrongCode } from "./code-steps.ts";

export class CodeEntry {
  readonly #code: Code;
  /** Shared with the sender since the first connection. */
  #secret: Uint8Array | undefined;
  #files: readonly FileInfo[] = [];

  constructor(code: Code) {
    this.#code = code;
  }

  /** The files of the code, once admitted. Folders end with a `/`. */
  get files(): readonly FileInfo[] {
    return this.#files;
  }

  /**
   * Call it on each new connection, before any other request.
   * @throws ParleyError `not-found`: the code is used up or wrong; `integrity`: the other end does
   * not know it; or the connection's error
   */
  async enter(control: ControlClient): Promise<void> {
    const exported = control.exportedKey(codeExporterLabel);
    if (exported === undefined) {
      throw new ParleyError("integrity", "There is no TLS here, so the code can't be shown safely");
    }
    const secret = this.#secret;
    if (secret !== undefined) {
      const proof = proofAgain(secret, exported);
      return this.#take(await control.request({ type: "code-again", proof }));
    }
    const guest = new CodeGuest(this.#code, exported);
    const { number } = this.#code;
    const answer = await control.request({ type: "code", number, share: guest.share });
    const shown = answer.type === "code-share" ? guest.check(answer) : undefined;
    if (shown === undefined) {
      throw new ParleyError("integrity", wrongCode);
    }
    const { proof } = shown;
    this.#secret = shown.secret;
    this.#take(await control.request({ type: "code-proof", proof }));
  }

  #take(answer: Awaited<ReturnType<ControlClient["request"]>>): void {
    if (answer.type !== "code-files") {
      throw new ParleyError("protocol", "The other end has sent an unexpected answer to the code");
    }
    this.#files = answer.files;
  }
}
