// The body of a request as text, bounded in bytes and time: a body that is too long or too slow is
// not read to the end.

/** Invalid UTF-8 becomes U+FFFD. */
export async function readBody(
  request: Request,
  maxBytes: number,
  maxMs: number,
): Promise<string | "too-large" | "too-slow"> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) return "too-large";
  const { body } = request;
  if (body === null) return "";
  const reader = body.getReader();
  const late = Promise.withResolvers<"too-slow">();
  const timer = setTimeout(() => late.resolve("too-slow"), maxMs);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), late.promise]);
      if (next === "too-slow") return next;
      if (next.done) return new TextDecoder().decode(Buffer.concat(chunks));
      bytes += next.value.length;
      if (bytes > maxBytes) return "too-large";
      chunks.push(next.value);
    }
  } catch {
    // The client has disconnected: nobody will read the answer.
    return "too-slow";
  } finally {
    clearTimeout(timer);
    void reader.cancel().catch(() => {});
  }
}
