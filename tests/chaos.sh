#!/usr/bin/env bash
# Faults in a cluster of processes for as long as you like: each round draws its faults from the seed, runs a job, and
# compares what it left with an undisturbed run. Prints what fired; ends with the first difference, and its seed.
#
#   tests/chaos.sh --minutes 20 --seed 1
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=5 seed=$RANDOM rounds=
while [ $# -gt 0 ]; do
    case "$1" in
        --minutes) minutes=$2; shift 2 ;;
        --seed) seed=$2; shift 2 ;;
        --rounds) rounds=$2; shift 2 ;;
        *) echo "usage: tests/chaos.sh [--minutes N] [--seed S] [--rounds N]" >&2; exit 2 ;;
    esac
done
echo "seed $seed, $minutes minutes"
export TAMIS_CHAOS_SEED=$seed TAMIS_CHAOS_MINUTES=$minutes TAMIS_CHAOS_ROUNDS=$rounds
exec cargo test --release --workspace --test end_to_end -- --ignored --exact --nocapture faults::rounds_of_chance
