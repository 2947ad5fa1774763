#!/usr/bin/env bash
# rehearse.sh OUT: pack.sh's folder with a toy, and run.sh on the simulator with stand-ins for nvidia-smi, ncu, compute-sanitizer
# and PyTorch that write down how they are called (OUT/calls); killed in the middle of the tuning and of the table, and started
# again. Ends with what is to be looked at.
set -euo pipefail
out=$(readlink -m -- "${1:?usage: rehearse.sh OUT}")
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
PACK_TOY=1 PACK_TARGETS=sm_90 "$here/pack.sh" "$out"
mkdir -p "$out/stubs"
export CALLS="$out/calls"
: >"$CALLS"
stub() { { echo '#!/usr/bin/env bash'; echo 'echo "$(basename "$0") $*" >>"$CALLS"'; cat; } >"$out/stubs/$1"; chmod +x "$out/stubs/$1"; }
stub nvidia-smi <<<'echo "Pretended H200, 570.00, 1980 MHz, 2619 MHz, 350.00 W, 45"'
stub compute-sanitizer <<'S'
echo "========= COMPUTE-SANITIZER"
while [ "${1:0:2}" = -- ]; do case $1 in --tool | --target-processes | --error-exitcode) shift 2 ;; *) shift ;; esac; done
"$@" || exit
echo "========= ERROR SUMMARY: 0 errors"
S
stub ncu <<'S'
echo "==PROF== Connected to process 1"
echo '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","gpu__time_duration.sum"'
echo '"","","","","","","","ns"'
for i in 0 1 2 3 4 5; do echo "\"$i\",\"1\",\"java\",\"host\",\"kernel_$((i % 4))(const int *, float *)\",\"1\",\"7\",\"1,$((i + 1))00\""; done
S
stub python3 <<'S'
[ "$1" = -c ] && exit 0
while [ $# -gt 0 ]; do case $1 in --json) json=$2 ;; esac; shift; done
for bits in 16 4; do for context in 5 70; do for batch in 1 2; do
  echo "{\"shape\": \"toy\", \"bits\": $bits, \"batch\": $batch, \"context\": $context, \"compiled\": false, \"ms\": 12.5, \"tokens_s\": 80.0, \"GB\": 1.0, \"share\": 0.5}"
done; done; done >>"$json"
S
export PATH="$out/stubs:$PATH" RUN_CELLS=1x5,2x70,2x400
rm -rf "$out/results"
# In the place of what the simulator measures: predictions are of a card.
cat >"$out/rehearsed.json" <<'S'
{"description" : "Pretended H200", "capability" : 90, "read_bytes_per_s" : 4.4e12, "graph_launch_s" : 1.5e-6}
S
run() { "$out/run.sh" --device sim:0 "$@"; }
run a b
for killed in c d; do
  setsid "$out/run.sh" --device sim:0 $killed &
  pid=$!
  sleep "${KILL_AFTER:-8}"
  # timeout makes groups of its own: all of the session's.
  ps -o pid= -s "$pid" | xargs -r kill -KILL 2>/dev/null || true
  wait $pid || true
  echo "killed in step $killed"
done
RUN_SECONDS=12 run d || echo "status $? (75 means: out of time)"
run
run && echo "a run after all was done: status $?"
echo "look at $out/results/gpu-performance.md and $CALLS"
