// Both ends of a datagram's path, as a socket with many peers sees them.

/** The peer, and the local address that the datagram was sent to, which is opaque to transfers. */
export interface UdpPath {
  readonly address: string;
  readonly port: number;
  /** Empty if the wildcard socket, or the only one, received it. */
  readonly local: string;
}

export function isSamePath(a: UdpPath | undefined, b: UdpPath): boolean {
  return a?.address === b.address && a.port === b.port && a.local === b.local;
}
