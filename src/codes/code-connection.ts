// One connection to a sender of files by code: serves the files to a guest who knows the code,
// and reveals nothing to anyone else. All input is hostile.

import { codes as limits, message as messageLimits, names } from "../limits.ts";
import { LineSplitter, tooLong } from "../line-splitter.ts";
import { decodeClient } from "../protocol/decode-client.ts";
import { encodeServer } from "../protocol/encode.ts";
import {
  type ClientMessage,
  type FileInfo,
  protocolVersion,
  type Ref,
  type ServerMessage,
} from "../protocol/messages.ts";
import type { FileSession } from "../server/files/file-session.ts";
import type { CodeDoor, Knock } from "./code-door.ts";

export type CodeConnectionOptions = {
  readonly door: CodeDoor;
  /** The guest's address. */
  readonly address: string;
  /** The exported secret of the TLS session. */
  readonly exported: Uint8Array;
  readonly files: readonly FileInfo[];
  readonly udpPort: number;
  send(line: string): void;
  /** Closes the connection once everything is sent. */
  end(): void;
  /** A guest has proved to know the code: answers requests for files. */
  openSession(): FileSession;
  /** The guest has verified everything. */
  onDone(): void;
  /** The guest gives up (protocol/messages.ts). */
  onFailed(failed: number, reason: string): void;
};

export class CodeConnection {
  readonly #options: CodeConnectionOptions;
  readonly #lines = new LineSplitter(messageLimits.maxLineBytes);
  readonly #knock: Knock;
  #session: FileSession | undefined;
  /** Made before the guest has proved to know the code. */
  #requests = 0;
  #isOver = false;

  constructor(options: CodeConnectionOptions) {
    this.#options = options;
    this.#knock = options.door.knock(options.address, options.exported);
  }

  receive(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const outcome = this.#lines.push(bytes, (line) => {
      const request = decodeClient(line);
      if (request.type === "undecodable") this.#refuse("protocol", request.message, request.ref);
      else this.#handle(request);
      return !this.#isOver;
    });
    if (outcome === tooLong) this.#refuse("protocol", "This line is too long", undefined);
  }

  /** The connection has closed. */
  close(): void {
    this.#isOver = true;
    this.#knock.leave();
    this.#session?.close();
  }

  #handle(request: ClientMessage): void {
    if (this.#session === undefined && ++this.#requests > limits.requestsBeforeProof) {
      return this.#refuse("protocol", "Prove that you know the code first", undefined);
    }
    switch (request.type) {
      case "hello":
        return this.#send(welcome(this.#options.udpPort));
      case "ping":
        return this.#send({ type: "pong", ref: request.ref });
      case "pong":
        return;
      case "code":
        return this.#answerShare(request);
      case "code-proof":
        return this.#admit(this.#knock.prove(request.proof), request.ref);
      case "code-again":
        return this.#admit(this.#knock.proveAgain(request.proof), request.ref);
      case "tree":
      case "fetch":
      case "pull":
      case "fetched":
        if (this.#session === undefined) return this.#refuse("not-found", unknownCode, undefined);
        return this.#session.handle(request);
      case "code-done":
        if (this.#session !== undefined) this.#options.onDone();
        return;
      case "code-failed":
        if (this.#session !== undefined) this.#options.onFailed(request.failed, request.reason);
        return;
      case "bye":
        return this.#end();
      default: {
        const ref = "ref" in request ? request.ref : undefined;
        this.#refuse("protocol", "This port only serves files for a code", ref);
      }
    }
  }

  #answerShare({ number, share, ref }: Extract<ClientMessage, { type: "code" }>): void {
    const answer = this.#knock.share(number, share);
    if (answer === undefined) return this.#refuse("not-found", unknownCode, ref);
    this.#send({ type: "code-share", ...answer, ref });
  }

  #admit(isKnown: boolean, ref: Ref | undefined): void {
    if (!isKnown) return this.#refuse("not-found", unknownCode, ref);
    this.#session ??= this.#options.openSession();
    this.#send({ type: "code-files", files: this.#options.files, ref });
  }

  #refuse(code: string, message: string, ref: Ref | undefined): void {
    this.#send({ type: "error", code, message, ref });
    this.#end();
  }

  #send(message: ServerMessage): void {
    if (!this.#isOver) this.#options.send(encodeServer(message));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.end();
  }
}

const unknownCode =
  "There are no files for this code, or no longer: ask for a new one, since each code allows one try";

function welcome(udpPort: number): ServerMessage {
  return {
    type: "welcome",
    version: protocolVersion,
    server: "parley send-file",
    udpPort,
    limits: {
      lineBytes: messageLimits.maxLineBytes,
      textChars: messageLimits.maxTextChars,
      nameChars: names.maxChars,
      recipients: 1,
      rooms: 1,
      messagesPerSecond: 0,
      burstSeconds: 1,
    },
  };
}
