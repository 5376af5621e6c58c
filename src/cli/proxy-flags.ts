// `--public-url` and `--trusted-proxy`: the page's origin behind a reverse proxy, and proxies whose
// forwarding headers are trusted.

import { ParleyError } from "../errors.ts";
import { parseNetwork, TrustedProxies } from "../server/web/trusted-proxies.ts";
import { quoted } from "../text.ts";

/** @throws ParleyError `usage` */
export function publicUrlOf(text: string | undefined): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  const isPlain = url !== null && `${url.origin}/` === url.href && /^https?:$/.test(url.protocol);
  if (isPlain) {
    // The final dot of a complete name; requests are compared without it.
    url.hostname = url.hostname.replace(/\.$/, "");
    return url;
  }
  throw new ParleyError(
    "usage",
    `--public-url ${quoted(text, 200)} is not the URL of a page: write http:// or https://, ` +
      "a host and optionally a port, such as https://chat.example",
  );
}

/** The values of `--trusted-proxy`, joined by commas. @throws ParleyError `usage` */
export function trustedProxiesOf(text: string | undefined): TrustedProxies {
  const items = text === undefined ? [] : text.split(",");
  return new TrustedProxies(
    items.map((item) => {
      const network = parseNetwork(item.trim());
      if (network !== undefined) return network;
      throw new ParleyError(
        "usage",
        `--trusted-proxy ${quoted(item)} is not a network: write an address or CIDR, ` +
          "such as 127.0.0.1 or 10.0.0.0/8",
      );
    }),
  );
}
