// The two ends of a datagram's path, as a socket with many peers sees them. Types only.

/** Both ends of a datagram's path: the peer, and the local address that it was sent to. */
export interface UdpPath {
  readonly address: string;
  readonly port: number;
  /** Empty if the wildcard socket, or the only one, received it. */
  readonly local: string;
}
