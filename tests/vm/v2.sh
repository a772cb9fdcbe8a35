#!/bin/sh
# npm run test:v2 [-- 'COMMAND']: what only a machine with cgroup v2 can show, on an emulated one; a few minutes.
# Without a command: the tests of the testbed there, and every level about cgroups with its reference solution.
set -eu
cd "$(dirname "$0")/../.."
if [ $# -gt 0 ]; then exec sh tests/vm/run-in-guest.sh "$*"; fi
levels=$(cd levels && echo *-cgroup)
[ "$levels" != '*-cgroup' ] || levels='01-chroot'
checks=''
for level in $levels; do checks="$checks; npm run --silent check $level -- --solution --plain || status=1"; done
exec sh tests/vm/run-in-guest.sh \
  "status=0; npx vitest run --config tests/vm/guest.config.ts || status=1$checks; exit \$status"
