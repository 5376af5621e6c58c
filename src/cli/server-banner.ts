// What `parley server` prints on stderr when it is ready: where it can be reached, and by whom. The
// line on stdout is printed elsewhere.

import { networkInterfaces } from "node:os";
import { isLoopback } from "../addresses.ts";
import { hostPortText, isEveryAddress } from "../io/host-port.ts";
import { ownCommand } from "./program-name.ts";

type Interfaces = Readonly<
  Record<string, readonly { address: string; family: string; internal: boolean }[] | undefined>
>;

export type Reachable = {
  /** As given by `--host`. */
  host: string;
  port: number;
  webPort: number | undefined;
  publicUrl: URL | undefined;
  metricsPort: number | undefined;
  dialectPorts: ReadonlyMap<string, number>;
  /** The shared folder, and whether it exists. */
  files: string;
  areFilesMissing: boolean;
};

/** The warning that other machines can connect, if they can. */
export function exposureWarning(host: string): string | undefined {
  if (isLoopback(host)) return undefined;
  const exposed = isEveryAddress(host)
    ? `${host} is every address of this machine, so other machines can reach it`
    : `other machines can reach ${host}`;
  return `Warning: ${exposed}, and there are no passwords.`;
}

export function serverBanner(server: Reachable, interfaces?: Interfaces): string[] {
  const { port, webPort, metricsPort, files } = server;
  const [host = server.host, ...others] = reachableHosts(server.host, interfaces);
  const hint = server.areFilesMissing ? " (create it to share files)" : "";
  const lines = [`Chat and files on port ${port} (TCP and UDP), shared folder ${files}${hint}`];
  if (webPort !== undefined) {
    const url = server.publicUrl?.href ?? `http://${hostPortText({ host, port: webPort })}/`;
    lines.push(`Page:          ${url}`);
  }
  if (metricsPort !== undefined) {
    lines.push(`Metrics:       http://127.0.0.1:${metricsPort}/metrics`);
  }
  for (const [name, dialectPort] of server.dialectPorts) {
    lines.push(`Dialect:       ${name} on port ${dialectPort}`);
  }
  lines.push(
    `Terminal:      ${ownCommand()} client ${hostPortText({ host, port })} --name NAME`,
    `Without parley: nc ${host} ${port}`,
  );
  if (others.length > 0) lines.push(`Other addresses of this machine: ${others.join(", ")}`);
  return lines;
}

/**
 * The addresses at which a server listening on `host` can be reached, external ones first. Never
 * empty: a machine without a network still reaches itself.
 */
export function reachableHosts(
  host: string,
  interfaces: Interfaces = networkInterfaces(),
): readonly string[] {
  if (!isEveryAddress(host)) return [host];
  // A socket on :: accepts IPv4, too. Link-local addresses need a zone, which differs per machine.
  const families = host === "::" ? ["IPv4", "IPv6"] : ["IPv4"];
  const outward = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, family, internal }) => {
      return !internal && families.includes(family) && !/^fe[89ab]/i.test(address);
    })
    .map(({ address }) => address);
  return [...outward, host === "::" ? "::1" : "127.0.0.1"];
}
