// However input is cut into pieces and put back, it comes out once and in order, although the
// buffers in which it arrived are used again.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { reading as limits } from "../../src/limits.ts";
import { UnreadInput } from "../../src/server/unread-input.ts";

test("input comes out once and in order", () => {
  const read = fc.integer({ min: 1, max: 3 * limits.pieceBytes });
  const taking = fc.record({ mayBeCut: fc.boolean(), left: fc.nat(limits.pieceBytes) });
  fc.assert(
    fc.property(fc.array(fc.oneof(read, taking), { maxLength: 20 }), (steps) => {
      const unread = new UnreadInput();
      let [added, taken, next] = [0, 0, 0];
      const take = (mayBeCut: boolean, left: number): void => {
        const piece = unread.takeRest() ?? unread.takePiece(mayBeCut);
        if (piece === undefined) return expect(unread.isEmpty).toBe(true);
        const kept = piece.length - Math.min(left, piece.length - 1);
        for (const byte of piece.subarray(0, kept)) if (byte !== next++ % 251) expect.unreachable();
        if (kept < piece.length) unread.putBack(piece.subarray(kept));
        expect(unread.restBytes).toBe(piece.length - kept);
        piece.fill(255);
        taken += kept;
      };
      for (const step of steps) {
        if (typeof step === "number") {
          const bytes = Uint8Array.from({ length: step }, (_, i) => (added + i) % 251);
          added += step;
          unread.add(bytes);
          unread.keep();
          bytes.fill(255);
        } else take(step.mayBeCut, step.left);
        expect(unread.isEmpty).toBe(taken === added);
      }
      while (!unread.isEmpty) take(true, 0);
      expect(taken).toBe(added);
    }),
    { numRuns: 300 },
  );
});
