// `--host`, as `server` and `peer` read it: the address to listen on.

import { isIP } from "node:net";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";

/**
 * The host as everything else knows it: without brackets, and an IP address in its usual spelling (`0` is 0.0.0.0, `127.1` is
 * 127.0.0.1). Whether a name is one of this machine is found out by listening. @throws ParleyError `usage`
 */
export function listenHost(text: string): string {
  if (text === "") throw noHost(text, "try 127.0.0.1");
  if (text === "*")
    throw noHost(text, "every address of this machine is 0.0.0.0, with IPv6 too ::");
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (!/^[\da-fx.:]+$/i.test(host)) return host;
  const spelled = URL.parse(`http://${host.includes(":") ? `[${host}]` : host}/`)?.hostname ?? "";
  const usual = spelled.replace(/^\[(.*)\]$/, "$1");
  return isIP(usual) === 0 ? host : usual;
}

function noHost(text: string, wayOut: string): ParleyError {
  return new ParleyError("usage", `--host ${quoted(text)} is no address: ${wayOut}`);
}
