#!/usr/bin/env bash
# Makes the predicted tables of docs/gpu-performance.md anew, on a machine without a GPU: compiles the shapes of tests/gpu/shapes and lets
# `inspect --kernels --json` say what the simulator's model makes of their kernels. No figure in them is measured.
#
#   tests/bench/gpu/run.sh OUT_DIR [--kept] [--doc] [NAME…]
#
# OUT_DIR keeps artifacts and predictions; those that exist are not made again. With NAMEs (llama-7b-w4-sm_90, …) only these are made.
# --kept makes none; --doc writes the tables into docs/, else they are printed: of what is there. A name is shape, bits of weights, target,
# and how it is compiled: -experimental, or -h200 for that card alone. -many, with steps of up to 2048 rows, is for prompts.
# $CATENA names another build's command than ./catena. All of it takes two cores an hour.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
catena=${CATENA:-$root/catena}
. "$here/../kept_arguments.sh"
command -v python3 >/dev/null || { echo "needs python3, which writes the tables" >&2; exit 2; }
mkdir -p "$out"

if [ ${#names[@]} -eq 0 ]; then
  for bits in w4 w16 w8; do
    for target in sm_90 sm_80 sm_86 sm_89 sm_75; do
      for shape in llama-7b llama-3-8b; do names+=("$shape-$bits-$target"); done
    done
  done
  names+=(llama-7b-w4-sm_90-experimental llama-3-8b-w4-sm_90-experimental)
  for target in sm_90 sm_80 sm_86; do names+=("llama-7b-w4-$target-many" "llama-7b-w16-$target-many"); done
  names+=(llama-7b-w4-sm_90a-experimental-many llama-7b-w16-sm_90a-experimental-many)
fi

made() { # NAME
  local name=$1 shape rest bits options=() steps batches=1,4,16 contexts=(128 4096)
  shape=${name%%-w[0-9]*} rest=${name#"$shape"-}
  bits=${rest%%-*} rest=${rest#*-}
  steps=16
  case $rest in *-many) steps=2048 batches=1,4,16,32,64,128,2048 contexts=(128) ;; esac
  case $rest in *-experimental*) options+=(--experimental) ;; *-h200*) options+=(--tuned-for H200) ;; esac
  [ -e "$out/$name.catena" ] || "$catena" compile "$here/../../gpu/shapes/$shape.shape" -o "$out/$name.catena" --target "${rest%%-*}" --wbits "${bits#w}" \
    --step-rows "$steps" "${options[@]}" >&2
  for context in "${contexts[@]}"; do
    [ -e "$out/$name.$context.json" ] || {
      "$catena" inspect "$out/$name.catena" --kernels --json --batch "$batches" --context "$context" >"$out/$name.part"
      mv "$out/$name.part" "$out/$name.$context.json"
    }
  done
}
[ -n "$kept" ] || for name in "${names[@]}"; do made "$name"; done
python3 "$here/tables.py" "$out" ${doc:+"$root/docs/gpu-performance.md"}
