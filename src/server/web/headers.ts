// Headers shared by the web port's responses, and two that need care: Content-Disposition and
// Accept-Encoding. Pure.

/** For every response: no content sniffing, no framing, no referrer. */
export const safeHeaders = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
} as const;

/**
 * For the page: only its own script, style and connections. Without inline code, text can never
 * become code. The Trusted Types policy `parley` permits one script address, that of the service
 * worker.
 */
export const pageHeaders = {
  ...safeHeaders,
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "manifest-src 'self'; worker-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types parley",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Cache-Control": "no-cache",
  Vary: "Accept-Encoding",
} as const;

/**
 * For the page, too, except by HTTP from another machine: browsers ignore it then, and complain.
 */
export const openerHeaders = { "Cross-Origin-Opener-Policy": "same-origin" } as const;

/** For shared files: a browser that displays a file executes nothing in it. */
export const fileHeaders = {
  ...safeHeaders,
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "Cache-Control": "no-cache",
} as const;

/**
 * A Content-Disposition that saves as `name` (RFC 6266), with the exact form added (RFC 8187) if
 * the name is not plain ASCII.
 */
export function attachment(name: string): string {
  const wellFormed = name.toWellFormed();
  const plain = wellFormed.replace(/[^\x20-\x7e]/g, "_").replace(/["\\%]/g, "_");
  if (plain === wellFormed) return `attachment; filename="${plain}"`;
  const exact = encodeURIComponent(wellFormed).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

/**
 * Whether the client accepts gzip (RFC 9110 section 12.5.3). Quality values matter only if they are
 * 0; `*` is about what is not listed.
 */
export function acceptsGzip(acceptEncoding: string | null): boolean {
  const entries = (acceptEncoding ?? "").toLowerCase().replace(/\s/g, "").split(",");
  const codings = entries.map((entry) => entry.split(";"));
  const named = (name: string) => codings.find(([coding]) => coding === name);
  const gzip = named("gzip") ?? named("*");
  return gzip !== undefined && !gzip.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
}
