// The requirements of the test bed on this machine. Each missing one is a reason to skip, with the
// package to install.

import { existsSync } from "node:fs";
import { python3 } from "../../python.ts";
import { succeeds } from "./command.ts";

export type Need =
  | "network"
  | "iptables"
  | "ip6tables"
  | "tc"
  | "chrt"
  | "mount"
  | "exfat"
  | "btrfs"
  | "ext4"
  | "bindfs"
  | "faketime"
  | "python3"
  | "unshare"
  | "curl"
  | "openssl"
  | "nginx"
  | "nginx-stream"
  | "caddy"
  | "haproxy";

/** The path on Debian and its relatives; the directory has the machine's name. */
const faketimePaths = [
  `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketime.so.1`,
  "/usr/lib64/faketime/libfaketime.so.1",
  "/usr/lib/faketime/libfaketime.so.1",
];

/** The path on Debian. */
export const nginxStream = ["/usr/lib/nginx/modules/ngx_stream_module.so"].find((path) =>
  existsSync(path),
);

export const faketimeLibrary = faketimePaths.find((path) => existsSync(path));

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

const missing: Record<Need, () => string | undefined> = {
  network: () => {
    if (!isRoot) return "network namespaces need Linux and root";
    if (Bun.which("ip") === null) return "ip(8) is missing: install iproute2";
    const name = `parley-world-${process.pid}-try`;
    if (!succeeds("ip", "netns", "add", name)) return "network namespaces can't be made here";
    succeeds("ip", "netns", "del", name);
    return undefined;
  },
  iptables: () => lacks("iptables", ["iptables", "-L", "-n"], "iptables"),
  ip6tables: () => lacks("ip6tables", ["ip6tables", "-L", "-n"], "iptables"),
  tc: () => lacks("tc", ["tc", "qdisc"], "iproute2"),
  chrt: () => lacks("chrt", ["chrt", "--fifo", "1", "true"], "util-linux"),
  mount: () => (isRoot ? lacks("mount", ["mount", "--version"], "mount") : "mounts need root"),
  exfat: () => {
    if (!isRoot) return "mounts need root";
    if (Bun.which("mkfs.exfat") === null) return "mkfs.exfat is missing: install exfatprogs";
    if (!existsSync("/dev/loop-control")) return "there are no loop devices";
    const kernel =
      succeeds("grep", "-qw", "exfat", "/proc/filesystems") || succeeds("modprobe", "exfat");
    if (kernel) return undefined;
    if (!existsSync("/dev/fuse")) return "there is no FUSE, and the kernel has no exFAT";
    return Bun.which("mount.exfat-fuse") === null
      ? "the kernel has no exFAT: install exfat-fuse"
      : undefined;
  },
  btrfs: () => lacksFileSystem("btrfs", "mkfs.btrfs", "btrfs-progs"),
  ext4: () => lacksFileSystem("ext4", "mkfs.ext4", "e2fsprogs"),
  bindfs: () => {
    if (!isRoot) return "mounts need root";
    if (!existsSync("/dev/fuse")) return "there is no FUSE";
    return lacks("bindfs", ["bindfs", "--version"], "bindfs");
  },
  faketime: () =>
    faketimeLibrary === undefined ? "libfaketime is missing: install libfaketime" : undefined,
  python3: () => (python3 === undefined ? "there is no python3" : undefined),
  openssl: () => lacks("openssl", ["openssl", "version"], "openssl"),
  curl: () => lacks("curl", ["curl", "--version"], "curl"),
  nginx: () => lacks("nginx", ["nginx", "-v"], "nginx-light"),
  "nginx-stream": () =>
    nginxStream === undefined
      ? "nginx's stream module is missing: install libnginx-mod-stream"
      : undefined,
  caddy: () => lacks("caddy", ["caddy", "version"], "caddy"),
  haproxy: () => lacks("haproxy", ["haproxy", "-v"], "haproxy"),
  unshare: () => {
    if (!isRoot) return "process namespaces need root";
    return lacks("unshare", ["unshare", "--pid", "--fork", "true"], "util-linux");
  },
};

const known = new Map<Need, string | undefined>();

/** Why a test with these requirements can't run here; undefined if it can. */
export function whyNot(needs: readonly Need[]): string | undefined {
  for (const need of needs) {
    if (!known.has(need)) known.set(need, missing[need]());
    const reason = known.get(need);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function lacksFileSystem(name: string, make: string, debianPackage: string): string | undefined {
  if (!isRoot) return "mounts need root";
  if (Bun.which(make) === null) return `${make} is missing: install ${debianPackage}`;
  if (!existsSync("/dev/loop-control")) return "there are no loop devices";
  const isKnown = succeeds("grep", "-qw", name, "/proc/filesystems") || succeeds("modprobe", name);
  return isKnown ? undefined : `the kernel has no ${name}`;
}

function lacks(
  program: string,
  attempt: readonly string[],
  debianPackage: string,
): string | undefined {
  if (Bun.which(program) === null) return `${program}(8) is missing: install ${debianPackage}`;
  return succeeds(...attempt) ? undefined : `${program}(8) does not work here`;
}
