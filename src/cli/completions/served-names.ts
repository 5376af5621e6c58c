// Completes the names of a server's files. Pressing Tab must not trust a new key, so a server whose
// key is unknown is not asked.

import { ParleyError } from "../../errors.ts";
import { DownloadClient } from "../../files/download-client.ts";
import { ServerSource } from "../../files/server-source.ts";
import { terminal as limits } from "../../limits.ts";
import { harmless } from "../../text.ts";
import { clientTransport } from "../../trust/transport.ts";
import { accessOf } from "../access-flags.ts";
import { addressOf, defaultAddress, type WrittenAddress } from "../address.ts";
import { variableOf } from "../command-model.ts";
import { existingIdentityOf, passwordOf } from "../identity-flag.ts";
import { isKnownServer, trusted } from "../trust-flags.ts";
import { visitorOf } from "../visitor-flag.ts";

/**
 * Yields nothing if the server would have to be trusted first. `given`: its address; undefined: as
 * for `fetch-file` without one.
 * @throws ParleyError as `DownloadClient.list`; `stalled` if it takes too long
 */
export async function* servedNames(given: string | undefined): AsyncGenerator<string> {
  const text = given ?? flag("server");
  const server: WrittenAddress = text === undefined ? defaultAddress : addressOf("", text);
  const { host, pin } = server;
  const plain = flag("plain") === "1";
  const isDecided = pin !== undefined || isKnownServer(server);
  if (!isDecided && clientTransport({ host, pin, plain }) === "tls") return;
  const password = passwordOf(flag("password-file"));
  const access = accessOf(password, flag("pass"));
  const source = new ServerSource({
    ...trusted(server, { plain, quiet: true, access }),
    identity: existingIdentityOf(flag("identity"), flag("pass")),
    visitor: visitorOf(flag("name"), password),
  });
  const client = new DownloadClient({ source });
  const tooLong = new ParleyError("stalled", "The list of files takes too long");
  const timer = setTimeout(() => client.stop(tooLong), limits.completionMs);
  try {
    for await (const { name } of client.list()) if (isTypable(name)) yield name;
  } finally {
    clearTimeout(timer);
    client.close();
  }
}

/** What the environment sets a flag of `fetch-file` to. */
function flag(name: string): string | undefined {
  return process.env[variableOf("fetch-file", name)];
}

/** Whether a name can be typed as an argument: a flag it begins like would be taken for one. */
function isTypable(name: string): boolean {
  return !name.startsWith("-") && harmless(name) === name;
}
