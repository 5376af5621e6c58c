// The contestants for folders: parley, rsync from its daemon and over ssh, curl from nginx with a
// list of all files, which is equivalent to a mirror over HTTP, and magic-wormhole from person to
// person.

import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parleyCommand } from "../../parley.ts";
import { type Course, curlBbr, parley, type Peer, rsync } from "../transfer/peers.ts";

export interface FolderPeer extends Pick<Peer, "name" | "missing" | "server"> {
  /** The command that fetches the folder `tree` into the target. */
  client(course: Course): string[];
}

const sshPort = 21_006;
const mailboxPort = 21_007;
const transitPort = 21_008;
const wormholeCode = "1-bench-code";

const folderParley: FolderPeer = {
  name: "parley",
  missing: parley.missing,
  server: parley.server,
  client: (course) => {
    const isAddress = (word: string) => word.startsWith(`${course.address}:`);
    const address = parley.client(course, "").find(isAddress) ?? "";
    return [
      ...parleyCommand(),
      "fetch-file",
      address,
      "tree/",
      "--plain",
      "-q",
      "-o",
      `${course.target}/`,
    ];
  },
};

/** Over TLS, as between two machines. */
const sealedParley: FolderPeer = {
  name: "parley (TLS)",
  missing: parley.missing,
  server: (course) => {
    const { command, ...rest } = parley.server(course);
    const state = join(course.work, "state");
    return {
      ...rest,
      command: [...command.filter((word) => word !== "--plain"), "--state", state],
    };
  },
  client: (course) => {
    const words = folderParley.client(course).filter((word) => word !== "--plain");
    return ["env", `XDG_CONFIG_HOME=${course.work}/config`, ...words];
  },
};

const rsyncDaemon: FolderPeer = {
  name: "rsync daemon",
  missing: rsync.missing,
  server: rsync.server,
  client: (course) => {
    const url = rsync.client(course, "").find((word) => word.startsWith("rsync://")) ?? "";
    return ["rsync", "-a", url, `${course.target}/`];
  },
};

const rsyncSsh: FolderPeer = {
  name: "rsync over ssh",
  missing: () =>
    existsSync("/usr/sbin/sshd") && Bun.which("rsync") !== null
      ? undefined
      : "no sshd, or no rsync",
  server: ({ work, address }) => {
    makeKeys(work);
    const options = {
      ListenAddress: address,
      Port: sshPort,
      HostKey: join(work, "ssh/key"),
      AuthorizedKeysFile: join(work, "ssh/key.pub"),
      PidFile: "none",
      StrictModes: "no",
      UsePAM: "no",
    };
    const words = Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    mkdirSync("/run/sshd", { recursive: true });
    return { command: ["/usr/sbin/sshd", "-D", "-f", "/dev/null", ...words], port: sshPort };
  },
  client: ({ work, address, source, target }) => {
    const ssh = `ssh -p ${sshPort} -i ${work}/ssh/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR`;
    return ["rsync", "-a", "-e", ssh, `${address}:${source}/tree`, `${target}/`];
  },
};

const curlNginx: FolderPeer = {
  name: "curl, nginx",
  missing: curlBbr.missing,
  server: curlBbr.server,
  client: (course) => {
    const list = join(course.work, "urls");
    const base = curlBbr.client(course, "").at(-1) ?? "";
    const lines = filesOf(join(course.source, "tree")).map((path) => {
      const url = `${base}/${path.split("/").map(encodeURIComponent).join("/")}`;
      return `url = ${quoted(url)}\noutput = ${quoted(join(course.target, "tree", path))}\n`;
    });
    writeFileSync(list, lines.join(""));
    return [
      "curl",
      "-sS",
      "--fail",
      "-R",
      "--create-dirs",
      "--parallel",
      "--parallel-max",
      "50",
      "-K",
      list,
    ];
  },
};

/**
 * With its own servers for mailbox and transit. It packs the folder into an archive before anyone
 * can fetch it; that is not timed.
 */
const wormhole: FolderPeer = {
  name: "magic-wormhole",
  missing: () =>
    Bun.which("wormhole") === null || Bun.which("twist3") === null
      ? "no magic-wormhole, or no twist3"
      : undefined,
  server: (course) => {
    const { work, address, source } = course;
    const script = `cd ${work}
      trap 'kill $(jobs -p)' EXIT TERM
      twist3 wormhole-mailbox --port=tcp:${mailboxPort}:interface=${address} >/dev/null 2>&1 &
      twist3 transitrelay --port=tcp:${transitPort}:interface=${address} >/dev/null 2>&1 &
      until (: </dev/tcp/${address}/${mailboxPort}) 2>/dev/null; do sleep 0.1; done
      ${wormholeAt(course).join(" ")} send --code ${wormholeCode} ${source}/tree 2>&1 &
      wait -n $!`;
    return { command: ["bash", "-c", script], port: mailboxPort, ready: /wormhole receive/ };
  },
  client: (course) => [
    "env",
    "-C",
    course.target,
    ...wormholeAt(course),
    "receive",
    "--accept-file",
    wormholeCode,
  ],
};

function wormholeAt({ address }: Course): string[] {
  const mailbox = ["--relay-url", `ws://${address}:${mailboxPort}/v1`];
  const transit = ["--transit-helper", `tcp:${address}:${transitPort}`];
  return ["env", "PYTHONUNBUFFERED=1", "wormhole", ...mailbox, ...transit];
}

export const allFolderPeers: readonly FolderPeer[] = [
  folderParley,
  sealedParley,
  rsyncDaemon,
  rsyncSsh,
  curlNginx,
  wormhole,
];

/** Quoted for curl's configuration files. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

function filesOf(root: string, path = ""): string[] {
  return readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) => {
    const at = path === "" ? entry.name : `${path}/${entry.name}`;
    if (entry.isSymbolicLink()) return [];
    return entry.isDirectory() ? filesOf(root, at) : [at];
  });
}

function makeKeys(work: string): void {
  const key = join(work, "ssh/key");
  if (existsSync(key) && statSync(key).isFile()) return;
  mkdirSync(join(work, "ssh"), { recursive: true });
  Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]);
  chmodSync(key, 0o600);
}
