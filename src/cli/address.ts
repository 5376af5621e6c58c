// Server addresses on the command line: HOST:PORT, or HOST alone with the default port; both with
// an optional #PIN of the server's key.

import { ParleyError } from "../errors.ts";
import {
  type Address,
  defaultPort,
  hostPortText,
  parseAddress,
  parseHostPort,
} from "../io/host-port.ts";
import { quoted } from "../text.ts";
import { isPin, splitPin } from "../trust/pin.ts";
import { variableOf } from "./command-model.ts";

export const defaultAddress: Address = { host: "127.0.0.1", port: defaultPort };

/** An address as people write it, optionally with a pin. */
export type WrittenAddress = Address & { pin?: string | undefined };

/**
 * Parses an address. `flag` names the flag in errors, such as "--server"; empty for an argument.
 * @throws ParleyError `usage`
 */
export function addressOf(flag: string, text: string, port = defaultPort): WrittenAddress {
  const { address: written, pin } = splitPin(text);
  const address = parseAddress(written, port);
  const what = flag === "" ? quoted(text) : `${flag} ${quoted(text)}`;
  if (address === undefined) {
    throw new ParleyError(
      "usage",
      `${what} is not an address: write HOST:PORT, such as 127.0.0.1:${port}, or HOST for port ${port}`,
    );
  }
  if (pin === undefined || isPin(pin)) return { ...address, pin };
  throw badPin(what);
}

/**
 * `HOST:PORT` or `HOST:PORT#PIN`; undefined for any other word.
 * @throws ParleyError `usage` for an incomplete pin: the word would be taken for a file's name, and
 * looked for at another server
 */
export function fullAddress(text: string): WrittenAddress | undefined {
  const { address: written, pin } = splitPin(text);
  const address = parseHostPort(written);
  if (address !== undefined && pin !== undefined && !isPin(pin)) throw badPin(quoted(text));
  return address && { ...address, pin };
}

/**
 * Whether `--server` rules out an address among the arguments, which its variable does not. citty
 * can't tell flags from variables.
 */
export function isServerTyped(command: string, server: string | undefined): boolean {
  return server !== undefined && server !== process.env[variableOf(command, "server")];
}

/** A failure of what that took `word` for a file, which could be a server without its port. */
export function withPortHint(error: unknown, word: string | undefined): unknown {
  if (!(error instanceof ParleyError) || word === undefined) return error;
  if (!/^[\w-]+(?:\.[\w-]+)+$/.test(word)) return error;
  const end = /[.?]$/.test(error.message) ? "" : ".";
  const hint = `If ${quoted(word)} is a server, write ${hostPortText({ host: word, port: defaultPort })}`;
  return new ParleyError(error.code, `${error.message}${end} ${hint}`);
}

function badPin(what: string): ParleyError {
  const sentence = `${what} has no valid pin after #: a pin has 43 characters, as the server prints it`;
  return new ParleyError("usage", sentence);
}
