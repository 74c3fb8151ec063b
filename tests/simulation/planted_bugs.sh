#!/bin/sh
# Shows that the simulation finds bugs: plants each of tests/simulation/planted/*.patch into a scratch copy of the
# tree, builds it and looks for the first seed that fails. Prints a table; exit status 1 when a bug was not found.
# Some minutes: a compilation for each bug, and the runs until it shows.
#   tests/simulation/planted_bugs.sh [MOST_RUNS]       default 1000000
set -eu
cd "$(dirname "$0")/../.."
most=${1:-1000000}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
cp -r CMakeLists.txt common vrrp_child checker_child notify_helper parent cli packaging tests "$scratch"
if command -v ccache > /dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake -S "$scratch" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release > "$scratch/log" 2>&1 || {
  cat "$scratch/log"
  exit 1
}

# build NAME: leaves the program as $scratch/NAME.
build() {
  ninja -C "$scratch/build" simulation > "$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
  cp "$scratch/build/tests/simulation/simulation" "$scratch/$1"
}
plant() { patch -d "$scratch" -p1 --quiet --no-backup-if-mismatch "$@"; }
# first_failure NAME RUNS: the line about the first seed that fails, without the word "seed".
first_failure() { "$scratch/$1" --runs "$2" --stop-at-first | sed -n 's/^seed //p' | head -n 1; }

build as-it-is
for bug in tests/simulation/planted/*.patch; do
  plant < "$bug" || {
    echo "$bug does not apply any more: plant it by hand and write the patch again." >&2
    exit 1
  }
  build "$(basename "$bug" .patch)"
  plant --reverse < "$bug"
done
echo "built $(ls tests/simulation/planted | wc -l) planted bugs" >&2

if [ -n "$(first_failure as-it-is 10000)" ]; then
  echo "The tree fails as it is; mend that first: build it and run simulation --runs 10000." >&2
  exit 1
fi
missed=0
echo '| planted bug | first seed | invariant |'
echo '|---|---|---|'
for bug in tests/simulation/planted/*.patch; do
  found=$(first_failure "$(basename "$bug" .patch)" "$most")
  if [ -z "$found" ]; then
    missed=1
    found="none of $most: violated: nothing: "
  fi
  echo "$(head -n 1 "$bug")|$found" | sed -E 's/^(.*)\|([^:]*): violated: ([^:]*): .*/| \1 | \2 | \3 |/'
done
exit $missed
