// The contestants: parley and the others, each with a server to start and a client command that
// saves one file. A missing one is reported and skipped.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parleyCommand } from "../../parley.ts";
import { writeKeyPair } from "../key-pair.ts";

export interface Course {
  /** The folder with the file, and a folder to save into. */
  readonly source: string;
  readonly target: string;
  /** A folder for configurations and logs. */
  readonly work: string;
  readonly file: string;
  readonly address: string;
  /** Prefixes for commands, to run them at either end; empty for this machine itself. */
  readonly atServer: readonly string[];
  readonly atClient: readonly string[];
}

export interface Peer {
  readonly name: string;
  /** The kernel's congestion control, for peers that use its TCP. */
  readonly tcp?: string;
  /** One segment at a time: gets a smaller file; the figure is a rate anyway. */
  readonly isSlow?: boolean;
  missing(): string | undefined;
  /**
   * The server's command, and the line that says it is ready (absent: ready when its port answers).
   */
  server(course: Course): { command: string[]; ready?: RegExp; port: number; udp?: boolean };
  client(course: Course, out: string): string[];
  /** Reads figures from the client's output. */
  figures?(stdout: string): { retransmitted?: number; rttMs?: number; segmentBytes?: number };
}

const ports = {
  parley: 21_000,
  nginx: 21_001,
  http3: 21_002,
  tftp: 21_003,
  stopAndWait: 21_004,
  rsync: 21_005,
  nginxTls: 21_006,
};
const here = import.meta.dir;

export const parley: Peer = {
  name: "parley",
  missing: () => undefined,
  server: ({ source, address }) => ({
    command: [
      ...parleyCommand(),
      "server",
      "--host",
      address,
      "--port",
      String(ports.parley),
      "--no-web",
      // Otherwise keys would be generated and remembered for each run.
      "--plain",
      "--files",
      source,
    ],
    ready: /Server listening on .*\n/,
    port: ports.parley,
  }),
  client: ({ address, file }, out) => [
    ...parleyCommand(),
    "fetch-file",
    `${address}:${ports.parley}`,
    file,
    "--plain",
    "-o",
    out,
    "--json",
  ],
  figures(stdout) {
    const done = stdout
      .split("\n")
      .filter((line) => line.includes('"event":"done"'))
      .map((line) => JSON.parse(line) as Record<string, number>)
      .at(-1);
    return {
      retransmitted: done?.["retransmittedShare"] ?? Number.NaN,
      rttMs: done?.["rttMs"] ?? Number.NaN,
      segmentBytes: done?.["segmentBytes"] ?? Number.NaN,
    };
  },
};

function curl(tcp: string): Peer {
  return {
    name: `curl ${tcp}`,
    tcp,
    missing: () => missingPrograms("nginx", "curl"),
    server: ({ source, address, work }) => ({
      command: ["nginx", "-p", work, "-c", nginxConfiguration(work, source, address)],
      port: ports.nginx,
    }),
    client: ({ address, file }, out) => [
      "curl",
      "-sS",
      "--fail",
      "-o",
      out,
      `http://${address}:${ports.nginx}/${file}`,
    ],
  };
}

export const curlBbr = curl("bbr");
export const curlCubic = curl("cubic");

/** The same over TLS 1.3, which seals like parley: AES-256-GCM. */
export const curlTls: Peer = {
  ...curlBbr,
  name: "curl, TLS",
  missing: () => missingPrograms("nginx", "curl", "openssl"),
  server: ({ source, address, work }) => ({
    command: ["nginx", "-p", work, "-c", nginxConfiguration(work, source, address, "TLS")],
    port: ports.nginxTls,
  }),
  client: ({ address, file }, out) => [
    "curl",
    "-sS",
    "--fail",
    "--insecure",
    "--tls13-ciphers",
    "TLS_AES_256_GCM_SHA384",
    "-o",
    out,
    `https://${address}:${ports.nginxTls}/${file}`,
  ],
};

/** The whole file, verified by rsync's chosen hash, and not encrypted. */
export const rsync: Peer = {
  name: "rsync",
  missing: () => missingPrograms("rsync"),
  server: ({ source, address, work }) => ({
    command: [
      "rsync",
      "--daemon",
      "--no-detach",
      `--config=${rsyncConfiguration(work, source, address)}`,
    ],
    port: ports.rsync,
  }),
  client: ({ address, file }, out) => [
    "rsync",
    "-a",
    "--whole-file",
    `rsync://${address}:${ports.rsync}/source/${file}`,
    out,
  ],
};

export const http3: Peer = {
  name: "Bun HTTP/3",
  missing: () => missingPrograms("openssl"),
  server: ({ source, address, work }) => ({
    command: [
      process.execPath,
      join(here, "http3-peer.ts"),
      "serve",
      address,
      String(ports.http3),
      source,
      work,
    ],
    ready: /ready\n/,
    port: ports.http3,
  }),
  client: ({ address, file }, out) => [
    process.execPath,
    join(here, "http3-peer.ts"),
    "fetch",
    address,
    String(ports.http3),
    file,
    out,
  ],
};

export const tftp: Peer = {
  name: "TFTP",
  isSlow: true,
  missing: () => missingPrograms("in.tftpd", "curl"),
  server: ({ source, address }) => ({
    command: ["in.tftpd", "-L", "-4", "-s", "-a", `${address}:${ports.tftp}`, source],
    port: ports.tftp,
    udp: true,
  }),
  client: ({ address, file }, out) => [
    "curl",
    "-sS",
    "--fail",
    "--tftp-blksize",
    "1400",
    "-o",
    out,
    `tftp://${address}:${ports.tftp}/${file}`,
  ],
};

export const stopAndWait: Peer = {
  name: "stop-and-wait",
  isSlow: true,
  missing: () => undefined,
  server: ({ source, address }) => ({
    command: [
      process.execPath,
      join(here, "stop-and-wait-peer.ts"),
      "serve",
      address,
      String(ports.stopAndWait),
      source,
    ],
    ready: /ready\n/,
    port: ports.stopAndWait,
  }),
  client: ({ address, file }, out) => [
    process.execPath,
    join(here, "stop-and-wait-peer.ts"),
    "fetch",
    address,
    String(ports.stopAndWait),
    file,
    out,
  ],
};

export const allPeers: readonly Peer[] = [parley, curlBbr, curlCubic, http3, tftp, stopAndWait];

function missingPrograms(...names: string[]): string | undefined {
  const absent = names.filter((name) => Bun.which(name) === null);
  return absent.length === 0 ? undefined : `no ${absent.join(", ")}`;
}

function rsyncConfiguration(work: string, source: string, address: string): string {
  const path = join(work, "rsyncd.conf");
  writeFileSync(
    path,
    `address = ${address}\nport = ${ports.rsync}\nuse chroot = no\npid file = ${work}/rsyncd.pid\n` +
      `uid = root\ngid = root\n[source]\npath = ${source}\nread only = yes\n`,
  );
  return path;
}

function nginxConfiguration(work: string, source: string, address: string, tls?: "TLS"): string {
  const [cert, key] = [join(work, "cert.pem"), join(work, "key.pem")];
  if (tls !== undefined) writeKeyPair(cert, key);
  const listen =
    tls === undefined
      ? `listen ${address}:${ports.nginx};`
      : `listen ${address}:${ports.nginxTls} ssl; ssl_certificate ${cert}; ` +
        `ssl_certificate_key ${key}; ssl_protocols TLSv1.3;`;
  mkdirSync(join(work, "logs"), { recursive: true });
  const path = join(work, "nginx.conf");
  writeFileSync(
    path,
    `daemon off; master_process off; user root; pid ${work}/nginx.pid; error_log ${work}/error.log;
events {}
http {
  access_log off; sendfile on; tcp_nopush on;
  client_body_temp_path ${work}/a; proxy_temp_path ${work}/b; fastcgi_temp_path ${work}/c;
  uwsgi_temp_path ${work}/d; scgi_temp_path ${work}/e;
  server { ${listen} root ${source}; }
}
`,
  );
  return path;
}
