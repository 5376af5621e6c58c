// Attempts at a server: by datagrams, or over the control connection where they are blocked.

import { isLoopback } from "../addresses.ts";
import { ParleyError } from "../errors.ts";
import { socketReason } from "../io/host-port.ts";
import type { Attempt, AttemptOptions } from "./attempt.ts";
import { ControlAttempt } from "./control-attempt.ts";
import { DownloadAttempt } from "./download-attempt.ts";
import type { ServerPath } from "./file-source.ts";
import { socketTo } from "./receiver-loop.ts";

/** @throws ParleyError `cannot-connect` */
export async function openServerAttempt(
  options: AttemptOptions,
  path: ServerPath,
): Promise<Attempt> {
  const { host, udpPort, isBlocked, offload, metrics } = path;
  if (isBlocked) return new ControlAttempt(options);
  try {
    return await DownloadAttempt.open({
      ...options,
      udpPort,
      open: socketTo(host, udpPort, offload),
      loopback: isLoopback(host),
      ...(metrics === undefined ? {} : { path: metrics }),
    });
  } catch (error) {
    const why = socketReason(error);
    throw new ParleyError(
      "cannot-connect",
      `Cannot send datagrams to ${host}, port ${udpPort}: ${why}.`,
    );
  }
}
