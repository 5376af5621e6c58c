// Proof that a client holds the key of its device: a signature bound to the TLS channel, or to a
// nonce over plain text.

import { loginProofText } from "../../trust/login-proof.ts";
import type { LoginCommand } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { refuseLogin } from "./refuse-login.ts";
import type { Session } from "../session.ts";

/**
 * Whether the session has proved the key that the command names, if it names one. If not, the
 * session is asked for a proof, or refused.
 */
export function proveKey(hub: HubState, session: Session, command: LoginCommand): boolean {
  const { identity, name } = command;
  if (identity === undefined || session.proven.key === identity.key) return true;
  const { key, signature } = identity;
  const { channel } = session.peer;
  if (signature === undefined && channel === undefined) {
    const nonce = hub.options.newSecret();
    session.challenge = { nonce, command };
    // Commands that the client sends along wait until it is answered.
    session.queue.block();
    hub.send(session, { type: "challenge", nonce });
    return false;
  }
  const isProved =
    signature !== undefined &&
    channel !== undefined &&
    hub.options.credentials.verifySignature(key, loginProofText({ name, channel }), signature);
  if (isProved) {
    session.prove({ key, account: undefined, isDevice: false });
    return true;
  }
  const message = "The signature does not prove the key on this connection: sign what it asks for";
  refuseLogin(hub, session, name, { code: "protocol", message });
  return false;
}
