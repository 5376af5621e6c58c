// A value that only the recipient can know: the proof that everything was received
// (docs/transfer.md, "From person to person"), with WebCrypto.

import { joinedBytes, toBase64Url } from "../../bytes.ts";

export async function receivedProof(exported: Uint8Array): Promise<string> {
  const text = joinedBytes([new TextEncoder().encode("parley received"), exported]);
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", text)));
}
