# For perf/compare, perf/sipp and scripts/soak parked: the idle loop of a virtual machine, and what
# the machine is.
#
# To be sourced from the root of the tree. `poll_when_idle` has the processors poll while they are
# idle, and sees to it that they are as before when the script ends, also when it is interrupted.

haltpoll=/sys/module/haltpoll/parameters
saved=()

# Name and value of each parameter: long enough that a processor never halts within a run.
polling=(
    "guest_halt_poll_allow_shrink N"
    "guest_halt_poll_ns 1000000000"
    "guest_halt_poll_grow_start 1000000000"
)

poll_when_idle() {
    local pair name
    trap restore_idle EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    for pair in "${polling[@]}"; do
        name=${pair% *}
        if ! [ -w "$haltpoll/$name" ]; then
            echo "idle loop: may not be changed here; latencies include the machine's wake-ups"
            idle="as found"
            return
        fi
    done
    for pair in "${polling[@]}"; do
        name=${pair% *}
        saved+=("$name $(cat "$haltpoll/$name")")
        echo "${pair#* }" >"$haltpoll/$name"
    done
    echo "idle loop: polling until the end"
    idle="polling"
}

restore_idle() {
    local pair
    # A second signal must not end this half-way.
    trap '' INT TERM HUP
    for pair in "${saved[@]}"; do
        echo "${pair#* }" >"$haltpoll/${pair% *}"
    done
    if [ ${#saved[@]} -gt 0 ]; then
        echo "idle loop: restored"
    fi
    saved=()
}

# One line about the machine each, for the record.
machine() {
    echo "$(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
    echo "Linux $(uname -r), idle loop $idle, commit $(git rev-parse --short HEAD 2>/dev/null)"
}

# Sets `lines` to the arguments that tell a program of the machine; further lines may follow.
machine_lines() {
    local line
    lines=()
    while read -r line; do
        [ -z "$line" ] || lines+=(--machine "$line")
    done < <(machine; printf '%s\n' "$@")
}
