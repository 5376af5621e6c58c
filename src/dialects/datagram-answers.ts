// What the datagram servers answer whatever they are asked. They never answer each other: one datagram with a forged sender would
// otherwise set two of them talking for ever. Pure.

export const ok = "Ok ";
export const invalidRequest = "Invalid request";

/** True for what only a server says; it gets no answer. */
export function isServersAnswer(text: string): boolean {
  return text === ok || text === invalidRequest;
}
