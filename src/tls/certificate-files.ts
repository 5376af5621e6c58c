// The operator's own certificate and key (`--cert`, `--key`), reloaded when they change, since ACME
// clients renew them. A certificate is never used with a key that does not match.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { errorMessage, ParleyError, systemReason } from "../errors.ts";
import { tls as limits } from "../limits.ts";
import { quoted, withoutMark } from "../text.ts";
import type { KeyPair } from "./certificate.ts";

export class CertificateFiles {
  readonly #certPath: string;
  readonly #keyPath: string;
  #pair: KeyPair;
  #seen: string;

  /** @throws ParleyError `failed` */
  constructor(certPath: string, keyPath: string) {
    this.#certPath = certPath;
    this.#keyPath = keyPath;
    this.#seen = this.#fingerprint();
    this.#pair = this.#read();
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  /**
   * Checks the files: true if there is a new pair. One file may be written before the other, so a
   * pair that does not match is checked again once either changes.
   * @throws ParleyError `failed` if they changed and can't be used; the last pair stays in use
   */
  refresh(): boolean {
    const now = this.#fingerprint();
    if (now === this.#seen) return false;
    this.#seen = now;
    const pair = this.#read();
    const isSame = pair.cert === this.#pair.cert && pair.key === this.#pair.key;
    this.#pair = pair;
    return !isSame;
  }

  #fingerprint(): string {
    return [this.#certPath, this.#keyPath]
      .map((path) => {
        try {
          const stat = statSync(path, { bigint: true });
          return `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}`;
        } catch (error) {
          return errorMessage(error);
        }
      })
      .join(", ");
  }

  #read(): KeyPair {
    const cert = readPem("--cert", this.#certPath);
    const key = readPem("--key", this.#keyPath);
    const certificate = usable(
      "--cert",
      this.#certPath,
      () => new X509Certificate(cert),
      isIn("CERTIFICATE", cert) ? badCertificate : noCertificate,
    );
    const problem = keyProblem(key);
    const secret = usable("--key", this.#keyPath, () => createPrivateKey(key), problem);
    if (certificate.checkPrivateKey(secret)) return { cert, key };
    throw failed(
      `--cert ${quoted(this.#certPath, 300)} is for a different key from --key ${quoted(this.#keyPath, 300)}`,
    );
  }
}

function readPem(flag: string, path: string): string {
  return usable(flag, path, () => {
    const stat = statSync(path);
    if (!stat.isFile()) throw new Error("not a file");
    if (stat.size > limits.maxPemBytes) throw new Error("too large");
    return withoutMark(readFileSync(path, "utf8"));
  });
}

const noCertificate = "it holds no certificate in PEM format";
const badCertificate = "its certificate is damaged";

/** Why a key can't be read. */
function keyProblem(pem: string): string {
  if (pem.includes("ENCRYPTED")) {
    return "it has a passphrase: remove it with `openssl pkey -in KEY -out NEW`";
  }
  return isIn("PRIVATE KEY", pem)
    ? "its key is damaged or of an unusual kind: use RSA, ECDSA with a NIST curve, or Ed25519"
    : "it holds no private key in PEM format";
}

function isIn(label: string, pem: string): boolean {
  return new RegExp(`^-----BEGIN (?:[A-Z]+ )?${label}-----`, "m").test(pem);
}

/** `message`: why `make` failed; without it, the system's reason. */
function usable<Value>(flag: string, path: string, make: () => Value, message?: string): Value {
  try {
    return make();
  } catch (error) {
    throw failed(`${flag} ${quoted(path, 300)} can't be used: ${message ?? systemReason(error)}`);
  }
}

function failed(sentence: string): ParleyError {
  return new ParleyError("failed", sentence);
}
