// Counters and gauges, rendered by metrics-page.ts. Pure: the code that does something counts it
// here.

/** Plain fields, so that counting costs one addition. */
export type Metrics = {
  /** Open connections by dialect. */
  connections: Map<string, number>;
  connectionsOpened: Map<string, number>;
  /** Refused connections by error code. */
  connectionsRefused: Map<string, number>;
  /** Sessions that lost their connection and returned. */
  resumes: number;
  rooms: number;
  members: number;
  privateChats: number;
  roomMessages: number;
  privateMessages: number;
  /** Room messages, counted once per member they were delivered to; replays are not counted. */
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
  /**
   * Channels between people that may use the relay, and the relay's forwarded and dropped
   * datagrams.
   */
  relays: number;
  relayedDatagrams: number;
  relayedBytes: number;
  relayDropped: number;
  /** Uploads to the shared folder: in progress and since startup, and what is stored. */
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

/** A shared database as seen by one of its servers. */
export type DatabaseMetrics = {
  /** From a request to its answer, whatever the answer is. */
  latency: Histogram;
  /** `refused`: the request was not carried out. `unknown`: it may have been. */
  outcomes: { done: number; refused: number; unknown: number };
  /** Requests that wait for an answer. */
  inFlight: number;
  /** Notifications of other servers. */
  notices: number;
  /** Rooms read because a notification was missing or late. */
  catchUps: number;
  /** How often other servers considered this one dead. */
  fences: number;
  /** Time since the lease was last renewed. */
  leaseAgeSeconds: number;
};

/** Observations at or below each bound, and their sum. Bounds are in seconds. */
export type Histogram = {
  readonly bounds: readonly number[];
  counts: number[];
  sumSeconds: number;
  count: number;
};

/** Upper bounds: a turn of fan-out takes less than a millisecond; people notice from 100 ms on. */
const loopDelayBoundsSeconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/**
 * A commit takes a millisecond with a nearby database, and tens with a distant standby; 10 s are a
 * lease.
 */
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
 * Adds to a labelled counter. Labels come from internal tables, never from outside, so the map
 * stays small.
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
