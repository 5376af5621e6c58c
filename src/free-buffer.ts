// Frees large buffers immediately. The garbage collector would do so only after hundreds of MB have
// accumulated, whose pages the kernel has to clear again and again: that costs more than sealing.
// Pure.

/** BoringSSL allocates one extra block for its results. */
const maxSlackBytes = 16;

/** Frees the memory of bytes that are no longer used. A view of a larger buffer is left alone. */
export function freeBuffer({ buffer, byteLength, byteOffset }: Uint8Array): void {
  const isOwn = byteOffset === 0 && buffer.byteLength - byteLength <= maxSlackBytes;
  if (!isOwn || !(buffer instanceof ArrayBuffer)) return;
  // Detaches it, leaving no bytes.
  buffer.transfer(0);
}
