// Gives large buffers back at once. The garbage collector would too, but not before hundreds of MB
// have gathered, whose pages the kernel has to clear again and again: that costs more than sealing.
// Pure.

/** BoringSSL's results have room for a block more. */
const maxSlackBytes = 16;

/** Frees the memory of bytes that nobody uses any more. A view of other memory is left alone. */
export function freeBuffer({ buffer, byteLength, byteOffset }: Uint8Array): void {
  const isOwn = byteOffset === 0 && buffer.byteLength - byteLength <= maxSlackBytes;
  if (!isOwn || !(buffer instanceof ArrayBuffer)) return;
  // Detaches it; what remains has no bytes.
  buffer.transfer(0);
}
