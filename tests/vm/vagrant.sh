#!/bin/sh
# npm run test:vm: the project's own Vagrantfile with a real Vagrant, libvirt and an emulated machine; about half an hour.
# Nothing is left of it but the disk in the cache.
#
#   BOXWRIGHT_TEST_KEEP=FOLDER    keeps the machine there, switched off: the next run with the same folder goes on with it
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo 'The tests of the virtual machine need root: sudo npm run test:vm' >&2; exit 3; }
sh tests/install-packages.sh guest
sh tests/install-packages.sh vagrant
BOXWRIGHT_TEST_BOX=$(sh tests/vm/build-box.sh)/debian.box
export BOXWRIGHT_TEST_BOX
# An emulated machine with two processors may fail: see run-in-guest.sh. libvirt has no switch for the thread.
export BOXWRIGHT_VM_CPUS=1
if [ -n "${BOXWRIGHT_TEST_KEEP:-}" ]; then
  lab=$BOXWRIGHT_TEST_KEEP
  mkdir -p "$lab"
else
  lab=$(mktemp -d /var/tmp/boxwright-lab.XXXXXX)
  trap 'rm -rf "$lab"' EXIT
fi
export BOXWRIGHT_TEST_LAB="$lab" npm_config_update_notifier=false
# In the background: a shell that waits for a program in front hears of no signal until that one has ended.
end_lab() {
  trap '' INT TERM HUP
  kill "$running" 2> /dev/null || true
  wait "$running" || true
  exit "$1"
}
bash tests/vm/lab.sh "$lab" npx vitest run --config tests/vm/vitest.config.ts "$@" &
running=$!
trap 'end_lab 130' INT
trap 'end_lab 143' TERM HUP
status=0
wait "$running" || status=$?
trap - INT TERM HUP

# The lab ends its processes; that it did is part of the test.
left=$(pgrep --full --list-full "$lab" || true)
[ -z "$left" ] || { echo "test:vm: processes are left: $left" >&2; status=1; }
if grep -q "$lab" /proc/self/mountinfo; then echo 'test:vm: mounts are left' >&2; status=1; fi
if ip netns list | grep -q "^$(basename "$lab")"; then echo 'test:vm: a network namespace is left' >&2; status=1; fi
exit "$status"
