// Opening a port that a person has asked for: what goes wrong is said with its number and the flag that chose it.

import { ParleyError } from "../errors.ts";
import { notOwnAddress } from "../io/host-port.ts";

/**
 * Runs what opens `port` on `host`; `flag` is what asked for it.
 * @throws ParleyError `port-in-use`, `failed`
 */
export async function named<T>(
  host: string,
  flag: string,
  port: number,
  open: () => T | Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EADDRINUSE") {
      throw new ParleyError(
        "port-in-use",
        `Port ${port} is in use: choose another with ${flag} (0 takes a free one)`,
      );
    }
    const notOwn = notOwnAddress(host, error);
    if (notOwn !== undefined) throw notOwn;
    if (code === "EACCES") {
      throw new ParleyError(
        "failed",
        `Port ${port} is not allowed to you: choose one from 1024 up with ${flag}`,
      );
    }
    if (error instanceof ParleyError) throw error;
    throw new ParleyError(
      "failed",
      `Port ${port} (${flag}) could not be opened: ${(error as Error).message}`,
    );
  }
}
