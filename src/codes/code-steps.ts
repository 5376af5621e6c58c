// The steps by which two ends of a channel through a server prove to each other that they know a
// code (docs/transfer.md, "By code through a server"). Each end makes one exchange per code,
// however often the connection is lost: a repeated request gets the same answer again, and no other
// request is ever answered.

import { fromBase64Url, isSameBytes, joinedBytes, toBase64Url } from "../bytes.ts";
import { encodeCodeStep } from "../handover/frames.ts";
import { secretBytes } from "../secrets.ts";
import { CodeGuest } from "../tls/code-exchange.ts";
import type { Code } from "../trust/code.ts";
import type { CodeDoor, Knock } from "./code-door.ts";

/** Why a guest who has shown a code gets nothing. */
export const wrongCode =
  "The other end does not know this code: it was mistyped, or somebody is in between. Ask for a new one, since each code allows one try";

/** The kind of a step: its first byte. */
const stepKind = {
  /** Host: its nonce. First in every channel. */
  hello: 0,
  /** Guest: its nonce and share. */
  share: 1,
  /** Host: its share and proof. */
  answer: 2,
  /** Guest: its proof; the first step of every later channel. Everything after it is sealed. */
  proof: 3,
} as const;

const partBytes = 32;

/** The sender's end. */
export class HostSteps {
  readonly #code: Code;
  readonly #door: CodeDoor;
  readonly #nonce = secretBytes(partBytes);
  #knock: Knock | undefined;
  #asked: Uint8Array | undefined;
  #answer: string | undefined;

  constructor(code: Code, door: CodeDoor) {
    this.#code = code;
    this.#door = door;
  }

  /** The first frame of every channel. */
  get hello(): string {
    return frame(stepKind.hello, this.#nonce);
  }

  /** Whether the guest was admitted by these steps, and not elsewhere. */
  get isIn(): boolean {
    return this.#knock !== undefined && this.#door.state === "taken";
  }

  /** Returns the frame to answer with, if any; the door reports the result. */
  handle(step: Uint8Array): string | undefined {
    const [first, second] = partsOf(step);
    if (step[0] === stepKind.share && first !== undefined && second !== undefined) {
      return this.#answerShare(step, first, second);
    }
    if (step[0] === stepKind.proof && first !== undefined && this.#door.state === "tried") {
      this.#knock?.prove(toBase64Url(first));
    }
    return undefined;
  }

  #answerShare(step: Uint8Array, nonce: Uint8Array, share: Uint8Array): string | undefined {
    if (this.#asked !== undefined) {
      return isSameBytes(step, this.#asked) ? this.#answer : undefined;
    }
    const knock = this.#door.knock("", joinedBytes([this.#nonce, nonce]), "through-server");
    const answer = knock.share(this.#code.number, toBase64Url(share));
    if (answer === undefined) return undefined;
    this.#knock = knock;
    this.#asked = step;
    this.#answer = frame(stepKind.answer, bytesOf(answer.share), bytesOf(answer.proof));
    return this.#answer;
  }
}

/** The end that was given the code. */
export class GuestSteps {
  readonly #code: Code;
  #hostNonce: Uint8Array | undefined;
  #guest: CodeGuest | undefined;
  #share = "";
  #proof = "";
  #secret: Uint8Array | undefined;
  #isWrong = false;

  constructor(code: Code) {
    this.#code = code;
  }

  /** Shared with the host, once it has proved to know the code. */
  get secret(): Uint8Array | undefined {
    return this.#secret;
  }

  /** The other end does not know the code, or a man in the middle has changed the data. */
  get isWrong(): boolean {
    return this.#isWrong;
  }

  /** Returns the frame to answer with, if any. After a proof the channel is sealed. */
  handle(step: Uint8Array): string | undefined {
    const [first, second] = partsOf(step);
    if (step[0] === stepKind.hello && first !== undefined) return this.#greet(first);
    if (step[0] !== stepKind.answer || first === undefined || second === undefined) {
      return undefined;
    }
    if (this.#guest === undefined || this.#secret !== undefined) return undefined;
    const shown = this.#guest.check({ share: toBase64Url(first), proof: toBase64Url(second) });
    this.#isWrong = shown === undefined;
    if (shown === undefined) return undefined;
    this.#secret = shown.secret;
    this.#proof = frame(stepKind.proof, bytesOf(shown.proof));
    return this.#proof;
  }

  #greet(hostNonce: Uint8Array): string | undefined {
    // The host may not have received it the first time.
    if (this.#secret !== undefined) return this.#proof;
    if (this.#hostNonce !== undefined) {
      this.#isWrong = !isSameBytes(hostNonce, this.#hostNonce);
      return this.#isWrong ? undefined : this.#share;
    }
    const nonce = secretBytes(partBytes);
    this.#hostNonce = hostNonce;
    this.#guest = new CodeGuest(this.#code, joinedBytes([hostNonce, nonce]), "through-server");
    return (this.#share = frame(stepKind.share, nonce, bytesOf(this.#guest.share)));
  }
}

function frame(kind: number, ...parts: readonly Uint8Array[]): string {
  return encodeCodeStep(joinedBytes([Uint8Array.of(kind), ...parts]));
}

/** The one or two parts of a step. */
function partsOf(step: Uint8Array): readonly (Uint8Array | undefined)[] {
  const whole = (step.length - 1) / partBytes;
  if (whole !== 1 && whole !== 2) return [];
  const first = step.subarray(1, 1 + partBytes);
  return whole === 1 ? [first] : [first, step.subarray(1 + partBytes)];
}

/** The bytes of a share or proof, which have been checked. */
function bytesOf(text: string): Uint8Array {
  return fromBase64Url(text) ?? new Uint8Array();
}
