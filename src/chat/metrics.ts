// What is counted, and how it reads in Prometheus' text format 0.0.4 (docs/web.md lists the names). Pure: whoever does a thing
// increments its number here; the outside world hands in what only it can know (memory, processor time).

/** Numbers that grow or follow the present state. Plain fields, so that counting costs one addition. */
export type Metrics = {
  /** Open connections by dialect. */
  connections: Map<string, number>;
  connectionsOpened: Map<string, number>;
  /** Connections that were turned away, by reason (an error code). */
  connectionsRefused: Map<string, number>;
  /** Sessions that lost their connection and came back. */
  resumes: number;
  rooms: number;
  members: number;
  privateChats: number;
  roomMessages: number;
  privateMessages: number;
  /** Messages of rooms, each counted for every member that it is handed to; a past that is told again is not counted. */
  deliveries: number;
  messagesDelayed: number;
  /** Messages that were refused, by error code. */
  messagesRefused: Map<string, number>;
  receivedBytes: number;
  sentBytes: number;
  /** Output that waits for slow readers, over all sessions and the worst one. */
  lagBytes: number;
  lagMaxBytes: number;
  slowReadersDropped: number;
  transfers: number;
  transfersStarted: number;
  transferBytes: number;
  httpRequests: Map<string, number>;
  httpFileBytes: number;
  loopDelay: Histogram;
};

/** Counts of observations at or under each bound, and their sum; bounds are in seconds. */
export type Histogram = { counts: number[]; sumSeconds: number; count: number };

/** Upper bounds of the event loop's delay: a turn of fan-out is under a millisecond, people notice from 100 ms on. */
const loopDelayBoundsSeconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1] as const;

export function createMetrics(): Metrics {
  return {
    connections: new Map(),
    connectionsOpened: new Map(),
    connectionsRefused: new Map(),
    resumes: 0,
    rooms: 0,
    members: 0,
    privateChats: 0,
    roomMessages: 0,
    privateMessages: 0,
    deliveries: 0,
    messagesDelayed: 0,
    messagesRefused: new Map(),
    receivedBytes: 0,
    sentBytes: 0,
    lagBytes: 0,
    lagMaxBytes: 0,
    slowReadersDropped: 0,
    transfers: 0,
    transfersStarted: 0,
    transferBytes: 0,
    httpRequests: new Map(),
    httpFileBytes: 0,
    loopDelay: { counts: loopDelayBoundsSeconds.map(() => 0), sumSeconds: 0, count: 0 },
  };
}

/** Adds to the number under a label. Labels come from our own tables (dialects, error codes), never from outside: a map stays small. */
export function count(numbers: Map<string, number>, label: string, by = 1): void {
  numbers.set(label, (numbers.get(label) ?? 0) + by);
}

/** Records how late the event loop was, in seconds. */
export function observeLoopDelay(histogram: Histogram, seconds: number): void {
  histogram.count++;
  histogram.sumSeconds += seconds;
  const slot = loopDelayBoundsSeconds.findIndex((bound) => seconds <= bound);
  if (slot >= 0) histogram.counts[slot] = (histogram.counts[slot] ?? 0) + 1;
}

/** What only the process itself knows. */
export type ProcessNumbers = {
  version: string;
  startTimeSeconds: number;
  cpuSeconds: number;
  residentBytes: number;
};

type Value = number | { label: string; values: ReadonlyMap<string, number> };

/** The page that a Prometheus server scrapes. */
export function renderMetrics(m: Metrics, own: ProcessNumbers): string {
  const lines: string[] = [];
  const put = (type: "counter" | "gauge", name: string, help: string, value: Value): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    if (typeof value === "number") lines.push(`${name} ${value}`);
    else
      for (const [label, number] of value.values)
        lines.push(`${name}{${value.label}="${escapeLabel(label)}"} ${number}`);
  };

  const version = new Map([[own.version, 1]]);
  put("gauge", "parley_build_info", "Version of the server.", by("version", version));
  put("gauge", "parley_connections", "Open connections.", by("dialect", m.connections));
  put(
    "counter",
    "parley_connections_opened_total",
    "Connections since the start.",
    by("dialect", m.connectionsOpened),
  );
  put(
    "counter",
    "parley_connections_refused_total",
    "Connections turned away.",
    by("reason", m.connectionsRefused),
  );
  put("counter", "parley_resumes_total", "Sessions that came back.", m.resumes);
  put("gauge", "parley_rooms", "Rooms that exist.", m.rooms);
  put("gauge", "parley_members", "People in rooms.", m.members);
  put("gauge", "parley_private_chats", "Private chats going on.", m.privateChats);
  const kinds = new Map([
    ["room", m.roomMessages],
    ["private", m.privateMessages],
  ]);
  put("counter", "parley_messages_total", "Messages accepted.", by("kind", kinds));
  put("counter", "parley_deliveries_total", "Messages of rooms handed to members.", m.deliveries);
  put(
    "counter",
    "parley_messages_delayed_total",
    "Messages held back by a rate.",
    m.messagesDelayed,
  );
  put(
    "counter",
    "parley_messages_refused_total",
    "Messages refused.",
    by("code", m.messagesRefused),
  );
  put("counter", "parley_received_bytes_total", "Bytes from chat connections.", m.receivedBytes);
  put("counter", "parley_sent_bytes_total", "Bytes to chat connections.", m.sentBytes);
  put("gauge", "parley_lag_bytes", "Output waiting for slow readers.", m.lagBytes);
  put("gauge", "parley_lag_max_bytes", "Output waiting for the slowest reader.", m.lagMaxBytes);
  put(
    "counter",
    "parley_slow_readers_dropped_total",
    "Readers dropped for lagging.",
    m.slowReadersDropped,
  );
  put("gauge", "parley_transfers", "UDP transfers going on.", m.transfers);
  put("counter", "parley_transfers_total", "UDP transfers offered.", m.transfersStarted);
  put(
    "counter",
    "parley_transfer_bytes_total",
    "Bytes of datagrams sent for them.",
    m.transferBytes,
  );
  put(
    "counter",
    "parley_http_requests_total",
    "Answers of the web port.",
    by("code", m.httpRequests),
  );
  put("counter", "parley_http_file_bytes_total", "File bytes offered over HTTP.", m.httpFileBytes);
  lines.push(...histogramLines("parley_event_loop_delay_seconds", m.loopDelay));
  put("gauge", "process_start_time_seconds", "Start, in Unix seconds.", own.startTimeSeconds);
  put("counter", "process_cpu_seconds_total", "Processor time used.", own.cpuSeconds);
  put("gauge", "process_resident_memory_bytes", "Resident memory.", own.residentBytes);
  return `${lines.join("\n")}\n`;
}

function by(label: string, values: ReadonlyMap<string, number>): Value {
  return { label, values };
}

function histogramLines(name: string, histogram: Histogram): string[] {
  let sum = 0;
  return [
    `# HELP ${name} How late a timer of the event loop was.`,
    `# TYPE ${name} histogram`,
    ...loopDelayBoundsSeconds.map((bound, i) => {
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
