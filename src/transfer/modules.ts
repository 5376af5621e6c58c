// All transfer modules as namespaces, so that io/jit-hints.ts can reach every function.
// tests/io/jit-hints.test.ts fails if one is missing.

export * as arrivalBatch from "./arrival-batch.ts";
export * as assembler from "./assembler.ts";
export * as bandwidthFilter from "./congestion/bandwidth-filter.ts";
export * as bbr from "./congestion/bbr.ts";
export * as bigEndian from "./big-endian.ts";
export * as chunks from "./chunks.ts";
export * as cookies from "./cookies.ts";
export * as fnv1a from "./fnv1a.ts";
export * as initSchedule from "./init-schedule.ts";
export * as journal from "./journal.ts";
export * as loopback from "./congestion/loopback.ts";
export * as mtuDiscovery from "./mtu-discovery.ts";
export * as pacer from "./congestion/pacer.ts";
export * as packetTrain from "./packet-train.ts";
export * as pathFinder from "./paths/path-finder.ts";
export * as pathWire from "./paths/path-wire.ts";
export * as probeBw from "./congestion/probe-bw.ts";
export * as probeTimeout from "./probe-timeout.ts";
export * as pullSchedule from "./pull-schedule.ts";
export * as queueDelay from "./congestion/queue-delay.ts";
export * as rangePicker from "./range-picker.ts";
export * as ranges from "./ranges.ts";
export * as rateShares from "./paths/rate-shares.ts";
export * as receiver from "./receiver.ts";
export * as relay from "./paths/relay.ts";
export * as relayClient from "./paths/relay-client.ts";
export * as requestSchedule from "./request-schedule.ts";
export * as rtt from "./congestion/rtt.ts";
export * as sealCache from "./seal-cache.ts";
export * as sealedChunks from "./sealed-chunks.ts";
export * as sendQueue from "./send-queue.ts";
export * as sender from "./sender.ts";
export * as sentSegments from "./sent-segments.ts";
export * as startup from "./congestion/startup.ts";
export * as wire from "./wire.ts";
