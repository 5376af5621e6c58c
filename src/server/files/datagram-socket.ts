// What a file service needs of a UDP socket, and what stands for one where there is none.

import type { UdpListener } from "../../io/udp/udp-listener.ts";

export type DatagramSocket = Pick<
  UdpListener,
  "port" | "offload" | "locals" | "send" | "canNap" | "nap" | "close"
>;

/** Everything goes over control connections. An offer must name a port: one that nothing is behind. */
export const noDatagrams: DatagramSocket = {
  port: 1,
  offload: { segment: false, merge: false, dontFragment: false, receiveBufferBytes: 0 },
  locals: [],
  send: (bytes) => bytes.length,
  canNap: false,
  nap() {},
  close() {},
};
