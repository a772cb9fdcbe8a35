#!/bin/sh
# Runs a command on a real machine with cgroup v2: an emulated one, with this checkout at /vagrant.
#
#   run-in-guest.sh 'npm run check level-01 -- --solution'
#
# The command runs as root in /vagrant. Its output comes as it is written, and its exit status is ours; 4 where the
# machine could not be started. The machine is gone afterwards; what the command wrote below /vagrant stays.
# Emulation only, so it is about 16 times slower than this machine. See README.md in this folder.
#
#   BOXWRIGHT_GUEST_MEMORY      MiB (2048)
#   BOXWRIGHT_GUEST_SECONDS     after which the machine is ended (1800)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=${BOXWRIGHT_TEST_CACHE:-/var/cache/boxwright}
memory=${BOXWRIGHT_GUEST_MEMORY:-2048}
[ $# -gt 0 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }
broken() { echo "guest: $*" >&2; exit 4; }
[ "$(id -u)" = 0 ] || broken 'needs root: use sudo'

sh "$here/../install-packages.sh" guest || broken 'its Debian packages could not be installed'
box=$(sh "$here/build-box.sh") || broken 'its disk could not be built'
packages=$(sh "$here/build-packages-disk.sh") || broken 'the disk of the npm packages could not be built'
# The images come from this machine, where building them is quicker.
(cd "$project" && npm run --silent setup -- --all > /dev/null) || broken 'the images could not be built: npm run setup -- --all'
images=${BOXWRIGHT_HOME:-/var/lib/boxwright}/images

run=$(mktemp -d "${TMPDIR:-/tmp}/boxwright-guest.XXXXXX")
daemons=''
cleanup() {
  # Not by a gentle signal: without its shares it would wait for them for ever.
  [ ! -s "$run/pid" ] || kill -KILL "$(cat "$run/pid")" 2>/dev/null || true
  # shellcheck disable=SC2086 # a list of pids
  [ -z "$daemons" ] || kill $daemons 2>/dev/null || true
  rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir "$run/share"
cp "$here/guest-start.sh" "$run/share/start.sh"
printf '%s\n' "$*" > "$run/share/command.sh"
: > "$run/share/output"

for daemon in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd; do [ ! -x "$daemon" ] || break; done
# Shares a folder of this machine as TAG.
share() {
  "$daemon" --socket-path="$run/$1.sock" -o source="$2" -o cache=auto -o sandbox=chroot > "$run/$1.log" 2>&1 &
  daemons="$daemons $!"
  set -- "$1" 0
  until [ -S "$run/$1.sock" ]; do
    [ "$2" -lt 200 ] || broken "a folder could not be shared: $(cat "$run/$1.log")"
    set -- "$1" $(($2 + 1))
    sleep 0.05
  done
  shares="$shares -chardev socket,id=$1,path=$run/$1.sock -device vhost-user-fs-pci,chardev=$1,tag=$1"
}
shares="-object memory-backend-memfd,id=memory,size=${memory}M,share=on"
share guest "$run/share"
share project "$project"
share images "$images"

# One thread for both processors: with two, QEMU may run code that the other processor's kernel has just rewritten, and
# a kernel ends with "Oops: int3".
# shellcheck disable=SC2086 # lists of options
timeout --signal=KILL "${BOXWRIGHT_GUEST_SECONDS:-1800}" qemu-system-x86_64 -pidfile "$run/pid" \
  -accel tcg,thread=single -machine q35,memory-backend=memory -cpu Nehalem -smp 2 -m "$memory" \
  -nodefaults -no-user-config -display none -serial "file:$run/console" -no-reboot \
  -kernel "$box/vmlinuz" -initrd "$box/initrd.img" -append "$(cat "$box/cmdline") boxwright.guest" \
  -drive "file=$box/disk.qcow2,if=virtio,snapshot=on,cache=unsafe" \
  -drive "file=$packages,if=virtio,format=raw,snapshot=on,cache=unsafe" \
  -nic user,model=virtio-net-pci -device virtio-rng-pci $shares > "$run/qemu.log" 2>&1 &
machine=$!
daemons="$daemons $machine"
tail --follow --bytes=+1 --sleep-interval=0.2 --pid="$machine" "$run/share/output" &
output=$!
# Not the output is waited for here: a signal to this shell must be heard at once.
wait "$machine" || { cat "$run/qemu.log" "$run/console" >&2; broken 'the emulator failed, or took too long'; }
wait "$output"
[ -s "$run/share/status" ] || { cat "$run/console" >&2; broken 'the command did not come to its end'; }
exit "$(cat "$run/share/status")"
