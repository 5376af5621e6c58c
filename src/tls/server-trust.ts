// Whether the server at the other end of a TLS connection is the expected one: judged by the pin in
// its address or by the key remembered from an earlier connection. On first contact, the key is
// remembered. Knows no protocol.

import type { X509Certificate } from "node:crypto";
import { appendFileSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errorMessage, ParleyError, systemCode, systemReason } from "../errors.ts";
import { tls as limits } from "../limits.ts";
import { quoted } from "../text.ts";
import { findKnownServer, knownServerLine } from "../trust/known-servers.ts";
import { readIfThere } from "./read-if-there.ts";
import { pinOf } from "./spki-pin.ts";

export type ServerTrustOptions = {
  /** `HOST:PORT` as written by the user; keys are remembered under it. */
  server: string;
  /** Undefined: the list of known servers decides. */
  pin: string | undefined;
  /** The file of known servers; undefined if there is nowhere to keep one. */
  file: string | undefined;
  /** The secret that will be sent, if any: a server without a known key is not trusted with it. */
  secret?: ExposedSecret | undefined;
  /** Tells the user which key was trusted. */
  say: (line: string) => void;
};

/** Secrets that open a server, or make somebody its owner. */
export type ExposedSecret = "password" | "claim";

/** What is needed from a socket whose handshake is complete. */
export type TlsSocket = {
  getPeerX509Certificate(): X509Certificate | undefined;
  getTLSVersion(): string;
};

export class ServerTrust {
  readonly #options: ServerTrustOptions;
  /** The pin already trusted by this process. */
  #pin: string | undefined;
  #problem: ParleyError | undefined;
  #isNew = false;

  constructor(options: ServerTrustOptions) {
    this.#options = options;
    this.#pin = options.pin;
  }

  /** The key of the last trusted server; undefined before that. */
  get pin(): string | undefined {
    return this.#pin;
  }

  /** This process is the first to meet the server, and nobody has confirmed its key. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Why the last server was not trusted; undefined if it was, or could not be reached. */
  get problem(): ParleyError | undefined {
    return this.#problem;
  }

  /**
   * Judges the result of a handshake before anything is sent: undefined if this is the expected
   * server, otherwise why not.
   */
  judge(socket: TlsSocket, error: Error | null | undefined): string | undefined {
    this.#problem = undefined;
    const failure = handshakeFailure(error, this.#options.server);
    if (typeof failure === "string") return failure;
    const problem = failure ?? this.#check(socket);
    this.#problem = problem;
    return problem?.message;
  }

  #check(socket: TlsSocket): ParleyError | undefined {
    const { server } = this.#options;
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined || socket.getTLSVersion() !== "TLSv1.3") {
      return untrusted(`${server} does not speak TLS 1.3, so its key can't be checked`);
    }
    try {
      return this.#checkPin(pinOf(certificate));
    } catch (error) {
      return untrusted(`The key of ${server} can't be checked: ${errorMessage(error)}`);
    }
  }

  #checkPin(seen: string): ParleyError | undefined {
    const { server, pin } = this.#options;
    if (this.#pin === undefined) return this.#checkKnown(seen);
    if (seen === this.#pin) {
      if (pin !== undefined) this.#rememberPinned(seen);
      return undefined;
    }
    if (pin === undefined) return this.#changed(seen);
    return untrusted(
      `${server} has a different key from the one in its address: expected ${pin}, found ${seen}. ` +
        "Nothing was sent. Someone may be in between, or the server has a new key: " +
        "ask its operator for the new address",
    );
  }

  #checkKnown(seen: string): ParleyError | undefined {
    const { server, file, say, secret } = this.#options;
    if (secret !== undefined && (file === undefined || this.#compare(seen, file) === "unknown")) {
      return untrusted(
        `${server} is not a known server, so no ${secret} was sent: ` +
          `if its operator confirms the key ${seen}, connect to ${server}#${seen}`,
      );
    }
    if (file === undefined) {
      this.#isNew = true;
      this.#pin = seen;
      say(
        `First contact with ${server}: trusting its key ${seen} for now (there is no home directory to remember it in)`,
      );
      return undefined;
    }
    const met = this.#compare(seen, file);
    if (met !== "unknown") return met;
    this.#isNew = true;
    const failure = append(file, server, seen);
    if (failure !== undefined) {
      this.#pin = seen;
      say(`First contact with ${server}: trusting its key ${seen}, not remembered: ${failure}`);
      return undefined;
    }
    // Another process, or a man in the middle, may have met the server at the same moment.
    const kept = this.#compare(seen, file);
    if (kept === "unknown")
      return untrusted(`${quoted(file, 300)} does not keep what is written to it`);
    if (kept === undefined) {
      say(`First contact with ${server}: trusting its key ${seen}, remembered in ${file}`);
    }
    return kept;
  }

  /** Undefined if the server is known and its key matches. */
  #compare(seen: string, file: string): ParleyError | "unknown" | undefined {
    const { server } = this.#options;
    const known = findKnownServer(readKnown(file), server);
    switch (known.kind) {
      case "unknown":
        return "unknown";
      case "malformed":
        return untrusted(
          `Line ${known.line} of ${file} is for ${server}, but has no valid key: ` +
            "correct it, or remove it to trust the server as if met for the first time",
        );
      case "known":
        if (known.pin !== seen) return changed(server, seen, { file, ...known });
        this.#pin = seen;
        return undefined;
    }
  }

  /** A server that this process has met before shows a different key. */
  #changed(seen: string): ParleyError {
    const { server, file } = this.#options;
    const known = file === undefined ? undefined : findKnownServer(readKnown(file), server);
    return changed(server, seen, known?.kind === "known" ? { file, ...known } : undefined);
  }

  /** Remembers the key so that the address alone is enough next time. Keeps an existing line. */
  #rememberPinned(seen: string): void {
    const { server, file } = this.#options;
    if (file === undefined) return;
    try {
      if (findKnownServer(readKnown(file), server).kind === "unknown") append(file, server, seen);
    } catch {
      // The pin is proof enough.
    }
  }
}

/** The contents of the file of known servers, or empty. @throws ParleyError `untrusted-server` */
function readKnown(file: string): string {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size > limits.maxKnownServersBytes) {
    const sentence =
      `${quoted(file, 300)} is larger than ${limits.maxKnownServersBytes} bytes: ` +
      "remove lines of servers that you do not need";
    throw new ParleyError("untrusted-server", sentence);
  }
  try {
    return readIfThere(file) ?? "";
  } catch (error) {
    const sentence = `The file of known servers, ${quoted(file, 300)}, can't be read: ${systemReason(error)}`;
    throw new ParleyError("untrusted-server", sentence);
  }
}

/** Why the line could not be appended; undefined if it was. */
function append(file: string, server: string, pin: string): string | undefined {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    appendFileSync(file, knownServerLine(readKnown(file), server, pin), { mode: 0o600 });
    return undefined;
  } catch (error) {
    return systemReason(error);
  }
}

function changed(
  server: string,
  seen: string,
  known: { file: string | undefined; pin: string; line: number } | undefined,
): ParleyError {
  const before = known === undefined ? "" : ` (it was ${known.pin}, now it is ${seen})`;
  const wayOut =
    known === undefined
      ? "ask the operator, and start again"
      : `if the operator confirms the new key, remove line ${known.line} of ${known.file}`;
  return untrusted(
    `The key of ${server} has changed${before}. Nothing was sent. ` +
      `Someone may be in between, or the server has a new key: ${wayOut}`,
  );
}

/** X.509 verification errors: the handshake itself is complete, and pins need no authority. */
const verificationCodes = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/**
 * Why the handshake failed: a reason like a socket's, or an error if the other end can't be a
 * parley server that uses TLS.
 */
function handshakeFailure(
  error: Error | null | undefined,
  server: string,
): string | ParleyError | undefined {
  if (error === null || error === undefined) return undefined;
  const code = systemCode(error);
  if (verificationCodes.has(code)) return undefined;
  if (code === "ECONNRESET") return "the connection was closed during the TLS handshake";
  if (/ALERT_PROTOCOL_VERSION/.test(error.message)) return "it does not speak TLS 1.3";
  if (/ALERT/.test(error.message)) return "it refuses TLS connections at the moment";
  if (/WRONG_VERSION_NUMBER/.test(error.message)) {
    return untrusted(
      `${server} answers in plain text where TLS is expected. Nothing was sent. ` +
        "Someone may be in between, or it is another program; " +
        "--plain talks to a server without TLS",
    );
  }
  return untrusted(`The TLS handshake with ${server} failed (${error.message}). Nothing was sent`);
}

function untrusted(sentence: string): ParleyError {
  return new ParleyError("untrusted-server", sentence);
}
