// Connects to a server on behalf of commands that join no room, and on a terminal asks for a
// password that the server requires and no file provided.

import { ControlClient } from "../files/control-client.ts";
import type { ServerAddress } from "../io/host-port.ts";
import { canAsk } from "./editor/ask-secret.ts";
import { withNamePassword, withPassword } from "./editor/with-password.ts";

export type Admitted = {
  control: ControlClient;
  /** The server, including the password that the user entered for it. */
  server: ServerAddress;
};

/** @throws ParleyError `cannot-connect`, `password-required` and the server's other refusals */
export function admittedAt(place: ServerAddress): Promise<Admitted> {
  const given = { to: place, password: place.visitor?.password };
  return withPassword(given, async ({ to, password }) => {
    const server = withNamePassword(to, password);
    const control = await ControlClient.connect(server);
    try {
      await control.admitted();
      return { control, server };
    } catch (error) {
      control.close();
      throw error;
    }
  });
}

/** The server with the password, if one had to be asked for. @throws ParleyError as `admittedAt` */
export async function withAskedPassword(place: ServerAddress): Promise<ServerAddress> {
  if (!canAsk()) return place;
  const { control, server } = await admittedAt(place);
  control.close();
  return server;
}
