// The link with which a browser fetches files by code, at the server's page. The part after the
// `#` is not sent, but the page comes from the server, which could read it there. Input from the
// server is checked.

import { isLoopback } from "../addresses.ts";
import { type Address, hostPortText } from "../io/host-port.ts";
import type { PageAddress } from "../protocol/messages.ts";
import { type Code, codeText } from "../trust/code.ts";

/**
 * `server`: the address that this client uses. Undefined: no browser on another machine could open
 * the link.
 */
export function browserLink(
  page: PageAddress | undefined,
  server: Address,
  code: Code,
): string | undefined {
  const { url, port, secure = false } = page ?? {};
  const own = port === undefined ? undefined : hostPortText({ host: server.host, port });
  const base = url ?? (own === undefined ? undefined : `${secure ? "https" : "http"}://${own}/`);
  if (base === undefined || base.length > maxUrlChars || !URL.canParse("code", base)) {
    return undefined;
  }
  const link = new URL("code", base);
  const isWeb = link.protocol === "https:" || link.protocol === "http:";
  const isPlain = link.username === "" && link.password === "";
  if (!isWeb || !isPlain || isLoopback(link.hostname.replace(/^\[|\]$/g, ""))) return undefined;
  link.search = "";
  link.hash = codeText(code);
  return link.href;
}

const maxUrlChars = 512;
