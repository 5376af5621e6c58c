// Turns the files of a release into a Debian package. Pure.

import type { ArchivedFile } from "./archives.ts";

export type DebianRelease = {
  version: string;
  /** Debian's name of the architecture. */
  architecture: string;
  licence: string;
  /** The systemd unit from docs/. */
  unit: string;
  /** When it was made, in Unix seconds. */
  atSeconds: number;
};

const maintainer = "The parley authors <parley@localhost>";

/** Metadata files for dpkg. `installed`: what the package installs. */
export function debianControl(
  { version, architecture }: DebianRelease,
  installed: readonly ArchivedFile[],
): ArchivedFile[] {
  const bytes = installed.reduce((sum, { content }) => sum + content.length, 0);
  const control = `Package: parley
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.17)
Section: net
Priority: optional
Description: chat and file transfer for people and machines
 One executable is a chat server, a terminal client, a web page, a
 peer-to-peer client and a downloader. The package starts no server:
 \`systemctl enable --now parley\` does.
`;
  const sums = installed.map(({ path, content }) => {
    const hash = new Bun.CryptoHasher("md5").update(content).digest("hex");
    return `${hash}  ${path}\n`;
  });
  return [
    { path: "control", content: control },
    { path: "md5sums", content: sums.join("") },
  ];
}

/**
 * What it installs in addition to the files of every archive: the service and its documentation.
 */
export function debianFiles(release: DebianRelease): ArchivedFile[] {
  const { version, licence, unit, atSeconds } = release;
  const date = new Date(atSeconds * 1_000).toUTCString().replace("GMT", "+0000");
  const changelog = `parley (${version}) unstable; urgency=medium

  * CHANGELOG.md says what has changed.

 -- ${maintainer}  ${date}
`;
  const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: parley

Files: *
Copyright: The parley authors
License: Expat
${licence.trimEnd().replace(/^/gm, " ").replace(/^ $/gm, " .")}
`;
  return [
    { path: "usr/share/doc/parley/copyright", content: copyright },
    { path: "usr/share/doc/parley/changelog.gz", content: gzip(changelog) },
    {
      path: "lib/systemd/system/parley.service",
      content: unit.replaceAll("/usr/local/bin/parley", "/usr/bin/parley"),
    },
  ];
}

/** The files of every archive, adapted to Debian: a different place for zsh, and no PowerShell. */
export function forDebian(files: readonly ArchivedFile[]): ArchivedFile[] {
  return files
    .filter(({ path }) => !/^share\/(?:doc\/parley\/LICENSE$|parley\/)/.test(path))
    .map(({ path, content, ...file }) =>
      path.startsWith("share/man/")
        ? { ...file, path: `${path}.gz`, content: gzip(content) }
        : { ...file, path: path.replace("/site-functions/", "/vendor-completions/"), content },
    );
}

/** Without a timestamp, so that the same text gives the same bytes. */
function gzip(content: Uint8Array | string): Uint8Array {
  return Bun.gzipSync(Buffer.from(content), { level: 9 });
}
