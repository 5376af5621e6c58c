// Turns of the event loop, to show that nothing happens in this process. What must happen is waited
// for (until.ts).

export async function turns(count = 1): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}
