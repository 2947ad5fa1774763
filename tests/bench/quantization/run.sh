#!/usr/bin/env bash
# Makes the table and the plot of docs/quantization.md anew: tale at all storages, scored on a text that no choice has seen.
#
#   tests/bench/quantization/run.sh OUT_DIR [--kept] [--doc] [NAME…]
#
# OUT_DIR keeps the artifacts; those that exist are not compiled again. With NAMEs (w4-g128-gptq, f16-kv8, …) only these are
# scored, beside f16. --kept compiles nothing and scores what is there; --doc writes table, shares and plot into docs/.
# Texts: $CATENA_SHARED/models/tale (default ../shared). $CATENA names another build's command than ./catena. Speeds mean something
# on an idle machine only.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
catena=${CATENA:-./catena}
. "$here/../kept_arguments.sh"
texts=${CATENA_SHARED:-../shared}/models/tale
[ -f "$texts/calib.txt" ] || { echo "no $texts/calib.txt: set CATENA_SHARED" >&2; exit 2; }
command -v python3 >/dev/null || { echo "needs python3, which writes the table" >&2; exit 2; }
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
      local text=$texts/calib.txt
      [ "$method" != gptq-self ] || text=$out/self.txt
      case $method in
        range | search) echo "--wbits $bits --group-size $group --scales $method" ;;
        gptq | gptq-self | awq) echo "--wbits $bits --group-size $group --quant ${method%-self} --calib $text --calib-samples 24 --calib-seqlen 1024" ;;
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
all+=(w4-g128-gptq-self f16-kv8 f16-kv8,4 f16-kv4)
[ ${#names[@]} = 0 ] || all=(f16 "${names[@]}")

# What the 16-bit model writes by itself, for calibration without a text.
write_own_text() {
  for seed in $(seq 24); do
    "$catena" run "$out/f16.catena" --ids 0 --temperature 1 --seed "$seed" --max-tokens 1000 2>/dev/null
    echo
  done >"$out/self.part"
  mv "$out/self.part" "$out/self.txt"
}

files=()
for name in "${all[@]}"; do
  settings=$(options "$name") || { echo "no such row: $name" >&2; exit 2; }
  file=$out/$name.catena
  if [ ! -f "$file" ]; then
    [ -z "$kept" ] || continue
    case $name in *-self) [ -f "$out/self.txt" ] || write_own_text ;; esac
    # shellcheck disable=SC2086  # several options in one variable
    "$catena" compile models/tale/split-fp16 -o "$file" $settings >"$out/$name.log" 2>&1 || { cat "$out/$name.log" >&2; exit 1; }
  fi
  files+=("$file")
done
"$catena" eval "${files[@]}" --text "$texts/valid.txt" --plot "$out/sizes.svg" --json >"$out/scores.json"
python3 "$here/table.py" "$out/scores.json" "$out/table.md" ${doc:+docs/quantization.md}
[ -z "$doc" ] || cp "$out/sizes.svg" docs/quantization.svg
cat "$out/table.md"
