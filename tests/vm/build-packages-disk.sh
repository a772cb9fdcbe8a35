#!/bin/sh
# Puts this checkout's node_modules, and the npm of vagrant/provision.sh, on a disk of their own for run-in-guest.sh: a shared
# folder of six thousand files is slow under emulation. Prints the disk's file; makes it where it is missing.
set -eu
project=$(cd "$(dirname "$0")/../.." && pwd)
cache=${BOXWRIGHT_TEST_CACHE:-/var/cache/boxwright}
version=$(sed -n 's/^npm_version=//p' "$project/vagrant/provision.sh")
installed=$project/node_modules/.package-lock.json
[ -e "$installed" ] || { echo 'packages: run "npm ci" first' >&2; exit 3; }

key=$( (cat "$0" "$installed" && echo "$version") | sha256sum | cut -c1-16)
disk=$cache/packages-$key.img
if [ ! -e "$disk" ]; then
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/.packages-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' INT TERM HUP
  mkdir "$work/root"
  cp -a "$project/node_modules" "$work/root/"
  npm install --silent --no-save --prefix "$work" "npm@$version" > /dev/null
  mv "$work/node_modules/npm" "$work/root/"
  rm -rf "$work/root/node_modules/.vite" "$work/root/node_modules/.vitest"
  truncate -s 1G "$work/disk.img"
  mke2fs -q -t ext4 -O ^has_journal -L packages -m 0 -d "$work/root" "$work/disk.img"
  mv "$work/disk.img" "$disk"
fi
echo "$disk"
