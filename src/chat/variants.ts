// Changes the features of a client's dialect on request: it then receives its rooms in another
// variant of the dialect.

import type { HubState } from "./hub-state.ts";
import type { Session } from "./session.ts";

export function changeVariant(hub: HubState, session: Session, name: string): void {
  const dialect = session.dialect.variant?.(name) ?? session.dialect;
  if (dialect === session.dialect) return;
  session.dialect = dialect;
  for (const membership of session.rooms) {
    // A member that is about to receive its room will do so in the new variant.
    if (membership.heardAs === undefined) continue;
    const room = hub.rooms.get(membership.room);
    room?.unlisten(membership);
    room?.listen(membership);
  }
}
