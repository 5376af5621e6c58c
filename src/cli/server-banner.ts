// What `parley server` says on stderr when it is ready: where it can be reached, and by whom.
// Standard output's one line is not its business.

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
  /** The shared folder, and whether it is there. */
  files: string;
  areFilesMissing: boolean;
};

/** The warning that others can get in, if they can. */
export function exposureWarning(host: string): string | undefined {
  if (isLoopback(host)) return undefined;
  const exposed = isEveryAddress(host)
    ? `${host} is every address of this machine: other machines can reach it`
    : `other machines can reach ${host}`;
  return `Warning: ${exposed}, and nothing here asks for a password.`;
}

export function serverBanner(server: Reachable, interfaces?: Interfaces): string[] {
  const { port, webPort, metricsPort, files } = server;
  const [host = server.host, ...others] = reachableHosts(server.host, interfaces);
  const hint = server.areFilesMissing ? " (make it and put files there)" : "";
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
 * By which addresses a server that listens on `host` can be reached, those first that other
 * machines can use. Never none: a machine without a network still reaches itself.
 */
export function reachableHosts(
  host: string,
  interfaces: Interfaces = networkInterfaces(),
): readonly string[] {
  if (!isEveryAddress(host)) return [host];
  // A socket on :: takes IPv4 too. Link-local addresses need a zone, which is different on each
  // machine.
  const families = host === "::" ? ["IPv4", "IPv6"] : ["IPv4"];
  const outward = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, family, internal }) => {
      return !internal && families.includes(family) && !/^fe[89ab]/i.test(address);
    })
    .map(({ address }) => address);
  return [...outward, host === "::" ? "::1" : "127.0.0.1"];
}
