#!/bin/sh
# The first process of a testbed: builds the disposable "host" around itself, says "ready", and then is its PID 1.
#
# It runs in namespaces of its own (mount, UTS, IPC, network, PID, cgroup), where every mount is private. What a
# program in the testbed writes goes to a tmpfs laid over the machine's own files, and is gone with the testbed.
#
#   testbed-init.sh BASE HOSTNAME CONTAINERS IMAGES SHOWN CGROUPS
#
# BASE        a directory that is not looked into in the testbed; its tmpfs is mounted here
# CONTAINERS  where box.ts keeps its containers: a filesystem of its own, since overlay cannot be stacked on overlay
# IMAGES      where the images are, and where box.ts unpacks them: likewise
# SHOWN       mount points of the machine to be seen (read-only) in the testbed, one a line
# CGROUPS     cgroup hierarchies to be seen, one a line: "MOUNTPOINT TYPE OPTIONS"
set -eu
base=$1 hostname=$2 containers=$3 images=$4 shown=$5 cgroups=$6

echo "$hostname" > /proc/sys/kernel/hostname

mount -t tmpfs -o size=512m,mode=755 testbed "$base"
mkdir "$base/upper" "$base/work" "$base/root"
# Held open: the checker reads through it what the program changed on this host.
exec 9< "$base/upper"
root=$base/root
mount -t overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" testbed "$root"

echo "$shown" | while read -r point; do
  [ -n "$point" ] || continue
  mount --bind "$point" "$root$point"
  mount -o remount,bind,ro "$root$point"
done

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
case $cgroups in
  "/sys/fs/cgroup "*) ;;
  *) mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup" ;;
esac
echo "$cgroups" | while read -r point type options; do
  [ -d "$root$point" ] || mkdir -p "$root$point"
  mount -t "$type" ${options:+-o "$options"} "$type" "$root$point"
done

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"

mkdir -p "$root$containers"
mount -t tmpfs -o size=256m,mode=755 containers "$root$containers"

mkdir -p "$root$images"
mount -t tmpfs -o size=256m,mode=755 images "$root$images"
for archive in "$images"/*.tar; do
  [ -e "$archive" ] || continue
  : > "$root$archive"
  mount --bind "$archive" "$root$archive"
  mount -o remount,bind,ro "$root$archive"
done

# Second views of them, which nothing that the program mounts there can cover.
mkdir "$base/containers" "$base/images"
mount --bind "$root$containers" "$base/containers"
mount --bind "$root$images" "$base/images"
exec 8< "$base/containers" 7< "$base/images"

cd "$root"
pivot_root . .
umount -l .
# As a machine with systemd has it: forgetting MS_PRIVATE shows.
mount --make-rshared /
cd /

# Orphans come to PID 1; with SIGCHLD ignored the kernel reaps them.
trap '' CHLD
echo ready
# Ends, and the whole testbed with it, when the checker closes its end or dies.
exec cat > /dev/null
