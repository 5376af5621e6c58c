// What a control connection does for its file transfers. Types only.

export interface FileControl {
  /** Sends one line (a JSON object). */
  send(line: Readonly<Record<string, unknown>>): void;
  /** Bytes waiting to leave on this connection: digests are held back above `files.maxControlBytes`. Without it they never are. */
  waitingBytes?(): number;
  /** Finds the file that lists show as `name`, where no file has that name. */
  find?(name: string): Promise<string | undefined>;
}
