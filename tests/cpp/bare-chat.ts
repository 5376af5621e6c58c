// How programs other than S0's own open a chat with a peer: with contact headers and no message; bare text follows.

import type { Contact } from "../../src/cpp/codec.ts";

export function encodeBareChat({ id, ip, port }: Contact): string {
  return `CHAT\r\nclientID: ${id}\r\nIP: ${ip}\r\nPort: ${port}\r\n\r\n`;
}
