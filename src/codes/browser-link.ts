// The link by which a browser fetches files by a code, at the server's page. What is behind the `#` is
// not sent; but the page is the server's, which could read it there. What a server says is checked.

import { isLoopback } from "../addresses.ts";
import { type Address, hostPortText } from "../io/host-port.ts";
import type { PageAddress } from "../protocol/messages.ts";
import { type Code, codeText } from "../trust/code.ts";

/** `server`: as this client reaches it. Undefined: no browser elsewhere could open it. */
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
