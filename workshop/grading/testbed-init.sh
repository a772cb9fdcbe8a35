#!/bin/sh
# The first process of a testbed: builds the disposable "host" around itself, says "ready", and then is its PID 1.
#
# It runs in namespaces of its own (mount, UTS, IPC, network, PID, cgroup), where every mount is private. What a
# program in the testbed writes goes to a tmpfs laid over the machine's own files, and is gone with the testbed.
#
#   testbed-init.sh BASE HOSTNAME IMAGES MOUNTS VIEWS HIDDEN OWN
#
# BASE      a directory that is not looked into in the testbed; its tmpfs is mounted here
# IMAGES    the folder of images
# MOUNTS    what is mounted on the host, in the form of fstab(5)
# VIEWS     likewise, after the images' archives are there
# HIDDEN    paths of the machine that are not there in the testbed, one a line
# OWN       files below them that are there all the same, one a line
#
# Both tables come from testbed.ts. A table is one process; a mount(8) for each line would take most of the time.
set -eu
base=$1 hostname=$2 images=$3 mounts=$4 views=$5 hidden=$6 own=$7
root=$base/root

# Makes in a layer of the overlay the folders above a path, as they are on the machine.
folders_above() {
  rest=${2#/} above=''
  while [ "$rest" != "${rest#*/}" ]; do
    above=$above/${rest%%/*} rest=${rest#*/}
    [ ! -d "$1$above" ] || continue
    mkdir "$1$above"
    if [ -d "$above" ]; then
      chmod --reference="$above" "$1$above"
      chown --reference="$above" "$1$above"
    fi
  done
}

echo "$hostname" > /proc/sys/kernel/hostname

mount -t tmpfs -o size=512m,mode=755 testbed "$base"
mkdir "$base/upper" "$base/work" "$base/root" "$base/containers" "$base/images"
# Held open: the checker reads through it what the program changed on this host.
exec 9< "$base/upper"

# Layers below the one that is written to, on a filesystem of their own: nothing in the testbed leads to it, where the
# one that is written to can be opened through descriptor 9. A whiteout hides what the layers below it have: see
# Linux's Documentation/filesystems/overlayfs.rst.
if [ -n "$hidden" ]; then
  mkdir "$base/layers"
  mount -t tmpfs -o mode=755 layers "$base/layers"
  mkdir "$base/layers/own" "$base/layers/hidden"
  printf '%s\n' "$hidden" | while IFS= read -r path; do
    folders_above "$base/layers/hidden" "$path"
    mknod "$base/layers/hidden$path" c 0 0
  done
  printf '%s\n' "$own" | while IFS= read -r path; do
    [ -n "$path" ] || continue
    folders_above "$base/layers/own" "$path"
    cp "$path" "$base/layers/own$path"
    chmod 755 "$(dirname "$base/layers/own$path")"
    chmod 644 "$base/layers/own$path"
  done
fi

# Not echo: that of dash would take the \040 of a path with a space in it for a character.
printf '%s\n' "$mounts" > "$base/mounts"
mount --all --fstab "$base/mounts"
# Only this mount of it: a container's own sysfs is one that can be written, as on any machine.
mount -o remount,bind,ro "$root/sys"

cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"

for archive in "$images"/*.tar; do
  if [ -e "$archive" ]; then : > "$root$archive"; fi
done
printf '%s\n' "$views" > "$base/views"
mount --all --fstab "$base/views"
# Second views of both, which nothing that the program mounts there can cover.
exec 8< "$base/containers" 7< "$base/images"

cd "$root"
pivot_root . .
umount -l .
# As a machine with systemd has it: forgetting MS_PRIVATE shows.
mount --make-rshared /
cd /

echo ready
# Ends, and the whole testbed with it, when the checker closes its end or dies.
# Orphans come to PID 1; with SIGCHLD ignored the kernel reaps them. (dash does not hand on a trap that ignores it.)
exec env --ignore-signal=CHLD cat > /dev/null
