// Prometheus metrics on a separate port that is reachable only from this machine: they reveal how a
// server is used.

import type { Metrics } from "../chat/metrics/metrics.ts";
import { renderMetrics } from "../chat/metrics/metrics-page.ts";
import { probeLoop, processNumbers } from "./loop-probe.ts";
import { isOwnHost } from "./web/origin.ts";
import { plainText } from "./web/plain-text.ts";

/** Independent of the address that the server listens on. */
export const metricsHost = "127.0.0.1";

export type MetricsPortOptions = {
  /** 0 picks a free port. */
  port: number;
  metrics: Metrics;
  version: string;
  /** Updates the gauges just before they are read. */
  refresh: () => void;
};

export interface MetricsPort {
  readonly port: number;
  close(): void;
}

/**
 * Starts listening.
 * @throws what `Bun.serve` throws, with `code` `EADDRINUSE` if the port is taken
 */
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
    // By default, Bun 1.4.5 lets a second server listen on the same port and splits the
    // connections.
    reusePort: false,
    fetch(request) {
      // Prevents web pages from reading them from a browser on this machine by DNS rebinding.
      if (!isOwnHost(request.headers.get("host"), new Set())) {
        return plainText(421, "Use the IP address, not a host name.");
      }
      if (new URL(request.url).pathname !== "/metrics") return plainText(404, "There is /metrics.");
      if (request.method !== "GET" && request.method !== "HEAD") {
        return plainText(405, "Only GET and HEAD are supported.", { Allow: "GET, HEAD" });
      }
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
