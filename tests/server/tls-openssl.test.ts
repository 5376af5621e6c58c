// The TLS ports as seen by openssl(1): version 1.3 with its strong suites, and nothing else. The
// clients of the other tests use BoringSSL, like the server; this one is independent.

import { afterAll, beforeAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChatServer } from "../../src/server/chat-server.ts";
import { CertificateFiles } from "../../src/tls/certificate-files.ts";
import { openServerKey } from "../../src/tls/server-key.ts";
import { docsBlock } from "../docs-blocks.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { serverOptions } from "./server-options.ts";

const openssl = Bun.which("openssl");
const withOpenssl = skipUnless(openssl !== null, "openssl(1) is missing: install openssl");
const folder = testFolder("openssl");
let server: ChatServer;
let pin: string;

beforeAll(async () => {
  const key = await openServerKey(join(folder, "state"));
  pin = key.pin;
  const [cert, keyFile] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, key.cert);
  writeFileSync(keyFile, key.key, { mode: 0o600 });
  const certificate = new CertificateFiles(cert, keyFile);
  server = await ChatServer.start(serverOptions(folder, { webPort: 0, key, certificate }));
});

afterAll(() => server.stop());

/** The output of `openssl s_client` for a handshake with these options. */
async function handshake(port: number, ...options: readonly string[]) {
  const words = [openssl!, "s_client", "-connect", `127.0.0.1:${port}`, ...options];
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  await child.exited;
  const [, version, suite] = /^New, (\S+), Cipher is (\S+)$/m.exec(out) ?? [];
  return { version, suite, out, err };
}

const ports: [name: string, port: () => number][] = [
  ["the main port", () => server.port],
  ["the page's port", () => server.webPort!],
];

for (const [name, port] of ports) {
  withOpenssl(
    `${name} speaks TLS 1.3 with an ephemeral X25519 key and the server's P-256 one`,
    async () => {
      const { version, suite, out } = await handshake(port());
      expect(version).toBe("TLSv1.3");
      expect(suite).toMatch(/^TLS_(AES_(128|256)_GCM_SHA(256|384)|CHACHA20_POLY1305_SHA256)$/);
      expect(out).toMatch(/Server Temp Key: X25519, 253 bits/);
      expect(out).toMatch(/Server public key is 256 bit/);
      expect(out).toMatch(/Peer signature type: ECDSA/);
      expect(out).toMatch(/Compression: NONE/);
      expect(out).toMatch(/Early data was not sent/);
    },
  );

  withOpenssl(
    `${name} speaks no older version, even where the client allows weak ones`,
    async () => {
      for (const old of ["-tls1", "-tls1_1", "-tls1_2"]) {
        // At level 0 openssl offers everything it has.
        const { suite, err } = await handshake(port(), old, "-cipher", "ALL:@SECLEVEL=0");
        expect([old, suite]).toEqual([old, "(NONE)"]);
        expect(err).toMatch(/alert protocol version|unsupported protocol|no protocols available/);
      }
    },
  );

  withOpenssl(
    `${name} takes each strong suite, and none with a short tag or without secrecy`,
    async () => {
      const strong = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
      ];
      for (const suite of strong) {
        expect((await handshake(port(), "-ciphersuites", suite)).suite).toBe(suite);
      }
      for (const suite of ["TLS_AES_128_CCM_8_SHA256", "TLS_AES_128_CCM_SHA256"]) {
        const refused = await handshake(port(), "-ciphersuites", suite);
        expect([suite, refused.suite]).toEqual([suite, "(NONE)"]);
        expect(refused.err).toMatch(/handshake failure/);
      }
    },
  );
}

withOpenssl("the command in docs/security.md prints the pin", () => {
  const command = docsBlock("security.md", "To compute it from `server.pem`");
  const { stdout } = Bun.spawnSync(["sh", "-c", command], { cwd: join(folder, "state") });
  expect(stdout.toString().trim()).toBe(pin);
});
