// Where a session's output goes: a TCP socket, a WebSocket, or a list in a test. The hub writes, the adapter obeys.

export interface Link {
  /**
   * Takes as many bytes as fit now and answers how many; what did not fit is offered again after the adapter has called
   * `session.drained()`. Never throws; on a connection that is gone it answers the full length.
   */
  write(bytes: Uint8Array): number;
  /** No more output: the connection ends after what was written has left, bounded in time. */
  end(): void;
  /** The connection ends now; what has not left is lost. */
  abort(): void;
}
