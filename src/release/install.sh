#!/bin/sh
# Installs parley for this user: picks the archive for this machine, checks it against SHA256SUMS, and
# puts the executable into a folder. Needs no root.
#
#   PARLEY_BASE_URL  where the files of the release are
#   PARLEY_INSTALL   the folder to install into (default: ~/.local/bin)

set -eu

default_base_url=""

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "install parley: $*"
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# linux-x64, linux-arm64-musl, macos-arm64, …
find_platform() {
  case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=macos ;;
  MINGW* | MSYS* | CYGWIN*) fail "On Windows use install.ps1, in PowerShell" ;;
  *) fail "There is no parley for $(uname -s); with Bun it can be built from its source" ;;
  esac
  case $(uname -m) in
  x86_64 | amd64) processor=x64 ;;
  aarch64 | arm64) processor=arm64 ;;
  *) fail "There is no parley for the processor $(uname -m): only for x86_64 and arm64" ;;
  esac
  # A shell under Rosetta says x86_64.
  if [ "$os" = macos ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then
    processor=arm64
  fi
  libc=""
  if [ "$os" = linux ] && ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
    for loader in /lib/ld-musl-*.so.1; do
      [ -e "$loader" ] && libc=-musl
    done
  fi
  platform="$os-$processor$libc"
}

download() {
  if has curl; then
    curl --fail --silent --show-error --location --retry 2 --output "$2" "$1"
  else
    wget -q -O "$2" "$1"
  fi || fail "Could not download $1: check the address and the network, then try again"
}

sha256_of() {
  if has sha256sum; then
    sha256sum "$1"
  elif has shasum; then
    shasum -a 256 "$1"
  else
    openssl dgst -sha256 -r "$1"
  fi | cut -d ' ' -f 1
}

need() {
  has "$1" || fail "This needs $1, which is not installed (for example: apt install xz-utils)"
}

check_tools() {
  for tool in uname tar mktemp cut; do
    need "$tool"
  done
  # On macOS there is no xz; its tar and that of Alpine unpack without it.
  case $(tar --version 2>/dev/null || true) in
  *bsdtar* | *busybox*) ;;
  *) need xz ;;
  esac
  has curl || has wget || fail "This needs curl or wget, and neither is installed"
  has sha256sum || has shasum || has openssl ||
    fail "This needs sha256sum, shasum or openssl to check what it downloads; none is installed"
}

main() {
  base=${PARLEY_BASE_URL:-$default_base_url}
  base=${base%/}
  [ -n "$base" ] || fail "Set PARLEY_BASE_URL to the address of a release, where SHA256SUMS is"
  [ -n "${PARLEY_INSTALL:-}" ] || [ -n "${HOME:-}" ] ||
    fail "There is no home folder: set PARLEY_INSTALL to the folder to install into"
  folder=${PARLEY_INSTALL:-$HOME/.local/bin}
  check_tools
  find_platform

  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  download "$base/SHA256SUMS" "$work/SHA256SUMS"
  hash="" archive=""
  while read -r sum name; do
    case $name in
    parley-*-"$platform".tar.xz) hash=$sum archive=$name ;;
    esac
  done <"$work/SHA256SUMS"
  [ -n "$archive" ] || fail "This release has nothing for $platform: see $base/SHA256SUMS"
  case $archive in
  */*) fail "$base/SHA256SUMS names a file outside of the release: '$archive'" ;;
  esac

  say "Downloading $archive"
  download "$base/$archive" "$work/$archive"
  actual=$(sha256_of "$work/$archive")
  [ "$actual" = "$hash" ] ||
    fail "$archive is not what SHA256SUMS says (it has $actual, not $hash): nothing was installed"
  tar -xJf "$work/$archive" -C "$work" || fail "$archive could not be unpacked: nothing was installed"
  new="$work/${archive%.tar.xz}/bin/parley"
  case $platform in
  *musl) advice=" (does it have libstdc++? On Alpine: apk add libstdc++)" ;;
  *) advice="" ;;
  esac
  version=$("$new" --version) ||
    fail "The parley for $platform does not run on this machine$advice: nothing was installed"

  mkdir -p "$folder" || fail "Could not make $folder: choose another folder with PARLEY_INSTALL"
  # A server that is running keeps the executable that it was started with.
  if ! { cp "$new" "$folder/.parley.new" && mv -f "$folder/.parley.new" "$folder/parley"; }; then
    rm -f "$folder/.parley.new"
    fail "Could not write to $folder: choose another folder with PARLEY_INSTALL"
  fi
  say "Installed parley $version as $folder/parley"
  hints
}

hints() {
  case ":$PATH:" in
  *":$folder:"*) command=parley ;;
  *)
    command=$folder/parley
    say
    say "$folder is not in your PATH. To call it as parley, add this line to your shell's profile:"
    say "  export PATH=\"$folder:\$PATH\""
    ;;
  esac
  say
  say "Completion with Tab:"
  case ${SHELL:-} in
  *fish) say "  $command completions fish > ~/.config/fish/completions/parley.fish" ;;
  *zsh) say "  echo 'source <($command completions zsh)' >> ~/.zshrc" ;;
  *) say "  echo 'eval \"\$($command completions bash)\"' >> ~/.bashrc" ;;
  esac
  say "First steps: $command server, and in a second terminal $command client"
}

# Only here, so that a script that was cut off does nothing.
main "$@"
