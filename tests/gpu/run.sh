#!/usr/bin/env bash
# run.sh [--device cuda:0] [STEP...]: the proof on a GPU, in the folder that pack.sh made; it needs nothing else. Steps are
# a b c d e f, all by default; each call of one takes less than nine minutes and writes results/STEP.log. What was done is left out
# when it is started again, also within a step: a call that ran out of time ends with status 75, and the next one goes on.
# Writes results/gpu-performance.md, of what was measured and of nothing else, and ends with status 1 where a step failed: the others
# have run, and it is tried again by the next start.
# `--device sim:0` rehearses it (rehearse.sh): everything runs, on the simulator, and no figure is worth anything.
#   RUN_SECONDS   of a step (530)    RUN_CELLS   of the table, BATCHxCONTEXT,…
#   RUN_CALL_SECONDS   of the whole call, for a machine that is lent by the command (no limit)
set -uo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" || exit 2
device=cuda:0
[ "${1:-}" = --device ] && { device=${2:?--device needs a name}; shift 2; }
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(a b c d e f)
rehearsal=; case $device in sim:*) rehearsal=1 ;; esac
limit=${RUN_SECONDS:-530}
call_limit=${RUN_CALL_SECONDS:-}
cells=${RUN_CELLS:-1x128,16x128,1x4096,16x4096,4x4096,64x128}
again=75
mkdir -p results/table results/peer
# Where images have NVIDIA's tools and driver, should the shell not look there.
for folder in /usr/local/nvidia/bin /usr/local/cuda/bin /opt/nvidia/nsight-compute/*; do [ ! -d "$folder" ] || PATH+=:$folder; done
for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
  [ ! -d "$folder" ] || export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
done

left() { # seconds that this step may still take, at least one: timeout takes 0 for no limit; `most`, where a caller has it, is a shorter limit
  local seconds=$((limit - SECONDS + step_began))
  if [ -n "$call_limit" ] && [ $((call_limit - SECONDS)) -lt "$seconds" ]; then seconds=$((call_limit - SECONDS)); fi
  if [ "$seconds" -gt "${most:-$seconds}" ]; then seconds=$most; fi
  echo $((seconds > 0 ? seconds : 1))
}
catena() {
  CATENA_CACHE=${CATENA_CACHE:-$PWD/results/cache} timeout -k 5 "$(left)" java/bin/java -XX:+UseSerialGC -cp "lib/*" dev.catena.tools.Catena "$@"
}
have() { command -v "$1" >/dev/null 2>&1; }
gpu_state() { have nvidia-smi && timeout 30 nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,power.draw,temperature.gpu --format=csv,noheader; }
floats() { tail -c +129 "$1" | od -An -v -w4 -tf4; }   # a .npy file of version 1 has 128 bytes before the data here
answers() { # NAME: whether the device gives the ids and logits that sim gave
  local name=$1
  catena run "artifacts/$name.catena" --device "$device" --ids "$(cat "expected/$name.prompt")" --max-tokens 3 --print-ids --logits-out "results/$name.npy" \
    >"results/$name.ids" || return 1
  paste <(floats "expected/$name.npy") <(floats "results/$name.npy") | awk -v tolerance=2e-2 -f compare_logits.awk || return 1
  echo "$name: ids $(cat "results/$name.ids"), expected $(cat "expected/$name.ids")"
  cmp -s "results/$name.ids" "expected/$name.ids"
}

step_a() { # the machine: driver, attributes, clocks, bandwidth, launches, the smallest kernel; machine code and PTX
  local failed=0 bytes=1GiB; [ -z "$rehearsal" ] || bytes=64KiB
  gpu_state
  if have nvidia-smi; then timeout 60 nvidia-smi -q -d CLOCK,POWER,PERFORMANCE,ECC 2>&1 | head -120; fi
  catena devices || return 1
  catena devices --json >results/devices.json || failed=1
  if catena devices --measure "$device" --bytes "$bytes" --json >results/measured.part; then
    cat results/measured.part
    # What the simulator "measures" is no card's.
    [ -z "$rehearsal" ] || cp rehearsed.json results/measured.part
    mv results/measured.part results/measured.json
  else
    failed=1
  fi
  gpu_state
  answers tale-w4 || failed=1
  if [ -e artifacts/toy-ptx.catena ]; then answers toy-ptx || failed=1; fi
  return $failed
}

step_b() { # what the simulator answered, and the sanitizer
  local failed=0 ids name tool
  for ids in expected/*.ids; do
    case $ids in expected/untried-*) continue ;; esac      # step f's
    name=$(basename "$ids" .ids)
    [ ! -e "results/$name.right" ] || continue
    if answers "$name"; then touch "results/$name.right"; else echo "FAILED: $name"; failed=1; fi
  done
  for tool in memcheck racecheck; do
    [ "$(left)" -gt $((limit / 4)) ] || [ -e "results/$tool-toy.done" ] || ! have compute-sanitizer || return $again
    sanitized "$tool" toy 1,42 || failed=1
  done
  return $failed
}
sanitized() { # TOOL NAME IDS
  local tool=$1 name=$2 log=results/$1-$2.log
  [ ! -e "results/$tool-$name.done" ] || return 0
  if ! have compute-sanitizer; then
    echo "compute-sanitizer: not on this machine, $tool of $name not run"
  elif timeout -k 5 "$(left)" compute-sanitizer --tool "$tool" --target-processes all --error-exitcode 9 java/bin/java -XX:+UseSerialGC -cp "lib/*" \
    dev.catena.tools.Catena run "artifacts/$name.catena" --device "$device" --ids "$3" --max-tokens 2 --print-ids >"$log" 2>&1; then
    echo "$tool of $name:"; tail -3 "$log"
    touch "results/$tool-$name.done"
  elif grep -q 'Device not supported' "$log"; then
    echo "compute-sanitizer: refuses this machine's device, $tool of $name not run"
  else
    echo "FAILED: $tool of $name, status $?"; head -60 "$log"
    return 1
  fi
}

step_c() { # the fastest configuration of each kernel; results/linear.tuned is for `catena compile --tuned` and the repository
  [ -e linear.pack ] || { echo "no tune pack was brought along, nothing tuned"; return 0; }
  local budget=240 starts began; [ -z "$rehearsal" ] || budget=20
  began=$(left)
  [ "$budget" -lt "$(left)" ] || budget=$(($(left) / 2))
  starts=$(($(cat results/tune.starts 2>/dev/null || echo 0) + 1))
  echo "$starts" >results/tune.starts
  gpu_state
  catena tune --pack linear.pack --device "$device" --budget "${budget}s" --results results/linear.results -o results/linear.tuned \
    $([ ! -e results/measured.json ] || echo --card results/measured.json) >results/tune.part || { ran_out "$began" && return $again; return 1; }
  cat results/tune.part
  gpu_state
  # What isn't tuned after the third start has no candidate that can be.
  if grep -q 'start again' results/tune.part && [ "$starts" -lt 3 ]; then return $again; fi
}

peer() { # SHAPE: PyTorch on the same shape
  local shape=$1 its needed='import torch; torch.cuda.current_device()'
  [ -z "$rehearsal" ] || needed='import torch'
  [ ! -e "results/peer/$shape.done" ] || return 0
  if ! have python3 || ! timeout 120 python3 -c "$needed" 2>/dev/null; then
    echo "peer $shape: no PyTorch that has a GPU on this machine, not measured"
    return 0
  fi
  case $shape in llama-7b) its=7b ;; llama-3-8b) its=8b ;; *) its=toy ;; esac
  gpu_state
  timeout -k 5 "$(left)" python3 peer_torch.py --shape "$its" --cells "$cells" --bits 16,4 --prefill 2048 \
    --seconds "$(($(left) * 9 / 10))" --json "results/peer/$shape.jsonl" $([ -z "$rehearsal" ] || echo --dry) || { echo "peer $shape: status $?"; return 1; }
  gpu_state
  if grep -q '"stopped"' "results/peer/$shape.jsonl" 2>/dev/null; then return $again; fi
  touch "results/peer/$shape.done"
}

measured() { # SHAPE KIND: the cells of one model of the table, and its prompts
  local began name="$1-$2" rows=2048 steps=32
  [ -z "$rehearsal" ] || { rows=70 steps=1; }
  if [ ! -e "results/table/$name.cells" ]; then
    began=$(left)
    [ "$began" -gt $((limit / 10)) ] || return $again
    echo "clocks before $name: $(gpu_state)"
    if catena bench "table/$name.catena" --device "$device" --decode "$cells" --gen-len "$steps" --repeat 5 --launches --json >"results/table/$name.part"; then
      awk -v name="$1 $2" -f cells.awk "results/table/$name.part" >"results/table/$name.cells.part" &&
        mv "results/table/$name.cells.part" "results/table/$name.cells"
      mv "results/table/$name.part" "results/table/$name.json"
    else
      ran_out "$began" && return $again
      echo "$name: FAILED, see above"
      return 1
    fi
    echo "clocks after $name: $(gpu_state)"
  fi
  case $2 in w4-kv16 | w8-kv16 | w16-kv16 | *-kv16-untried) ;; *) return 0 ;; esac      # others have no steps of many rows
  [ ! -e "results/table/$name.prompt" ] || return 0
  began=$(left)
  [ "$began" -gt $((limit / 10)) ] || return $again
  if catena bench "table/$name.catena" --device "$device" --prompt-len "$rows" --gen-len 1 --repeat "$([ -z "$rehearsal" ] && echo 5 || echo 3)" \
    --json >"results/table/$name.prompt.part"; then
    awk -v name="prompt $1 $2" '/"prefill_tokens_per_s"/ { sub(/^[^:]*: */, ""); sub(/,$/, ""); print name, $0 }' "results/table/$name.prompt.part" \
      >"results/table/$name.prompt"
  else
    ran_out "$began" && return $again
    echo "$name: prompts FAILED, see above"
    return 1
  fi
}
ran_out() { [ "$(left)" -le 5 ] && [ "$1" -lt $((limit * 9 / 10)) ]; } # BEGAN: whether what failed had not all of a step's time, which it has next time

step_d() { # the table: ours, cell by cell, and the peer in the same run
  local shape kind failed=0
  while read -r shape kind <&3; do
    measured "$shape" "$kind" || { [ $? != $again ] || return $again; failed=1; }
    case $kind in w16-*)
      [ -e "results/peer/$shape.done" ] || [ "$(left)" -gt $((limit / 5)) ] || return $again
      peer "$shape" || { [ $? != $again ] || return $again; failed=1; } ;;
    esac
  done 3<table/order
  return $failed
}

first_of_table() { head -1 table/order | tr ' ' -; }
longest_by_cells() { cat "results/table/$(first_of_table).cells" 2>/dev/null | awk -f cell_launches.awk -f longest.awk; }
profiled() { # OPTION...: ncu on a few decode steps of the first model of the table
  local name; name=$(first_of_table)
  LC_ALL=C timeout -k 5 "$(left)" ncu --clock-control none --csv --page raw "$@" java/bin/java -XX:+UseSerialGC -cp "lib/*" \
    dev.catena.tools.Catena run "table/$name.catena" --device "$device" --ids 1 --max-tokens 2 --print-ids
}
longest_by_ncu() {
  local log=results/ncu.log
  profiled --metrics gpu__time_duration.sum -c 600 >results/ncu-times.csv 2>"$log" || { tail -3 results/ncu-times.csv "$log"; return 1; }
  awk -f ncu_csv.awk -f ncu_launches.awk -f longest.awk results/ncu-times.csv >results/longest.txt
  [ -s results/longest.txt ] || { echo "ncu named no kernel"; return 1; }
  cat results/longest.txt
  profiled --set full -c 9 -k "regex:^($(cut -d' ' -f1 results/longest.txt | paste -sd'|'))\$" >results/ncu.part 2>>"$log" ||
    { tail -3 results/ncu.part "$log"; return 1; }
  mv results/ncu.part results/ncu.csv
}
batches_at() { tr , '\n' <<<"$cells" | awk -Fx -v context="$1" '$2 == context { print $1 }' | sort -nu | paste -sd,; } # CONTEXT: of the table's cells
step_e() { # what limits the three kernels that take longest; predictions with what step a measured
  local shape kind began failed=0
  began=$(left)
  if ! have ncu; then
    echo "ncu: not on this machine, not run; by our own timing of single kernels these take longest in a step (seconds, times):"
    longest_by_cells
  elif [ ! -s results/ncu.csv ] && ! longest_by_ncu; then
    ran_out "$began" && return $again
    if grep -qsE 'ERR_NVGPUCTRPERM|LibraryNotLoaded' results/ncu-times.csv results/ncu.part results/ncu.log; then
      echo "ncu: this machine doesn't let it read counters, not run"
    else
      echo "ncu: FAILED, see above"
      failed=1      # the predictions don't need it
    fi
    echo "by our own timing of single kernels these take longest (seconds, times):"
    longest_by_cells
  fi
  [ -e results/measured.json ] || { echo "no predictions: step a has measured nothing"; return $failed; }
  # Where the model counts what kernels do, the processor is busy and the GPU isn't: as many at a time as there are cores.
  while read -r shape kind <&3; do
    [ ! -e "results/table/$shape-$kind.predicted" ] || continue
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n || true; done
    [ "$(left)" -gt $((limit / 10)) ] || { wait; return $again; }
    predicted "$shape-$kind" &
  done 3< <(cat table/order table/last)
  wait
  [ "$(left)" -gt 5 ] || return $again
  return $failed
}
predicted() { # NAME: results/table/NAME.predicted, with what step a measured
  local context
  for context in $(tr , '\n' <<<"$cells" | cut -dx -f2 | sort -nu); do
    catena inspect "table/$1.catena" --kernels --context "$context" --batch "$(batches_at "$context")" --card results/measured.json --json |
      awk -f predicted.awk || echo "$1 at $context: no prediction" >&2
  done >"results/table/$1.predicted.part"
  [ "$(left)" -le 5 ] || mv "results/table/$1.predicted.part" "results/table/$1.predicted"
}

step_f() { # what is left when the rest has been measured: W3 and W2; and what no GPU has run yet, which has to be right first
  local failed=0 right=1 ids name shape kind check=60; [ -z "$rehearsal" ] || check=300
  for ids in expected/untried-*.ids; do
    name=$(basename "$ids" .ids)
    if [ ! -e "$ids" ] || [ -e "results/$name.right" ]; then continue; fi
    [ "$(left)" -gt $((limit / 5)) ] || return $again
    # A card that hangs in it must not cost all of the time.
    if most=$check answers "$name"; then
      touch "results/$name.right"
      # What it makes of copies that no thread waits for by itself is told, and fails nothing.
      most=$check sanitized memcheck "$name" 1,42 || true
    else
      echo "FAILED: $name"
      failed=1 right=0
    fi
  done
  while read -r shape kind <&3; do
    case $kind in *-untried) [ $right = 1 ] || { echo "$shape $kind: not measured, since it is wrong on this card"; continue; } ;; esac
    measured "$shape" "$kind" || { [ $? != $again ] || return $again; failed=1; }
  done 3<table/last
  return $failed
}

card_name() { # as predictions have it
  local name; name=$(gpu_state | head -1)
  [ -n "$name" ] || name=$(sed -n 's/.*"description" : "\(.*\)".*/\1/p' results/measured.json 2>/dev/null)
  tr ' ' _ <<<"$name"
}
predictions() { # lines for report.awk: with what step a measured where they were made, else those of the data sheets
  local shape kind file
  while read -r shape kind; do
    file=results/table/$shape-$kind.predicted
    if [ -s "$file" ]; then
      cut -d' ' -f2- "$file"
    elif [ -s "table/$shape-$kind.predicted" ]; then
      # Of the card whose name the driver's contains.
      awk -v card="$(card_name)" 'index(card, $1) { sub(/^[^ ]+ /, ""); print }' "table/$shape-$kind.predicted"
    fi | sed "s/^/predicted $shape $kind /"
  done < <(cat table/order table/last)
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
    echo
    echo "Decode steps of models made from their shapes (random weights): medians of five; tokens/s of all sequences together; the share is"
    echo "of the bandwidth that a kernel reading the same card's memory reached in the same process. PyTorch (CUDA graphs; W4 by"
    echo "\`_weight_int4pack_mm\`) ran in the same run; × is its time over ours. Predictions are the kernel model's ($(
      compgen -G 'results/table/*.predicted' >/dev/null && echo "bandwidth, boundary, clock and cache as step a found them" || echo "from data sheets"))."
    echo
    {
      predictions
      for f in results/peer/*.jsonl; do
        [ ! -e "$f" ] || awk -v shape="$(basename "$f" .jsonl)" -f peer.awk "$f"
      done
      while read -r shape kind; do
        [ ! -e "results/table/$shape-$kind.cells" ] || sed 's/^/cell /' "results/table/$shape-$kind.cells"
        cat "results/table/$shape-$kind.prompt" 2>/dev/null
      done < <(cat table/order table/last)
    } | awk -f report.awk
    if [ -s results/ncu.csv ]; then
      printf '\n## What limits the three longest kernels\n\nOf a decode step of %s, one sequence, by ncu.\n\n' "$(first_of_table)"
      awk -f ncu_csv.awk -f ncu_limits.awk results/ncu.csv
    fi
    local step
    for step in a b c d e f; do
      [ -e "results/$step.log" ] || continue
      echo; echo "## Step $step: $(state_of "$step")"; echo; sed 's/^/    /' "results/$step.log"
    done
  } >results/gpu-performance.md.part && mv results/gpu-performance.md.part results/gpu-performance.md
}
state_of() { [ -e "results/$1.done" ] && echo done || { [ -e "results/$1.begun" ] && echo "not finished" || echo FAILED; }; }

status=0
for step in "${steps[@]}"; do
  case $step in a | b | c | d | e | f) ;; *) echo "run.sh: there is no step '$step'" >&2; exit 2 ;; esac
  [ ! -e "results/$step.done" ] || { echo "step $step was done before (remove results/$step.done to repeat it)"; continue; }
  step_began=$SECONDS
  if [ "$(left)" -le $((limit / 20)) ]; then
    echo "step $step has no time left in this call: start run.sh again"
    status=$again
    continue
  fi
  echo "step $step"
  touch "results/$step.begun"
  "step_$step" >>"results/$step.log" 2>&1
  ended=$?
  if [ $ended = 0 ]; then
    touch "results/$step.done"
    rm -f "results/$step.begun"
  elif [ $ended = $again ]; then
    status=$again
    echo "step $step ran out of time: start run.sh again, it goes on"
  else
    rm -f "results/$step.begun"
    [ $status = $again ] || status=1
    echo "step $step FAILED:" >&2
    tail -5 "results/$step.log" >&2
  fi
  report
done
report
echo "results/gpu-performance.md"
exit $status
