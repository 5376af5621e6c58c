// The headers that every answer of the web port carries, and how a file's name is written in one. Pure.

/** For everything: nothing is guessed, framed, or told to others. */
export const safeHeaders = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
} as const;

/** For the page: its own script, style and sockets, and nothing else; no inline code, so that text can never become any. */
export const pageHeaders = {
  ...safeHeaders,
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "Cache-Control": "no-cache",
  Vary: "Accept-Encoding",
} as const;

/** For shared files: even a browser that shows one runs nothing of it. */
export const fileHeaders = {
  ...safeHeaders,
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "Cache-Control": "no-cache",
} as const;

/**
 * Content-Disposition for saving under `name` (RFC 6266): a plain form for old programs, and the exact one (RFC 8187) when
 * that can't hold it.
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

/** Whether the client takes gzip (RFC 9110 section 12.5.3, without weighing it against other codings). */
export function takesGzip(acceptEncoding: string | null): boolean {
  return (acceptEncoding ?? "").split(",").some((entry) => {
    const [coding = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    if (coding !== "gzip" && coding !== "*") return false;
    return !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
