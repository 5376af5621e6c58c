// The metrics page in Prometheus text format 0.0.4; docs/web.md lists the metrics. Pure: the
// adapter supplies process statistics (memory, CPU time).

import type { DatabaseMetrics, Histogram, Metrics } from "./metrics.ts";

/** Statistics that only the process knows. */
export type ProcessNumbers = {
  version: string;
  startTimeSeconds: number;
  cpuSeconds: number;
  residentBytes: number;
};

type Labelled = { label: string; values: ReadonlyMap<string, number> };
type Read<M> = (m: M, own: ProcessNumbers) => number | Labelled;
type Row<M = Metrics> = readonly [
  type: "counter" | "gauge",
  name: string,
  help: string,
  read: Read<M>,
];

const beforeDelay: readonly Row[] = [
  [
    "gauge",
    "parley_build_info",
    "Version of the server.",
    (_, own) => by("version", new Map([[own.version, 1]])),
  ],
  ["gauge", "parley_connections", "Open connections.", (m) => by("dialect", m.connections)],
  [
    "counter",
    "parley_connections_opened_total",
    "Connections since startup.",
    (m) => by("dialect", m.connectionsOpened),
  ],
  [
    "counter",
    "parley_connections_refused_total",
    "Connections turned away.",
    (m) => by("reason", m.connectionsRefused),
  ],
  [
    "counter",
    "parley_resumes_total",
    "Sessions resumed after a lost connection.",
    (m) => m.resumes,
  ],
  ["gauge", "parley_rooms", "Rooms that exist.", (m) => m.rooms],
  ["gauge", "parley_members", "People in rooms.", (m) => m.members],
  ["gauge", "parley_private_chats", "Private chats in progress.", (m) => m.privateChats],
  [
    "counter",
    "parley_messages_total",
    "Messages accepted.",
    (m) =>
      by(
        "kind",
        new Map([
          ["room", m.roomMessages],
          ["private", m.privateMessages],
        ]),
      ),
  ],
  [
    "counter",
    "parley_deliveries_total",
    "Room messages delivered to members.",
    (m) => m.deliveries,
  ],
  [
    "counter",
    "parley_messages_delayed_total",
    "Messages delayed by a rate limit.",
    (m) => m.messagesDelayed,
  ],
  [
    "counter",
    "parley_messages_refused_total",
    "Messages refused.",
    (m) => by("code", m.messagesRefused),
  ],
  [
    "counter",
    "parley_received_bytes_total",
    "Bytes from chat connections.",
    (m) => m.receivedBytes,
  ],
  ["counter", "parley_sent_bytes_total", "Bytes to chat connections.", (m) => m.sentBytes],
  ["gauge", "parley_lag_bytes", "Output waiting for slow readers.", (m) => m.lagBytes],
  ["gauge", "parley_lag_max_bytes", "Output waiting for the slowest reader.", (m) => m.lagMaxBytes],
  [
    "counter",
    "parley_slow_readers_dropped_total",
    "Readers disconnected for lagging.",
    (m) => m.slowReadersDropped,
  ],
  ["gauge", "parley_transfers", "UDP transfers in progress.", (m) => m.transfers],
  ["counter", "parley_transfers_total", "UDP transfers offered.", (m) => m.transfersStarted],
  [
    "counter",
    "parley_transfer_bytes_total",
    "Bytes of datagrams sent for file transfers.",
    (m) => m.transferBytes,
  ],
  ["gauge", "parley_relays", "Channels between people that have a relay.", (m) => m.relays],
  [
    "counter",
    "parley_relayed_datagrams_total",
    "Datagrams forwarded between people.",
    (m) => m.relayedDatagrams,
  ],
  ["counter", "parley_relayed_bytes_total", "Bytes of forwarded datagrams.", (m) => m.relayedBytes],
  [
    "counter",
    "parley_relay_dropped_total",
    "Datagrams not forwarded: over the rate of --relay, or the other end was not connected.",
    (m) => m.relayDropped,
  ],
  ["gauge", "parley_uploads", "Uploads to the shared folder in progress.", (m) => m.uploads],
  ["counter", "parley_uploads_total", "Such uploads begun.", (m) => m.uploadsStarted],
  ["counter", "parley_uploaded_bytes_total", "Bytes of completed uploads.", (m) => m.uploadedBytes],
  [
    "gauge",
    "parley_shared_bytes",
    "Bytes in the shared folder that count towards --quota.",
    (m) => m.sharedBytes,
  ],
  [
    "counter",
    "parley_http_requests_total",
    "Responses of the web port.",
    (m) => by("code", m.httpRequests),
  ],
  [
    "counter",
    "parley_http_file_bytes_total",
    "File bytes offered over HTTP.",
    (m) => m.httpFileBytes,
  ],
];

const ofDatabase: readonly Row<DatabaseMetrics>[] = [
  [
    "counter",
    "parley_database_requests_total",
    "Completed requests to the database.",
    (m) => by("outcome", new Map(Object.entries(m.outcomes))),
  ],
  [
    "gauge",
    "parley_database_requests_in_flight",
    "Requests waiting for the database.",
    (m) => m.inFlight,
  ],
  ["counter", "parley_database_notices_total", "Notifications of other servers.", (m) => m.notices],
  [
    "counter",
    "parley_database_catch_ups_total",
    "Rooms read because a notification was missing or late.",
    (m) => m.catchUps,
  ],
  [
    "counter",
    "parley_database_fences_total",
    "How often other servers considered this one dead.",
    (m) => m.fences,
  ],
  [
    "gauge",
    "parley_database_lease_age_seconds",
    "Time since the lease was last renewed.",
    (m) => m.leaseAgeSeconds,
  ],
];

const afterDelay: readonly Row[] = [
  [
    "gauge",
    "process_start_time_seconds",
    "Start, in Unix seconds.",
    (_, own) => own.startTimeSeconds,
  ],
  ["counter", "process_cpu_seconds_total", "Processor time used.", (_, own) => own.cpuSeconds],
  ["gauge", "process_resident_memory_bytes", "Resident memory.", (_, own) => own.residentBytes],
];

export function renderMetrics(m: Metrics, own: ProcessNumbers): string {
  const write = (row: Row) => linesOf(row, m, own);
  const what = "How late a timer of the event loop was.";
  const delay = histogramLines("parley_event_loop_delay_seconds", what, m.loopDelay);
  const shared = m.database === undefined ? [] : databaseLines(m.database, own);
  const lines = [...beforeDelay.flatMap(write), ...shared, ...delay, ...afterDelay.flatMap(write)];
  return `${lines.join("\n")}\n`;
}

function databaseLines(database: DatabaseMetrics, own: ProcessNumbers): string[] {
  const what = "From a request to the database to its answer.";
  return [
    ...histogramLines("parley_database_request_duration_seconds", what, database.latency),
    ...ofDatabase.flatMap((row) => linesOf(row, database, own)),
  ];
}

function linesOf<M>([type, name, help, read]: Row<M>, m: M, own: ProcessNumbers): string[] {
  const head = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  const value = read(m, own);
  if (typeof value === "number") return [...head, `${name} ${value}`];
  const { label, values } = value;
  const numbers = Array.from(
    values,
    ([of, number]) => `${name}{${label}="${escapeLabel(of)}"} ${number}`,
  );
  return [...head, ...numbers];
}

function by(label: string, values: ReadonlyMap<string, number>): Labelled {
  return { label, values };
}

function histogramLines(name: string, help: string, histogram: Histogram): string[] {
  let sum = 0;
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...histogram.bounds.map((bound, i) => {
      sum += histogram.counts[i] ?? 0;
      return `${name}_bucket{le="${bound}"} ${sum}`;
    }),
    `${name}_bucket{le="+Inf"} ${histogram.count}`,
    `${name}_sum ${histogram.sumSeconds}`,
    `${name}_count ${histogram.count}`,
  ];
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
