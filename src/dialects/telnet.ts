// TELNET's commands (RFC 854) in what people type with `telnet` or PuTTY: some negotiate when they
// connect, and after Ctrl-C they show nothing before their command is answered. They are removed,
// and every option is refused. Pure.

import { sniff as limits } from "../limits.ts";

/** Begins a command; does not occur in UTF-8. */
export const telnetCommand = 0xff;

const dont = 0xfe;
const doIt = 0xfd;
const wont = 0xfc;
const will = 0xfb;
const subnegotiation = 0xfa;
const subnegotiationEnd = 0xf0;

export class TelnetFilter {
  /** What the last byte was part of: commands may be split between two reads. */
  #inside: "text" | "command" | "option" | "parameters" | "parameter-command" = "text";
  #verb = 0;
  #commandBytes = 0;

  /** There were more commands than anybody types. */
  get isFlooded(): boolean {
    return this.#commandBytes > limits.maxTelnetBytes;
  }

  /** The text among `bytes`, and the answer to the commands among them. */
  push(bytes: Uint8Array): { text: Uint8Array; answer: Uint8Array } {
    const text: number[] = [];
    const answer: number[] = [];
    for (const byte of bytes) {
      switch (this.#inside) {
        case "text":
          if (byte === telnetCommand) this.#inside = "command";
          else text.push(byte);
          break;
        case "command":
          this.#inside = this.#afterCommand(byte);
          break;
        case "option":
          if (this.#verb === doIt) answer.push(telnetCommand, wont, byte);
          if (this.#verb === will) answer.push(telnetCommand, dont, byte);
          this.#inside = "text";
          break;
        case "parameters":
          if (byte === telnetCommand) this.#inside = "parameter-command";
          break;
        case "parameter-command":
          this.#inside = byte === subnegotiationEnd ? "text" : "parameters";
          break;
      }
    }
    this.#commandBytes += bytes.length - text.length;
    return { text: Uint8Array.from(text), answer: Uint8Array.from(answer) };
  }

  #afterCommand(byte: number): "text" | "option" | "parameters" {
    this.#verb = byte;
    if (byte >= will && byte <= dont) return "option";
    return byte === subnegotiation ? "parameters" : "text";
  }
}
