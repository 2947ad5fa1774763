#!/usr/bin/env bash
# pack.sh OUT: makes the folder that run.sh needs on a machine with a GPU, on one that has none, and OUT.tar.xz of it: a Java
# runtime image, our jars, artifacts with machine code, what the simulator answers, and a tune pack. Started again, it goes on
# where it broke off. Says what has to travel together with the repository's files, and ends with status 1 where that is more than
# PACK_MOST_MIB.
#   PACK_TARGETS   architectures of the artifacts that are compared with the simulator (all)
#   PACK_CARD      the architecture of the card that is measured (sm_90)
#   PACK_TUNED     a table of `catena tune` for the models that are measured
#   PACK_UNTUNED=1 no tune pack
#   PACK_FULL=1    also W8 and f16 with KV caches of 8 and 4 bits
#   PACK_JOBS      compilations at a time (as many as there are processors)
#   PACK_MOST_MIB  (64)
#   PACK_TOY=1     a toy in place of the two models and of most else, for rehearsals (rehearse.sh)
set -euo pipefail
out=$(readlink -m -- "${1:?usage: pack.sh OUT}")
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
catena="$root/catena"
targets=${PACK_TARGETS:-sm_75,sm_80,sm_86,sm_89,sm_90,sm_100,sm_120}
card=${PACK_CARD:-sm_90}

"$catena" --version >/dev/null
mkdir -p "$out/artifacts" "$out/expected" "$out/table"
rm -rf "$out/lib"
mkdir "$out/lib"
# Neither what only compiling needs (NVRTC, clang; the IR's parser is for predictions), nor the page's layout, nor the tokenizers: ids are fed.
for jar in "$root"/tools/target/catena/lib/*.jar; do
  case ${jar##*/} in
    cuda-* | llvm-* | javacpp-* | tokenizers-* | org.eclipse.* | guava-* | jline-* | commons-* | gson-* | jna-* | api-*) ;;
    *) cp "$jar" "$out/lib/" ;;
  esac
done
if [ ! -e "$out/java/bin/java" ]; then
  rm -rf "$out/java"
  # What our classes need, and what the others do of what we use of them.
  modules=$(jdeps --multi-release 17 --ignore-missing-deps -s "$out"/lib/catena-*.jar | awk '$3 ~ /^(java|jdk)[.]/ { print $3 }' | sort -u | paste -sd,)
  jlink --add-modules "$modules,java.logging,java.xml,jdk.unsupported" --strip-debug --no-header-files --no-man-pages --compress=0 --output "$out/java"
fi
cp "$here/run.sh" "$here/compare_logits.awk" "$here"/{cells,report,longest,ncu_csv,ncu_launches,ncu_limits,cell_launches,peer,predicted}.awk "$here/peer_torch.py" "$out/"

rm -f "$out/failed"
start() { # COMMAND...: beside up to PACK_JOBS others
  while [ "$(jobs -rp | wc -l)" -ge "${PACK_JOBS:-$(nproc)}" ]; do wait -n || true; done
  { time_of "$@" || echo "$*" >>"$out/failed"; } &
}
time_of() { # COMMAND...: which says how long it took
  local what="${*##*/}"
  local TIMEFORMAT="${what:0:60}: %0R s, %0U s of a processor"
  time "$@"
}
finish() {
  wait
  [ ! -e "$out/failed" ] || { sed 's/^/FAILED: /' "$out/failed" >&2; exit 1; }
}
compile() { # ARTIFACT MODEL OPTION...
  [ -e "$out/$1" ] || "$catena" compile "$2" -o "$out/$1" "${@:3}" >&2
}
answered() { # NAME PROMPT MODEL OPTION...: artifacts/NAME, and what sim answers to the prompt, which run.sh will ask the card
  compile "artifacts/$1.catena" "${@:3}" || return
  [ ! -e "$out/expected/$1.ids" ] || return 0
  echo "$2" >"$out/expected/$1.prompt"
  "$catena" run "$out/artifacts/$1.catena" --device sim:0 --ids "$2" --max-tokens 3 --print-ids --logits-out "$out/expected/$1.npy" >"$out/expected/$1.part" &&
    mv "$out/expected/$1.part" "$out/expected/$1.ids"
}
measured() { # SHAPE KIND: an artifact that run.sh measures, such as llama-7b w4-kv16
  local shape=$1 kind=$2 bits=${2#w} kv=${2#*-kv} target=$card
  local options=()
  bits=${bits%%-*} kv=${kv%%-*}
  # Prompts are measured with the f16 cache alone, in steps of many rows.
  case $kind in w16-kv16* | w8-kv16* | w4-kv16*) options+=(--step-rows "$prefill_rows") ;; esac
  case $kind in *-untried) target=$untried options+=(--experimental) ;; esac
  compile "table/$shape-$kind.catena" "$here/shapes/$shape.shape" --target "$target" --wbits "$bits" --head-bits "$((bits > 8 ? bits : 8))" \
    --kv-bits "$kv" ${PACK_TUNED:+--tuned "$PACK_TUNED"} "${options[@]}" || return
  # What the model of the kernels predicts for it, to stand beside what is measured.
  [ ! -e "$out/table/$shape-$kind.predicted" ] || return 0
  local context
  : >"$out/table/$shape-$kind.part"
  for context in "${contexts[@]}"; do
    "$catena" inspect "$out/table/$shape-$kind.catena" --kernels --context "$context" --batch "$batches" --json |
      awk -f "$here/predicted.awk" >>"$out/table/$shape-$kind.part" || return
  done
  mv "$out/table/$shape-$kind.part" "$out/table/$shape-$kind.predicted"
}
# The architecture for which everything is compiled that no GPU has run yet (`--experimental`).
case $card in sm_90) untried=sm_90a ;; sm_1??) untried=$card ;; *) untried= ;; esac
if [ -z "${PACK_TOY:-}" ]; then
  prefill_rows=2048
  shapes=(llama-7b llama-3-8b)
  contexts=(128 4096)
  batches=1,4,16,64
  kinds=(w4-kv16 w16-kv16 w8-kv16 w4-kv8 w4-kv4)
  [ -z "${PACK_FULL:-}" ] || kinds+=(w8-kv8 w8-kv4 w16-kv8 w16-kv4)
  last_kinds=(${untried:+w4-kv16-untried w16-kv16-untried w8-kv16-untried} w3-kv16 w2-kv16)
else
  prefill_rows=70
  shapes=(toy)
  contexts=(5 70)
  batches=1,2
  kinds=(w4-kv16 w16-kv8)
  last_kinds=(${untried:+w4-kv16-untried} w3-kv16)
fi
# The order in which they are measured: by step d, and by step f.
order() { for kind in "$@"; do printf "%s $kind\n" "${shapes[@]}"; done; }
order "${kinds[@]}" >"$out/table/order"
order "${last_kinds[@]}" >"$out/table/last"

shape_files=("${shapes[@]/#/$here/shapes/}")
prompt=1,42,7
start answered tale-w4 $prompt "$root/models/tale/split-fp16" --target "$targets" --wbits 4
# The smallest: what compute-sanitizer, thousands of times slower than the card, runs.
start answered toy $prompt "$here/shapes/toy.shape" --target "$targets" --wbits 4
if [ -z "${PACK_TOY:-}" ]; then
  # The toy, too, for the other kinds of storage: tale's weights would make up half of what has to be carried.
  start answered toy-w8-kv8 $prompt "$here/shapes/toy.shape" --target "$targets" --wbits 8 --kv-bits 8
  start answered toy-w16-kv4 $prompt "$here/shapes/toy.shape" --target "$targets" --wbits 16 --kv-bits 4
  start answered toy-w3 $prompt "$here/shapes/toy.shape" --target "$targets" --wbits 3
  start answered toy-w2 $prompt "$here/shapes/toy.shape" --target "$targets" --wbits 2
  start answered toy-ptx $prompt "$here/shapes/toy.shape" --target sm_75 --wbits 4   # anything newer than Turing has to take its PTX
fi
if [ -n "$untried" ]; then
  start answered untried-few-rows $prompt "$here/shapes/wide.shape" --target "$card" --experimental --wbits 4
  # The prompt is long enough for wgmma.
  start answered untried-many-rows "$(seq -s, 1 70)" "$here/shapes/wide.shape" --target "$untried" --experimental --wbits 4
fi
# The longest first; it, too, goes on where it broke off.
[ -e "$out/linear.pack" ] || [ -n "${PACK_UNTUNED:-}" ] || start "$catena" tune --make-pack "$out/linear.pack" --target "$card" \
  $([ -z "${PACK_TOY:-}" ] || echo --configurations 3 --rows 1 --wbits 4 --ptx) "${shape_files[@]/%/.shape}" >&2
while read -r shape kind <&3; do start measured "$shape" "$kind"; done 3< <(cat "$out/table/order" "$out/table/last")
finish
# Artifacts of one model have most of their code, source and IR in common: a window that spans several makes a fifth of what gzip does, which
# is also why nothing in the folder is compressed by itself.
tar c -C "$out" --sort=name --transform 's,^\.,catena-gpu,S' --exclude ./results --exclude '*.part' . | xz -T1 --lzma2=preset=6,dict=64MiB >"$out.tar.xz.part"
mv "$out.tar.xz.part" "$out.tar.xz"
mib() { awk '{ bytes += $1 } END { printf "%.1f", bytes / 1048576 }'; }
packed=$(stat -c %s "$out.tar.xz" | mib)
echo "$out.tar.xz: $packed MiB ($(du -sh "$out" | cut -f1) unpacked); copy it to the machine with the GPU, unpack it and run ./run.sh there" >&2
if tracked=$(cd "$root" && git ls-files -z 2>/dev/null | xargs -0r stat -c %s | mib) && [ "$tracked" != 0.0 ]; then
  echo "with the repository's $tracked MiB, of ${PACK_MOST_MIB:-64} that may travel: $packed + $tracked" >&2
  awk -v sum="$packed $tracked" -v most="${PACK_MOST_MIB:-64}" 'BEGIN { split(sum, of, " "); exit of[1] + of[2] > most }' ||
    { echo "that is too much: leave models out (shapes, kinds)" >&2; exit 1; }
fi
