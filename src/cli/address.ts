// Server addresses on the command line: HOST:PORT, or HOST alone with the default port.

import { ParleyError } from "../errors.ts";
import { type Address, parseAddress } from "../io/host-port.ts";
import { quoted } from "../text.ts";

/** The default of `parley server --port`. */
export const defaultPort = 55_000;

export const defaultAddress: Address = { host: "127.0.0.1", port: defaultPort };

/**
 * Parses an address. `flag` names it in the error, such as "--server"; empty for an argument.
 * @throws ParleyError `usage`
 */
export function addressOf(flag: string, text: string, port = defaultPort): Address {
  const address = parseAddress(text, port);
  if (address !== undefined) return address;
  const what = flag === "" ? quoted(text) : `${flag} ${quoted(text)}`;
  throw new ParleyError(
    "usage",
    `${what} is not an address: write HOST:PORT, such as 127.0.0.1:${port}, ` +
      `or HOST for port ${port}`,
  );
}
