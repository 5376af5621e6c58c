// Counters and gauges, rendered by metrics-page.ts. Pure: the code that does a thing counts it
// here.

/** Plain fields, so that counting costs one addition. */
export type Metrics = {
  /** Open connections by dialect. */
  connections: Map<string, number>;
  connectionsOpened: Map<string, number>;
  /** Connections turned away, by error code. */
  connectionsRefused: Map<string, number>;
  /** Sessions that lost their connection and came back. */
  resumes: number;
  rooms: number;
  members: number;
  privateChats: number;
  roomMessages: number;
  privateMessages: number;
  /** Room messages, counted once per member they were handed to; replays are not counted. */
  deliveries: number;
  messagesDelayed: number;
  /** Refused messages by error code. */
  messagesRefused: Map<string, number>;
  receivedBytes: number;
  sentBytes: number;
  /** Output waiting for slow readers, in total and for the slowest. */
  lagBytes: number;
  lagMaxBytes: number;
  slowReadersDropped: number;
  transfers: number;
  transfersStarted: number;
  transferBytes: number;
  /** Channels between people that may use the relay, and what it has forwarded and dropped. */
  relays: number;
  relayedDatagrams: number;
  relayedBytes: number;
  relayDropped: number;
  /** Files of people for the shared folder: on their way, since the start, and what is there. */
  uploads: number;
  uploadsStarted: number;
  uploadedBytes: number;
  sharedBytes: number;
  httpRequests: Map<string, number>;
  httpFileBytes: number;
  loopDelay: Histogram;
  /** Undefined: the store is in this process. */
  database: DatabaseMetrics | undefined;
};

/** A database that several servers share, as one of them sees it. */
export type DatabaseMetrics = {
  /** From a request to its answer, whatever it says. */
  latency: Histogram;
  /** `refused`: it was not carried out; `unknown`: it may have been. */
  outcomes: { done: number; refused: number; unknown: number };
  /** Requests that wait for an answer. */
  inFlight: number;
  /** Notifications of other servers. */
  notices: number;
  /** Rooms in which something was read that no notification had brought, or not in time. */
  catchUps: number;
  /** How often others have taken this server for dead. */
  fences: number;
  /** Since the lease was last prolonged. */
  leaseAgeSeconds: number;
};

/** Observations at or below each bound, and their sum. Bounds are in seconds. */
export type Histogram = {
  readonly bounds: readonly number[];
  counts: number[];
  sumSeconds: number;
  count: number;
};

/** Upper bounds: a turn of fan-out takes under a millisecond; people notice from 100 ms on. */
const loopDelayBoundsSeconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** A commit takes a millisecond nearby, and tens with a standby far away; 10 s are a lease. */
const latencyBoundsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10];

export function createDatabaseMetrics(): DatabaseMetrics {
  return {
    latency: histogram(latencyBoundsSeconds),
    outcomes: { done: 0, refused: 0, unknown: 0 },
    inFlight: 0,
    notices: 0,
    catchUps: 0,
    fences: 0,
    leaseAgeSeconds: 0,
  };
}

function histogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: bounds.map(() => 0), sumSeconds: 0, count: 0 };
}

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
    relays: 0,
    relayedDatagrams: 0,
    relayedBytes: 0,
    relayDropped: 0,
    uploads: 0,
    uploadsStarted: 0,
    uploadedBytes: 0,
    sharedBytes: 0,
    httpRequests: new Map(),
    httpFileBytes: 0,
    loopDelay: histogram(loopDelayBoundsSeconds),
    database: undefined,
  };
}

/**
 * Adds to a labelled counter. Labels come from our own tables, never from outside, so the map stays
 * small.
 */
export function count(numbers: Map<string, number>, label: string, by = 1): void {
  numbers.set(label, (numbers.get(label) ?? 0) + by);
}

/** Records how long something took. */
export function observe(histogram: Histogram, seconds: number): void {
  histogram.count++;
  histogram.sumSeconds += seconds;
  const slot = histogram.bounds.findIndex((bound) => seconds <= bound);
  if (slot >= 0) histogram.counts[slot] = (histogram.counts[slot] ?? 0) + 1;
}
