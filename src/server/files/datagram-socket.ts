// What a file service needs from a UDP socket. Types only.

import type { UdpListener } from "../../io/udp/udp-listener.ts";

export type DatagramSocket = Pick<
  UdpListener,
  "port" | "offload" | "locals" | "send" | "canNap" | "nap" | "close"
>;
