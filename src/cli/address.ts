// Server addresses on the command line: HOST:PORT, or HOST alone with the port that servers have if nobody says otherwise.

import { ParleyError } from "../errors.ts";
import { type Address, parseAddress } from "../io/host-port.ts";
import { quoted } from "../text.ts";

/** Where a server listens unless it is told otherwise. */
export const defaultPort = 55_000;

export const defaultAddress: Address = { host: "127.0.0.1", port: defaultPort };

/** `flag`: what the sentence of an error begins with, such as "--server"; empty for a word. @throws ParleyError `usage` */
export function addressOf(flag: string, text: string, port = defaultPort): Address {
  const address = parseAddress(text, port);
  if (address !== undefined) return address;
  const what = flag === "" ? quoted(text) : `${flag} ${quoted(text)}`;
  throw new ParleyError(
    "usage",
    `${what} is not an address: write HOST:PORT, such as 127.0.0.1:${port}, or HOST for port ${port}`,
  );
}
