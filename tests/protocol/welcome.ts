// The welcome of a server played by a test.

import { encodeServer } from "../../src/protocol/encode.ts";
import type { Welcome, WelcomeSession } from "../../src/protocol/messages.ts";

export function welcome(
  session?: WelcomeSession,
  limits: Partial<Welcome["limits"]> = {},
): Welcome {
  return {
    type: "welcome",
    version: 2,
    server: "test",
    udpPort: 1,
    limits: {
      lineBytes: 131_072,
      textChars: 16_384,
      nameChars: 32,
      recipients: 64,
      rooms: 16,
      messagesPerSecond: 0,
      burstSeconds: 0,
      ...limits,
    },
    session,
  };
}

/** For a client without a name, as a line. */
export const visitorWelcome = encodeServer(welcome());
