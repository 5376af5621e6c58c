// The platforms of a release. On x64, Bun's executable requires no more than SSE 4.2 (Nehalem,
// 2008): since 1.4.5 it is what older versions of Bun called "baseline".

export type Target = {
  /** As in the names of archives: `linux-x64-musl`. */
  platform: string;
  /** Bun's name for it. */
  bun: Bun.Build.CompileTarget;
  /** The npm package that contains Bun's executable. */
  package: string;
  /** Debian's name of the architecture, if there is a package for it. */
  debian?: string;
};

export const targets: readonly Target[] = [
  {
    platform: "linux-x64",
    bun: "bun-linux-x64",
    package: "@oven/bun-linux-x64",
    debian: "amd64",
  },
  {
    platform: "linux-arm64",
    bun: "bun-linux-arm64",
    package: "@oven/bun-linux-aarch64",
    debian: "arm64",
  },
  { platform: "linux-x64-musl", bun: "bun-linux-x64-musl", package: "@oven/bun-linux-x64-musl" },
  {
    platform: "linux-arm64-musl",
    bun: "bun-linux-arm64-musl",
    package: "@oven/bun-linux-aarch64-musl",
  },
  { platform: "macos-x64", bun: "bun-darwin-x64", package: "@oven/bun-darwin-x64" },
  { platform: "macos-arm64", bun: "bun-darwin-arm64", package: "@oven/bun-darwin-aarch64" },
  { platform: "windows-x64", bun: "bun-windows-x64", package: "@oven/bun-windows-x64" },
  { platform: "windows-arm64", bun: "bun-windows-arm64", package: "@oven/bun-windows-aarch64" },
];
