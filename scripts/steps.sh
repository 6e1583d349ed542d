# Named, timed steps for the scripts beside this file. Sourced, not run.
#
# step NAME COMMAND... runs the command and counts it; the first failure ends the script with the
# step's name. Tests that cargo reports are added up. `summary` prints the last line. A function
# given as the command must hand on its failures itself: `set -e` does not reach into it.
# Needs `set -o pipefail`.

passed=0
started=$SECONDS

# Adds what `cargo test` counted as passed in a log; a step without tests counts as one.
count_passed() {
    local tests
    tests=$(awk '/^test result: ok\./ { sum += $4 } END { print sum + 0 }' "$1")
    passed=$((passed + (tests > 0 ? tests : 1)))
}

step() {
    local name=$1 begun=$SECONDS log failed
    shift
    log=$(mktemp)
    echo "== $name"
    if "$@" 2>&1 | tee "$log"; then
        count_passed "$log"
        rm -f "$log"
        echo "== $name: ok, $((SECONDS - begun)) s"
    else
        failed=$(awk '/^test result: FAILED/ { sum += $6 } END { print sum + 0 }' "$log")
        rm -f "$log"
        echo "== FAILED: $name, after $((SECONDS - begun)) s"
        echo "$passed passed, $((failed > 0 ? failed : 1)) failed"
        exit 1
    fi
}

summary() {
    echo "$passed passed, 0 failed (in $((SECONDS - started)) s)"
}
