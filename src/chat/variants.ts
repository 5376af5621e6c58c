// A client asks for more, or less, than its dialect says by itself: it then hears its rooms in another
// variant of it.

import type { HubState } from "./hub-state.ts";
import type { Session } from "./session.ts";

export function changeVariant(hub: HubState, session: Session, name: string): void {
  const dialect = session.dialect.variant?.(name) ?? session.dialect;
  if (dialect === session.dialect) return;
  session.dialect = dialect;
  for (const membership of session.rooms) {
    // One that is about to hear its room will hear it in the new variant.
    if (membership.heardAs === undefined) continue;
    const room = hub.rooms.get(membership.room);
    room?.unlisten(membership);
    room?.listen(membership);
  }
}
