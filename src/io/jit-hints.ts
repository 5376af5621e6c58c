// JavaScriptCore's last compiler (FTL) needs longer for the transfer's code than most transfers last, and on a machine of few cores takes
// that time away from them: 0.2 s of processor at either end at the beginning of a fast fetch. Without it, gigabytes over
// loopback take no longer. The chat's code keeps it.

import { noFTL } from "bun:jsc";
import { Asker } from "../transfer/range-picker.ts";
import { Assembly } from "../transfer/assembler.ts";
import { Congestion } from "../transfer/congestion/bbr.ts";
import * as bigEndian from "../transfer/big-endian.ts";
import { CookieJar } from "../transfer/cookies.ts";
import { Flight } from "../transfer/sent-segments.ts";
import { Intake } from "../transfer/intake.ts";
import { Outgoing } from "../transfer/send-queue.ts";
import { RangeSet } from "../transfer/ranges.ts";
import { Receiver } from "../transfer/receiver.ts";
import { Sender } from "../transfer/sender.ts";
import { Silence } from "../transfer/probe-timeout.ts";
import * as wire from "../transfer/wire.ts";

const hotClasses = [
  Asker,
  Assembly,
  Congestion,
  CookieJar,
  Flight,
  Intake,
  Outgoing,
  RangeSet,
  Receiver,
  Sender,
  Silence,
];

/** To be called before the first transfer; again does nothing. */
export function skipLastTier(): void {
  for (const { prototype } of hotClasses) {
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(prototype))) {
      skip(value);
    }
  }
  for (const value of Object.values({ ...wire, ...bigEndian })) skip(value);
}

function skip(value: unknown): void {
  if (typeof value === "function") noFTL(value as () => void);
}
