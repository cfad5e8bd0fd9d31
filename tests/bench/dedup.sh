#!/usr/bin/env bash
# Measures deduplication end to end: text MB a CPU-second, peak memory, and what was removed, on the benchmark corpus.
#
#   tests/bench/dedup.sh [--docs N] [--workers N] [--runs N] [--keep FOLDER]
#
# Builds tamis, writes the corpus (--seed 1, 8 shards) to FOLDER (default: a temporary one), and runs a job without
# tokens, text to jsonl.zst at level 3. `zstd -3` over the same files is the yardstick of the same minutes: CPU-seconds
# of a shared machine differ by the hour, ratios do not. datatrove, where `python3 -c 'import datatrove'` works, runs
# beside it: its MinHash pipeline, 14 bands of 8 rows. Prints input, machine and raw figures.
set -euo pipefail

docs=200000 workers=1 runs=2 folder=
while [ $# -gt 0 ]; do
  case $1 in
    --docs) docs=$2 ;; --workers) workers=$2 ;; --runs) runs=$2 ;; --keep) folder=$2 ;;
    *) sed -n '2,11p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
corpus=$folder/corpus-$docs

cargo build --release --manifest-path "$root/Cargo.toml" >&2
tamis=${CARGO_TARGET_DIR:-$root/target}/release/tamis
if [ ! -f "$corpus/truth.jsonl" ]; then
  generator=$root/tests/bench/make_corpus.py
  [ -d "$folder/sources" ] || python3 "$generator" fetch --work "$folder/sources" >&2
  python3 "$generator" gen --work "$folder/sources" --docs "$docs" --shards 8 --seed 1 --out "$corpus" >&2
fi

# measure NAME COMMAND...: CPU-seconds, wall seconds and peak memory of a command and its children, appended to raw.
raw=$folder/raw.jsonl
: > "$raw"
measure() {
  python3 - "$raw" "$@" <<'PYTHON'
import json, resource, subprocess, sys, time
raw, name, *command = sys.argv[1:]
begun = time.monotonic()
ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
if ended.returncode:
    sys.exit(ended.stderr.decode(errors='replace'))
used = resource.getrusage(resource.RUSAGE_CHILDREN)
row = {'name': name, 'user': used.ru_utime, 'system': used.ru_stime,
       'wall': time.monotonic() - begun, 'peak_mb': used.ru_maxrss / 1024}
open(raw, 'a').write(json.dumps(row) + '\n')
print(json.dumps(row))
PYTHON
}

cat > "$folder/job.toml" <<TOML
name = "bench"
[[source]]
name = "web"
inputs = ["corpus-$docs/part-*.jsonl"]
[output]
uri = "out"
TOML

echo "machine: $(nproc) cores, $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2-), $(uname -sr)"
echo "input: make_corpus.py gen --docs $docs --shards 8 --seed 1, $(cat "$corpus"/part-*.jsonl | wc -c) bytes"
for _ in $(seq "$runs"); do
  rm -rf "$folder/out" "$folder/data"
  measure tamis "$tamis" run "$folder/job.toml" --allow-write "$folder" --workers "$workers" --data-dir "$folder/data"
  measure zstd sh -c "cat '$corpus'/part-*.jsonl | zstd -3 --single-thread -c"
done
if python3 -c 'import datatrove' 2>/dev/null; then
  measure datatrove python3 "$root/tests/bench/datatrove_minhash.py" "$corpus" "$folder/datatrove"
fi

python3 - "$raw" "$folder/out/report.json" <<'PYTHON'
import collections, json, sys
rows = collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    rows[row['name']].append(row)
text = json.load(open(sys.argv[2]))['funnel'][1]['bytes'] / 1e6
cpu = {name: min(row['user'] + row['system'] for row in found) for name, found in rows.items()}
print(f'text: {text:.1f} MB; the best of {len(rows["tamis"])} runs')
for name, seconds in cpu.items():
    peak = max(row['peak_mb'] for row in rows[name])
    print(f'{name:10} {seconds:8.1f} CPU-s {text / seconds:8.1f} text MB a CPU-s {peak:8.0f} MB'
          f' {seconds / cpu["zstd"]:8.1f} times zstd')
PYTHON
python3 "$root/tests/bench/score.py" "$corpus" "$folder/out/text"
