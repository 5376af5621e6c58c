// `--host` of `server` and `peer`: the address to listen on.

import { isIP } from "../addresses.ts";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";

/**
 * Returns the host without brackets, and IP addresses in normal form: `0` becomes 0.0.0.0, `127.1`
 * becomes 127.0.0.1. Whether it is an address of this machine only shows when listening. @throws
 * ParleyError `usage`
 */
export function listenHost(text: string): string {
  if (text === "") throw notAHost(text, "try 127.0.0.1");
  if (text === "*") {
    throw notAHost(text, "for every address of this machine use 0.0.0.0, or :: with IPv6");
  }
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (!/^[\da-fx.:]+$/i.test(host)) return host;
  const spelled = URL.parse(`http://${host.includes(":") ? `[${host}]` : host}/`)?.hostname ?? "";
  const usual = spelled.replace(/^\[(.*)\]$/, "$1");
  return isIP(usual) === 0 ? host : usual;
}

function notAHost(text: string, wayOut: string): ParleyError {
  return new ParleyError("usage", `--host ${quoted(text)} is not an address: ${wayOut}`);
}
