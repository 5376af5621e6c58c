// Brings a client's session online for the first time: picks a name, connects and logs in, or
// reports why that failed. The session itself handles lost connections. Knows neither prompt nor
// pipe.

import type { IgnoredFile } from "./ignored-file.ts";
import { secretText } from "../secrets.ts";
import { userInfo } from "node:os";
import { personNameProblem } from "../dialects/reserved-names.ts";
import { harmless } from "../text.ts";
import type { SessionEvent } from "../client/events.ts";
import { ClientSession } from "../client/session.ts";
import { isErrorCode, NamePasswordWanted, ParleyError } from "../errors.ts";
import { notConnected, type ServerAddress } from "../io/host-port.ts";
import { NativeConnection } from "../io/native-connection.ts";
import type { DeviceKey } from "../tls/identity-key.ts";
import { withPassword } from "./editor/with-password.ts";
import { withAccessAdvice } from "../trust/access-advice.ts";

export type ClientOptions = {
  to: ServerAddress;
  /** The value of --name; undefined: the login name of the user, or a variant of it. */
  name: string | undefined;
  /** Undefined: no room. */
  room: string | undefined;
  /** Report files that people offer. */
  takesFiles?: boolean;
  /**
   * False: files only go through the server, so that others do not learn this machine's address.
   */
  direct?: boolean | undefined;
  downloads: string;
  follow: boolean;
  json: boolean;
  /** The key of this device; undefined if there is nowhere to keep one. */
  identity: DeviceKey | undefined;
  /** The password of a registered name. */
  password?: string | undefined;
  /** Stores the names of ignored people. */
  ignored: IgnoredFile;
};

export type OpenSession = {
  /** The server, including the password that the user entered for it. */
  to: ServerAddress;
  session: ClientSession;
  connection: NativeConnection;
  /** Passes every event from `online` on to `handle`, starting with those already received. */
  listen: (handle: (event: SessionEvent) => void) => void;
};

/**
 * Connects and logs in; a rejection of `interrupted` ends the attempt.
 * @throws ParleyError `cannot-connect`, `name-taken` and the server's other refusals, or what
 * `interrupted` rejects with
 */
export async function openSession(
  options: ClientOptions,
  interrupted: Promise<never>,
): Promise<OpenSession> {
  const { to, password, name } = options;
  const names = name === undefined ? defaultNames() : [name];
  return withPassword({ to, password }, (shown) =>
    openUnder(names, { ...options, ...shown }, interrupted),
  );
}

/** Logs in under the first of these names that is free. */
async function openUnder(
  names: readonly string[],
  options: ClientOptions,
  interrupted: Promise<never>,
): Promise<OpenSession> {
  for (const [index, name] of names.entries()) {
    try {
      return await attempt(options, name, interrupted);
    } catch (error) {
      const taken = error instanceof ParleyError && takenCodes.has(error.code);
      if (!taken || index === names.length - 1) throw error;
    }
  }
  throw new ParleyError("name-invalid", "No name is free: choose one with --name");
}

/** Somebody else has the name: try another one. */
const takenCodes: ReadonlySet<string> = new Set(["name-taken", "name-registered"]);

async function attempt(
  { to, room, identity, password, ignored, takesFiles }: ClientOptions,
  name: string,
  interrupted: Promise<never>,
): Promise<OpenSession> {
  const { promise: online, resolve, reject } = Promise.withResolvers<void>();
  const early: SessionEvent[] = [];
  let handle: (event: SessionEvent) => void = (event) => void early.push(event);
  let isOnline = false;
  const session = new ClientSession({
    name,
    rooms: room === undefined ? [] : [room],
    takesFiles,
    secret: secretText(24),
    access: to.access,
    ignored: ignored.load(),
    random: Math.random,
    identity,
    proof: password === undefined ? undefined : { password },
  });
  const connection = new NativeConnection(to, session, (event) => {
    if (event.type === "online" && !isOnline) {
      isOnline = true;
      resolve();
    }
    if (isOnline) handle(event);
    else if (event.type === "offline") reject(connection.problem ?? notConnected(to, event.reason));
    else if (event.type === "ended") reject(refusalOf(name, event));
  });
  connection.start();
  try {
    await Promise.race([online, interrupted]);
  } catch (error) {
    await connection.leave();
    throw error;
  }
  const listen = (listener: typeof handle) => {
    handle = listener;
    for (const event of early.splice(0)) listener(event);
  };
  return { to, session, connection, listen };
}

/** The same, after which the password of the name can be asked for. */
export function refusalOf(
  name: string,
  { code, message, asksPassword }: Extract<SessionEvent, { type: "ended" }>,
): ParleyError {
  const error = refusal(code, message);
  const isWanted = code === "name-registered" && asksPassword === true;
  return isWanted ? new NamePasswordWanted(name, error.message) : error;
}

/** The command's error for a session that the server ended. */
export function refusal(code: string, message: string): ParleyError {
  if (code === "name-registered") {
    const advice =
      "Choose another with --name; or prove that it is yours, by --identity or --password-file, " +
      "or by making this device yours: /devices add on the other one says how";
    return new ParleyError(code, `${harmless(message)}. ${advice}`);
  }
  const sentence = withAccessAdvice(code, harmless(message));
  return new ParleyError(isErrorCode(code) ? code : "name-taken", sentence);
}

// The login name if it is valid, then variants with random characters appended.
function defaultNames(): string[] {
  const tail = secretText(24)
    .replace(/[^a-z0-9]/g, "")
    .slice(0, 4)
    .padEnd(4, "0");
  const guest = `guest-${tail}`;
  const user = userName();
  return user === undefined ? [guest] : [user, `${user.slice(0, 24)}-${tail}`, guest];
}

function userName(): string | undefined {
  for (const name of [userInfoName, idName]) {
    const found = name();
    if (found !== undefined && personNameProblem(found) === undefined) return found;
  }
  return undefined;
}

// Bun only reads the environment, and returns `unknown` if USER is not set, as in a container.
function userInfoName(): string | undefined {
  try {
    const { username } = userInfo();
    return username === "unknown" ? undefined : username;
  } catch {
    return undefined;
  }
}

// A user ID without an entry in the password database has no name.
function idName(): string | undefined {
  if (process.platform === "win32") return undefined;
  try {
    const { success, stdout } = Bun.spawnSync(["id", "-un"], { stderr: "ignore" });
    return success ? stdout.toString().trim() : undefined;
  } catch {
    return undefined;
  }
}
