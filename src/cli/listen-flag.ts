// `--listen DIALECT=PORT` and `--classic`: ports for single dialects, in addition to the main port.

import { dialects } from "../dialects/table.ts";
import { ParleyError } from "../errors.ts";
import type { ExtraPort } from "../server/chat-server.ts";
import { quoted } from "../text.ts";
import { portOf } from "./flags.ts";

/** The CPP registry is not a chat dialect, but has a port like one. */
const cpp = "cpp";
const classicCppPort = 8080;

const spokenOnMainPort: ReadonlySet<string> = new Set([cpp, "open-chat"]);

/** IRC over TLS. */
const ircs = "ircs";

export const dialectNames: readonly string[] = [cpp, ...Object.keys(dialects), ircs];

/**
 * The ports to open for single dialects. `listen`: the values of `--listen`, joined by commas.
 * `classic`: the other dialects get their classic ports too, unless `mainPort` is that port and
 * speaks the dialect.
 * @throws ParleyError `usage`
 */
export function dialectPorts(
  listen: string | undefined,
  classic: boolean,
  mainPort: number,
): ExtraPort[] {
  const ports = listen === undefined ? [] : readListen(listen);
  if (!classic) return ports;
  const asked = new Set(ports.map(({ dialect }) => dialect));
  const all: [string, number][] = [
    [cpp, classicCppPort],
    ...Object.entries(dialects).flatMap(([name, { classicPort }]): [string, number][] =>
      classicPort === undefined ? [] : [[name, classicPort]],
    ),
  ];
  const missing = all.filter(
    ([name, port]) => !asked.has(name) && !(port === mainPort && spokenOnMainPort.has(name)),
  );
  return [...ports, ...missing.map(([dialect, port]) => extraPort(dialect, port))];
}

function readListen(listen: string): ExtraPort[] {
  const ports: ExtraPort[] = [];
  for (const item of listen.split(",")) {
    const [dialect = "", port, rest] = item.split("=");
    if (!dialectNames.includes(dialect) || port === undefined || rest !== undefined) {
      throw new ParleyError(
        "usage",
        `--listen ${quoted(item)} is not DIALECT=PORT with one of: ${dialectNames.join(", ")}`,
      );
    }
    // The server announces one port per dialect.
    if (ports.some((other) => other.dialect === dialect)) {
      throw new ParleyError(
        "usage",
        `--listen ${dialect}=PORT is given twice: a dialect has one port of its own`,
      );
    }
    ports.push(extraPort(dialect, portOf(`--listen ${dialect}=PORT:`, port)));
  }
  return ports;
}

function extraPort(dialect: string, port: number): ExtraPort {
  return { dialect, port, flag: `--listen ${dialect}=PORT` };
}
