#!/usr/bin/env bash
# rehearse.sh OUT: pack.sh's folder with a toy, OUT/pack, and run.sh on the simulator with stand-ins for nvidia-smi, ncu, compute-sanitizer
# and PyTorch that write down how they are called (OUT/calls): each step killed in the middle and started again; then by
# lent.sh, on a machine without these tools that forgets everything between two calls. Ends with what is to be looked at.
#   KILL_AFTER     seconds that a step has (3)
#   LENT_SECONDS   that a call of lent.sh has (60)
set -euo pipefail
out=$(readlink -m -- "${1:?usage: rehearse.sh OUT}")
pack=$out/pack
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$out/stubs" "$pack"
# In the place of what the simulator measures: predictions are of a card.
cat >"$pack/rehearsed.json" <<'S'
{"description" : "Pretended H200", "capability" : 90, "read_bytes_per_s" : 4.4e12, "graph_launch_s" : 1.5e-6}
S
rehearsed() { echo; echo "== $*"; }
killed() { # SECONDS FILE COMMAND...: which is killed so long after FILE is there
  setsid "${@:3}" &
  local pid=$!
  until [ -e "$2" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.2; done
  sleep "$1"
  # timeout makes groups of its own: all of the session's.
  ps -o pid= -s "$pid" | xargs -r kill -KILL 2>/dev/null || true
  wait $pid || true
}
export PACK_TOY=1 PACK_TARGETS=sm_90
rm -rf "$pack/linear.pack" "$pack/linear.pack.part"
rehearsed "pack.sh, killed"
killed "${KILL_AFTER:-3}" "$pack/linear.pack.part" "$here/pack.sh" "$pack"
rehearsed "pack.sh, started again"
"$here/pack.sh" "$pack"
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
first='"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size","Grid Size","Device","CC"'
case "$*" in
  *"--set full"*)
    echo "$first,\"gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed\",\"gpu__time_duration.sum\",\"launch__registers_per_thread\",\"smsp__average_warps_issue_stalled_wait_per_issue_active.ratio\""
    echo '"","","","","","","","","","","","%","us","register/thread","inst"'
    rest='"81.50","1.20","96","2.25"' ;;
  *)
    echo "$first,\"gpu__time_duration.sum\""
    echo '"","","","","","","","","","","","ns"'
    rest='"1,#00.00"' ;;
esac
for i in 0 1 2 3 4 5; do
  echo "\"$i\",\"1\",\"java\",\"127.0.0.1\",\"kernel_$((i % 4))(const int *, float *)\",\"1\",\"7\",\"(256, 1, 1)\",\"(128, 1, 1)\",\"0\",\"9.0\",${rest/\#/$((i + 1))}"
done
S
stub python3 <<'S'
[ "$1" = -c ] && exit 0
while [ $# -gt 0 ]; do case $1 in --json) json=$2 ;; esac; shift; done
for bits in 16 4; do for context in 5 70; do for batch in 1 2; do
  echo "{\"shape\": \"toy\", \"bits\": $bits, \"batch\": $batch, \"context\": $context, \"compiled\": false, \"ms\": 12.5, \"tokens_s\": 80.0, \"GB\": 1.0, \"share\": 0.5}"
done; done; done >>"$json"
S
export RUN_CELLS=1x5,2x70,2x400
with_tools=$out/stubs:$PATH
rm -rf "$pack/results"
for step in a b c d e f; do
  rehearsed "step $step, killed"
  PATH=$with_tools killed "${KILL_AFTER:-3}" "$pack/results/$step.begun" "$pack/run.sh" --device sim:0 $step
  [ ! -e "$pack/results/$step.done" ] || echo "step $step was done before it was killed"
  rehearsed "step $step, started again"
  PATH=$with_tools "$pack/run.sh" --device sim:0 $step || echo "status $?"
done
rehearsed "out of time"
rm -f "$pack"/results/{d,f}.done "$pack"/results/table/*.cells
PATH=$with_tools RUN_SECONDS=12 "$pack/run.sh" --device sim:0 d || echo "status $? (75 means: out of time)"
PATH=$with_tools "$pack/run.sh" --device sim:0
rehearsed "after all was done"
PATH=$with_tools "$pack/run.sh" --device sim:0 && echo "status $?"
cp "$pack/results/gpu-performance.md" "$out/"

rehearsed "by lent.sh, without tools, on a machine that forgets"
lent=$out/lent
rm -rf "$lent"
mkdir -p "$lent/tests/gpu" "$lent/.gpu" "$lent/home" "$lent/back"
cp "$here/lent.sh" "$lent/tests/gpu/"
ln "$pack.tar.xz" "$lent/.gpu/catena-gpu.tar.xz"
seconds=${LENT_SECONDS:-60}
for call in 1 2 3 4 5 6 7 8; do
  rehearsed "call $call"
  status=0
  OUT=$lent/back LENT_HOME=$lent/home LENT_SECONDS=$seconds RUN_SECONDS=$seconds "$lent/tests/gpu/lent.sh" --device sim:0 a b d e f c || status=$?
  echo "status $status"
  [ $status = 75 ] || break
  rm -rf "$lent/home"
  mkdir "$lent/home"
  cp "$lent/back/results.tar.gz" "$lent/.gpu/"
done
echo "look at $out/gpu-performance.md, $lent/back/gpu-performance.md and $CALLS"
