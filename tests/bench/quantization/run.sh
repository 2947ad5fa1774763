#!/usr/bin/env bash
# Makes the table and the plot of docs/quantization.md anew: tale at all storages, scored on a text that no choice has seen.
#
#   tests/bench/quantization/run.sh OUT_DIR [NAME…]
#
# OUT_DIR keeps the artifacts; those that exist are not compiled again. With NAMEs (w4-g128-gptq, f16-kv8, …) only these are
# scored, beside f16. Texts: $CATENA_SHARED/models/tale (default ../shared). Speeds mean something on an idle machine only.
set -euo pipefail
cd "$(dirname "$0")/../../.."
out=${1:?usage: run.sh OUT_DIR [NAME…]}
shift
texts=${CATENA_SHARED:-../shared}/models/tale
[ -f "$texts/calib.txt" ] || { echo "no $texts/calib.txt: set CATENA_SHARED" >&2; exit 2; }
mkdir -p "$out"

options() {
  case $1 in
    f16) echo "--wbits 16" ;;
    f16-kv8) echo "--wbits 16 --kv-bits 8" ;;
    f16-kv8,4) echo "--wbits 16 --kv-bits 8,4" ;;
    f16-kv4) echo "--wbits 16 --kv-bits 4" ;;
    w*-g*-*)
      local rest=${1#w} bits group method
      bits=${rest%%-*} rest=${rest#*-g}
      group=${rest%%-*} method=${rest#*-}
      case $method in
        range | search) echo "--wbits $bits --group-size $group --scales $method" ;;
        gptq | awq) echo "--wbits $bits --group-size $group --quant $method --calib $texts/calib.txt --calib-samples ${SAMPLES:-24} --calib-seqlen 1024" ;;
        *) return 1 ;;
      esac ;;
    *) return 1 ;;
  esac
}

all=(f16 w8-g128-search)
for bits in 4 3 2; do
  for group in 128 32; do
    for method in range search awq gptq; do all+=("w$bits-g$group-$method"); done
  done
done
all+=(f16-kv8 f16-kv8,4 f16-kv4)
[ $# = 0 ] || all=(f16 "$@")

files=()
for name in "${all[@]}"; do
  set -- $(options "$name") || { echo "no such row: $name" >&2; exit 2; }
  [ $# -gt 0 ] || { echo "no such row: $name" >&2; exit 2; }
  [ -f "$out/$name.catena" ] || ./catena compile models/tale/split-fp16 -o "$out/$name.catena" "$@"
  files+=("$out/$name.catena")
done
./catena eval "${files[@]}" --text "$texts/valid.txt" --plot "$out/sizes.svg" | tee "$out/table.txt"
