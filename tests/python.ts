// A stock python3, if installed: some of the original clients are Python programs, and so are the
// programs that replace them in tests.

export const python3: string | undefined = Bun.which("python3") ?? undefined;

/**
 * Runs a program with `input` on its stdin and returns its output. If it fails, throws its stderr.
 */
export async function runPython(program: string, input = "", args: string[] = []): Promise<string> {
  if (python3 === undefined) throw new Error("no python3 on this machine");
  const child = Bun.spawn([python3, "-c", program, ...args], {
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, complaints, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) throw new Error(`python3 ended with ${code}: ${complaints}`);
  return out;
}
