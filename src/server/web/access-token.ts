// The token that grants access to the shared folder of a server that is not open to everybody: as a
// cookie, which the page sets for its downloads, or as a bearer token (RFC 6750).

import { fileHeaders } from "./headers.ts";

/** The token of a request, if any. */
export function accessToken(headers: Headers): string | undefined {
  const bearer = bearerToken(headers);
  if (bearer !== undefined) return bearer;
  return /(?:^|;\s*)parley_access=([\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]{1,128})(?:;|$)/.exec(
    headers.get("cookie") ?? "",
  )?.[1];
}

/** The token in the Authorization header, which a page of another origin can't set. */
export function bearerToken(headers: Headers): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,128})$/i.exec(headers.get("authorization") ?? "")?.[1];
}

/** Does not reveal whether the file exists. */
export function noAccess(): Response {
  const message = "The files of this server are only available after login.";
  return Response.json(
    { code: "password-required", message },
    { status: 401, headers: { ...fileHeaders, "WWW-Authenticate": 'Bearer realm="parley"' } },
  );
}
