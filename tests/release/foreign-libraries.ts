// Libraries that executables for other systems need to run here, and that Debian lacks, built from
// what it has. Each function takes a folder to work in; without the right compiler there is no
// library.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Wine 8 lacks a library with one function that Bun needs; this builds it next to the executable.
 */
export function addWineLibrary(folder: string): void {
  const compiler = Bun.which("x86_64-w64-mingw32-gcc");
  if (compiler === null) return;
  const source = join(folder, "bcryptprimitives.c");
  writeFileSync(
    source,
    `#include <windows.h>
    BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
      return SystemFunction036(bytes, (ULONG)count);
    }`,
  );
  output([compiler, "-shared", "-o", join(folder, "bcryptprimitives.dll"), source, "-ladvapi32"]);
}

/**
 * A libstdc++ for musl with the parts that the executable needs, made from the one for glibc
 * (musl-tools and libstdc++-12-pic) without its glibc-specific parts. Returns its folder; undefined
 * if it can't be built here.
 */
export function muslLibraries(executable: string, folder: string): string | undefined {
  const [compiler, gcc] = [Bun.which("musl-gcc"), Bun.which("gcc")];
  if (compiler === null || gcc === null || Bun.which("readelf") === null) return undefined;
  const archives = ["libstdc++_pic.a", "libgcc_eh.a", "libgcc.a"].map((name) =>
    output([gcc, `-print-file-name=${name}`]).trim(),
  );
  if (!archives.every(existsSync)) return undefined;
  mkdirSync(folder, { recursive: true });
  const source = join(folder, "glibc.c");
  writeFileSync(
    source,
    `#include <pthread.h>
    #include <stdint.h>
    #include <sys/random.h>
    char __libc_single_threaded = 0;
    int __pthread_key_create(pthread_key_t *key, void (*end)(void *)) {
      return pthread_key_create(key, end);
    }
    uint32_t arc4random(void) {
      uint32_t value = 0;
      getrandom(&value, sizeof value, 0);
      return value;
    }
    int _dl_find_object(void *address, void *found) { return -1; }`,
  );
  // Its exports are needed, too: it has copies of some of the library's variables.
  const symbols = output(["readelf", "--dyn-syms", "--wide", executable])
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , , binding, , place]) => binding !== "WEAK" || place !== "UND")
    .map((columns) => columns[7]?.replace(/@.*/, "") ?? "")
    .filter((name) => /^\w+$/.test(name));
  const wanted = join(folder, "wanted");
  writeFileSync(wanted, symbols.map((name) => `-Wl,-u,${name}\n`).join(""));
  const library = join(folder, "libstdc++.so.6");
  const form = ["-shared", "-fPIC", "-Wl,-soname,libstdc++.so.6"];
  output([compiler, ...form, "-o", library, source, `@${wanted}`, ...archives]);
  return folder;
}

/** @throws Error with the program's output */
function output(words: readonly string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync([...words]);
  if (exitCode !== 0) throw new Error(`${words[0]}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
