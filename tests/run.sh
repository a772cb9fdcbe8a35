#!/bin/sh
# npm test: the fast checks first (types, lint), then every test. Ends with the line "N passed, N failed".
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "The tests make containers, which needs root: run them as root (sudo npm test)." >&2
  exit 3
fi
sh tests/install-packages.sh
npm run --silent types
npm run --silent lint
results=$(mktemp)
trap 'rm -f "$results"' EXIT
status=0
npx vitest run --reporter=default --reporter=json --outputFile.json="$results" "$@" || status=$?
node -e '
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  // A failure outside of any test (the suite changed the machine) counts, too.
  const failed = Math.max(numFailedTests, process.argv[2] === "0" ? 0 : 1);
  console.log(`${numPassedTests} passed, ${failed} failed` + (numPendingTests ? `, ${numPendingTests} skipped` : ""));
' "$results" "$status"
exit "$status"
