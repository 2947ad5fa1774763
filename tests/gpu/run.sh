#!/usr/bin/env bash
# run.sh [--device cuda:0] [STEP...]: the proof on a GPU, in the folder that pack.sh made; it needs nothing else. Each step
# (a b c d e, all by default) takes less than nine minutes, writes results/STEP.log, and is left out when it was done before:
# start it again after a break. Ends with gpu-performance.md, of what was measured and of nothing else.
# `--device sim:0` rehearses it: everything runs, on the simulator, and no figure is worth anything.
set -uo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" || exit 2
device=cuda:0
[ "${1:-}" = --device ] && { device=${2:?--device needs a name}; shift 2; }
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(a b c d e)
rehearsal=; case $device in sim:*) rehearsal=1 ;; esac
limit=530
mkdir -p results

catena() {
  CATENA_CACHE=${CATENA_CACHE:-$PWD/results/cache} timeout "$limit" java/bin/java -XX:+UseSerialGC -cp "lib/*" dev.catena.tools.Catena "$@"
}
have() { command -v "$1" >/dev/null 2>&1; }
gpu_state() { have nvidia-smi && nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,power.draw,temperature.gpu --format=csv,noheader; }
floats() { tail -c +129 "$1" | od -An -v -w4 -tf4; }   # a .npy file of version 1 has 128 bytes before the data here
answers() { # ARTIFACT DEVICE: the ids and logits that sim gave
  local name=$1
  catena run "artifacts/$name.catena" --device "$device" --ids 1,42,7 --max-tokens 3 --print-ids --logits-out "results/$name.npy" \
    >"results/$name.ids" || return 1
  paste <(floats "expected/$name.npy") <(floats "results/$name.npy") | awk -v tolerance=2e-2 -f compare_logits.awk || return 1
  echo "$name: ids $(cat "results/$name.ids"), expected $(cat "expected/$name.ids")"
  cmp -s "results/$name.ids" "expected/$name.ids"
}

step_a() { # the machine: driver, bandwidth, launches, machine code and PTX
  gpu_state
  catena devices || return 1
  catena devices --json >results/devices.json || return 1
  local bytes=1GiB; [ -z "$rehearsal" ] || bytes=64KiB
  catena devices --measure "$device" --bytes "$bytes" --json | tee results/measured.json || return 1
  gpu_state
  answers tale-w4 || return 1
  if [ -e artifacts/tale-ptx.catena ]; then answers tale-ptx || return 1; fi
}

step_b() { # what the simulator answered, and the sanitizer
  local failed=0 artifact name
  for artifact in artifacts/*.catena; do
    name=$(basename "$artifact" .catena)
    [ ! -e "expected/$name.npy" ] || answers "$name" || { echo "FAILED: $name"; failed=1; }
  done
  if [ -n "$rehearsal" ]; then
    echo "compute-sanitizer: left out, sim checks every access itself"
  elif have compute-sanitizer; then
    local tool
    for tool in memcheck racecheck; do
      timeout "$limit" compute-sanitizer --tool "$tool" --error-exitcode 9 java/bin/java -XX:+UseSerialGC -cp "lib/*" \
        dev.catena.tools.Catena run artifacts/tale-w4.catena --device "$device" --ids 1,42 --max-tokens 1 --print-ids \
        || { echo "FAILED: $tool"; failed=1; }
    done
  else
    echo "compute-sanitizer: not on this machine, not run"
  fi
  return $failed
}

step_c() { # tuning
  echo "no tune pack is part of this version"
}

prediction() { # NAME: what the model says of this card, of decoding at the mean context that bench measures
  local context=160 card=(--card results/measured.json)
  [ -z "$rehearsal" ] || { context=3; card=(); }   # the simulator is no card that anything could be predicted for
  catena inspect "artifacts/$1.catena" --kernels --json --context "$context" "${card[@]}" >"results/predicted-$1.json" || return 1
  grep -E '"(card|step|predicted_tokens_per_s|predicted_share_of_bandwidth|problem)"' "results/predicted-$1.json" | sed 's/^ */    predicted: /'
}

step_d() { # decode and prefill of every artifact that is here, beside what was predicted, and the peer
  local artifact name lengths="--prompt-len 128 --gen-len 64 --repeat 5"
  [ -z "$rehearsal" ] || lengths="--prompt-len 2 --gen-len 1 --repeat 3"
  : >results/bench.jsonl
  for artifact in artifacts/*.catena; do
    name=$(basename "$artifact" .catena)
    [ -z "$rehearsal" ] || [ "$name" = tale-w4 ] || continue
    # shellcheck disable=SC2086
    if catena bench "$artifact" --device "$device" $lengths --json >results/one.json; then
      echo "{\"artifact\": \"$name\", \"result\": $(tr -d '\n' <results/one.json)}" | tee -a results/bench.jsonl
      prediction "$name" || echo "$name: no prediction, see above"
    else
      echo "$name: not measured, see above"
    fi
    gpu_state
  done
  if ! have python3 || ! python3 -c 'import torch' 2>/dev/null; then
    echo "peer: no PyTorch on this machine, not measured"
  elif [ -n "$rehearsal" ]; then
    timeout "$limit" python3 peer_torch.py --rehearse
  else
    timeout "$limit" python3 peer_torch.py | tee results/peer.txt
    gpu_state
  fi
}

step_e() { # where the time goes in the kernels that take longest
  if [ -n "$rehearsal" ] || ! have ncu; then
    echo "ncu: $([ -n "$rehearsal" ] && echo 'left out in a rehearsal' || echo 'not on this machine'), not run"
    return 0
  fi
  timeout "$limit" ncu --clock-control none --set full --kernel-name-base function -k 'regex:linear|attention' -c 12 --csv --page details \
    java/bin/java -XX:+UseSerialGC -cp "lib/*" dev.catena.tools.Catena run artifacts/tale-w4.catena --device "$device" --ids 1,42 \
    --max-tokens 2 --print-ids >results/ncu.csv
}

report() {
  {
    echo "# GPU performance"
    echo
    if [ -n "$rehearsal" ]; then
      echo "**A rehearsal on the simulator: nothing here was measured on a GPU.**"
    else
      echo "Measured by tests/gpu/run.sh on: $(gpu_state | head -1)"
    fi
    local step
    for step in a b c d e; do
      [ -e "results/$step.log" ] || continue
      echo; echo "## Step $step: $([ -e "results/$step.done" ] && echo done || echo FAILED)"; echo; sed 's/^/    /' "results/$step.log"
    done
  } >results/gpu-performance.md
}

status=0
for step in "${steps[@]}"; do
  case $step in a | b | c | d | e) ;; *) echo "run.sh: there is no step '$step'" >&2; exit 2 ;; esac
  [ ! -e "results/$step.done" ] || { echo "step $step was done before (remove results/$step.done to repeat it)"; continue; }
  echo "step $step"
  if "step_$step" >"results/$step.log" 2>&1; then
    touch "results/$step.done"
  else
    status=1
    echo "step $step FAILED:" >&2
    tail -5 "results/$step.log" >&2
  fi
  report
done
report
echo "results/gpu-performance.md"
exit $status
