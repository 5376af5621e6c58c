// The numbers for Prometheus, on a port of their own that only this machine can reach: they say who uses a server how much.

import type { Metrics } from "../chat/metrics.ts";
import { renderMetrics } from "../chat/metrics-page.ts";
import { probeLoop, processNumbers } from "./loop-probe.ts";
import { isOwnHost } from "./web/origin.ts";
import { plainText } from "./web/plain-text.ts";

/** Whatever address the server itself listens on. */
export const metricsHost = "127.0.0.1";

export type MetricsPortOptions = {
  /** 0 takes a free one. */
  port: number;
  metrics: Metrics;
  version: string;
  /** Brings gauges up to date just before they are read. */
  refresh: () => void;
};

export interface MetricsPort {
  readonly port: number;
  close(): void;
}

/** Starts listening. @throws what `Bun.serve` throws, with `code` `EADDRINUSE` when the port is taken. */
export function openMetricsPort({
  port,
  metrics,
  version,
  refresh,
}: MetricsPortOptions): MetricsPort {
  const server = Bun.serve({
    hostname: metricsHost,
    port,
    development: false,
    // Without it Bun 1.4.5 lets a second server listen on the same port, and each gets some of the connections.
    reusePort: false,
    fetch(request) {
      // A page in a browser on this machine must not read them by rebinding its name.
      if (!isOwnHost(request.headers.get("host"), new Set())) {
        return plainText(421, "Use the address, not a name.");
      }
      if (new URL(request.url).pathname !== "/metrics") return plainText(404, "There is /metrics.");
      refresh();
      return plainText(200, renderMetrics(metrics, processNumbers(version)).trimEnd(), {
        "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
      });
    },
  });
  const stopProbe = probeLoop(metrics.loopDelay);
  return {
    port: server.port ?? port,
    close() {
      stopProbe();
      void server.stop(true);
    },
  };
}
