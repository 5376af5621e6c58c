// The steps of a code through a server: after a lost connection an end continues where it was, and
// an attacker without the words, or who changes data, has one guess and no more.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { CodeDoor, type DoorState } from "../../src/codes/code-door.ts";
import { GuestSteps, HostSteps } from "../../src/codes/code-steps.ts";
import { codeStepIn } from "../../src/handover/frames.ts";
import { CodeGuest, CodeHost } from "../../src/tls/code-exchange.ts";

const code = { number: 7, words: "olive-lamp" };

function host() {
  const states: DoorState[] = [];
  const door = new CodeDoor(code, (state) => states.push(state));
  return { door, states, steps: new HostSteps(code, door) };
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

const stepOf = (frame: string | undefined): Uint8Array => {
  const step = frame === undefined ? undefined : codeStepIn(frame);
  if (step === undefined) throw new Error("no step");
  return step;
};

/** One channel: each end's steps reach the other, `most` steps in total. */
function channel(one: HostSteps, other: GuestSteps, most = 9): void {
  let toGuest: string | undefined = one.hello;
  for (let left = most; toGuest !== undefined && left > 0; left--) {
    const toHost = other.handle(stepOf(toGuest));
    if (toHost === undefined || --left <= 0) return;
    toGuest = one.handle(stepOf(toHost));
  }
}

test("a guest who knows the code is admitted, and both ends have the same secret", () => {
  const { door, states, steps } = host();
  const guest = new GuestSteps(code);
  channel(steps, guest);
  expect(states).toEqual(["tried", "taken"]);
  expect(steps.isIn).toBe(true);
  expect(guest.secret).toEqual(door.secret);
  expect(door.secret?.length).toBe(32);
});

for (let most = 1; most <= 4; most++) {
  test(`after a channel is lost at step ${most}, the next one continues`, () => {
    const { door, states, steps } = host();
    const guest = new GuestSteps(code);
    channel(steps, guest, most);
    channel(steps, guest, most);
    channel(steps, guest);
    expect(states).toEqual(["tried", "taken"]);
    expect(guest.secret).toEqual(door.secret);
    // And so do later ones.
    channel(steps, guest);
    expect(states).toEqual(["tried", "taken"]);
  });
}

test("wrong words: the guest notices before it reveals anything, and the host answers no more", () => {
  const { door, steps } = host();
  const guess = new GuestSteps({ ...code, words: "olive-lamb" });
  channel(steps, guess);
  expect([guess.isWrong, guess.secret]).toEqual([true, undefined]);
  expect(door.state).toBe("tried");
  const second = new GuestSteps(code);
  channel(steps, second);
  expect(second.secret).toBeUndefined();
  expect(door.state).toBe("tried");
});

test("a false proof makes the code void", () => {
  const { door, steps } = host();
  const guess = new GuestSteps({ ...code, words: "olive-lamb" });
  channel(steps, guess);
  expect(steps.handle(Buffer.concat([Buffer.of(3), Buffer.alloc(32, 1)]))).toBeUndefined();
  expect(door.state).toBe("void");
});

test("a code that was tried elsewhere gets no answer here", () => {
  const { door, steps } = host();
  const elsewhere = door.knock("192.0.2.1", new Uint8Array(32));
  elsewhere.share(7, new CodeGuest(code, new Uint8Array(32)).share);
  const guest = new GuestSteps(code);
  channel(steps, guest);
  expect(guest.secret).toBeUndefined();
  expect(steps.isIn).toBe(false);
});

test("a man in the middle who talks to each end has one guess at each, and sees no proof", () => {
  const { door, steps } = host();
  const guest = new GuestSteps(code);
  // Towards the guest: as a host that guesses.
  const share = stepOf(guest.handle(Buffer.concat([Buffer.of(0), Buffer.alloc(32, 9)])));
  const session = Buffer.concat([Buffer.alloc(32, 9), share.subarray(1, 33)]);
  const guessing = new CodeHost({ ...code, words: "zoo-zoo" }, session, "through-server");
  const answer = guessing.answer({ share: Buffer.from(share.subarray(33)).toString("base64url") });
  const forged = Buffer.concat([
    Buffer.of(2),
    Buffer.from(answer?.share ?? "", "base64url"),
    Buffer.from(answer?.proof ?? "", "base64url"),
  ]);
  expect(guest.handle(forged)).toBeUndefined();
  expect([guest.isWrong, guest.secret]).toEqual([true, undefined]);
  // Towards the host: many guests, of which the first gets an answer.
  const hello = stepOf(steps.hello).subarray(1);
  const answers = Array.from({ length: 20 }, (_, n) => {
    const nonce = Buffer.alloc(32, n);
    const words = n === 0 ? "zoo-zoo" : code.words;
    const guess = new CodeGuest(
      { ...code, words },
      Buffer.concat([hello, nonce]),
      "through-server",
    );
    const shown = Buffer.from(guess.share, "base64url");
    return steps.handle(Buffer.concat([Buffer.of(1), nonce, shown]));
  });
  expect(answers.filter((one) => one !== undefined).length).toBe(1);
  expect(door.state).toBe("tried");
});

test("shares can't be swapped with those of a direct connection, nor a nonce changed later", () => {
  const { door, steps } = host();
  const hello = stepOf(steps.hello).subarray(1);
  const nonce = Buffer.alloc(32, 3);
  const direct = new CodeGuest(code, Buffer.concat([hello, nonce]), "connection");
  const answer = steps.handle(
    Buffer.concat([Buffer.of(1), nonce, Buffer.from(direct.share, "base64url")]),
  );
  const [share, proof] = [stepOf(answer).subarray(1, 33), stepOf(answer).subarray(33)];
  expect(direct.check({ share: base64url(share), proof: base64url(proof) })).toBeUndefined();
  expect(door.state).toBe("tried");
  const guest = new GuestSteps(code);
  guest.handle(Buffer.concat([Buffer.of(0), Buffer.alloc(32, 1)]));
  expect(guest.handle(Buffer.concat([Buffer.of(0), Buffer.alloc(32, 2)]))).toBeUndefined();
  expect(guest.isWrong).toBe(true);
});

test("arbitrary bytes neither get anyone admitted nor throw", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(
          fc.integer({ min: 0, max: 4 }),
          fc.oneof(
            fc.uint8Array({ maxLength: 80 }),
            fc.uint8Array({ minLength: 32, maxLength: 32 }),
            fc.uint8Array({ minLength: 64, maxLength: 64 }),
          ),
        ),
        { maxLength: 6 },
      ),
      (steps) => {
        const { door, steps: one } = host();
        const guest = new GuestSteps(code);
        for (const [kind, rest] of steps) {
          const step = Buffer.concat([Buffer.of(kind), rest]);
          one.handle(step);
          guest.handle(step);
        }
        expect(door.state).not.toBe("taken");
        expect(guest.secret).toBeUndefined();
      },
    ),
    { numRuns: 100 },
  );
  for (const data of ["", "B", "BA==", "B".repeat(500), "not base64!"]) {
    expect(() => codeStepIn(data)).not.toThrow();
  }
});
