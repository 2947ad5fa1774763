#!/usr/bin/env bash
# pack.sh OUT: makes the folder that run.sh needs on a machine with a GPU, on one that has none, and OUT.tar.gz of it: a Java
# runtime image, our jars, artifacts with machine code, what the simulator answers, and a tune pack. Started again, it goes on
# where it broke off.
#   PACK_TARGETS   architectures of the artifacts that are compared with the simulator (all)
#   PACK_CARD      the architecture of the card that is measured (sm_90)
#   PACK_TUNED     a table of `catena tune` for the models that are measured
#   PACK_FULL=1    also W8 and f16 with KV caches of 8 and 4 bits
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
if [ ! -e "$out/java/bin/java" ]; then
  rm -rf "$out/java"
  jlink --add-modules java.base,java.logging,java.xml,jdk.unsupported --strip-debug --no-header-files --no-man-pages --compress=2 --output "$out/java"
fi
rm -rf "$out/lib"
mkdir "$out/lib"
# Neither what only compiling needs (NVRTC, clang; the IR's parser is for predictions), nor the page's layout, nor the tokenizers: ids are fed.
for jar in "$root"/tools/target/catena/lib/*.jar; do
  case ${jar##*/} in
    cuda-* | llvm-* | javacpp-* | tokenizers-* | org.eclipse.* | guava-* | jline-* | commons-* | gson-* | jna-* | api-*) ;;
    *) cp "$jar" "$out/lib/" ;;
  esac
done
cp "$here/run.sh" "$here/compare_logits.awk" "$here"/{cells,report,longest,ncu_launches,cell_launches,peer,predicted}.awk "$here/peer_torch.py" "$out/"

compile() { # ARTIFACT MODEL OPTION...
  [ -e "$out/$1" ] || "$catena" compile "$2" -o "$out/$1" "${@:3}" >&2
}
expect() { # NAME [IDS]: what sim answers to run.sh's prompt
  [ -e "$out/expected/$1.ids" ] && return
  echo "${2:-1,42,7}" >"$out/expected/$1.prompt"
  "$catena" run "$out/artifacts/$1.catena" --device sim:0 --ids "${2:-1,42,7}" --max-tokens 3 --print-ids \
    --logits-out "$out/expected/$1.npy" >"$out/expected/$1.part" && mv "$out/expected/$1.part" "$out/expected/$1.ids"
}
tale="$root/models/tale/split-fp16"
compile artifacts/tale-w4.catena "$tale" --target "$targets" --wbits 4
expect tale-w4
# The smallest: what compute-sanitizer, thousands of times slower than the card, runs.
compile artifacts/toy.catena "$here/shapes/toy.shape" --target "$targets" --wbits 4
expect toy
# By wgmma, with a prompt that is long enough for it.
case $card in sm_90)
  compile artifacts/toy-wgmma.catena "$here/shapes/toy.shape" --target sm_90a --experimental --wbits 4
  expect toy-wgmma "$(seq -s, 1 70)" ;;
esac
if [ -z "${PACK_TOY:-}" ]; then
  # The toy, too, for the other kinds of storage: tale's weights would make up half of what has to be carried.
  compile artifacts/toy-w8-kv8.catena "$here/shapes/toy.shape" --target "$targets" --wbits 8 --kv-bits 8
  compile artifacts/toy-w16-kv4.catena "$here/shapes/toy.shape" --target "$targets" --wbits 16 --kv-bits 4
  compile artifacts/toy-ptx.catena "$here/shapes/toy.shape" --target sm_75 --wbits 4   # anything newer than Turing has to take its PTX
  for name in toy-w8-kv8 toy-w16-kv4 toy-ptx; do expect "$name"; done
  prefill_rows=2048
  shapes=(llama-7b llama-3-8b)
  contexts=(128 4096)
  batches=1,4,16,64
  kinds=(w4-kv16 w16-kv16 w8-kv16 w4-kv8 w4-kv4)
  [ -z "${PACK_FULL:-}" ] || kinds+=(w8-kv8 w8-kv4 w16-kv8 w16-kv4)
else
  prefill_rows=70
  shapes=(toy)
  contexts=(5 70)
  batches=1,2
  kinds=(w4-kv16 w16-kv8)
fi
# The order in which they are measured: table/order.
: >"$out/table/order"
for kind in "${kinds[@]}"; do
  for shape in "${shapes[@]}"; do
    bits=${kind#w} bits=${bits%-*}
    compile "table/$shape-$kind.catena" "$here/shapes/$shape.shape" --target "$card" --wbits "$bits" --head-bits "$((bits > 8 ? bits : 8))" \
      --kv-bits "${kind#*-kv}" ${PACK_TUNED:+--tuned "$PACK_TUNED"}
    echo "$shape $kind" >>"$out/table/order"
    # Prompts in steps of many rows; by wgmma, too, where the card has it (no GPU has run that before).
    case $card-$kind in
      sm_90-*-kv16)
        compile "table/$shape-$kind.prefill.catena" "$here/shapes/$shape.shape" --target "$card" --wbits "$bits" --step-rows "$prefill_rows" \
          --head-bits "$((bits > 8 ? bits : 8))"
        compile "table/$shape-$kind.prefill-wgmma.catena" "$here/shapes/$shape.shape" --target sm_90a --experimental --wbits "$bits" \
          --step-rows "$prefill_rows" --head-bits "$((bits > 8 ? bits : 8))" ;;
    esac
    # What the model of the kernels predicts for it, to stand beside what is measured.
    if [ ! -e "$out/table/$shape-$kind.predicted" ]; then
      for context in "${contexts[@]}"; do
        "$catena" inspect "$out/table/$shape-$kind.catena" --kernels --context "$context" --batch "$batches" --json | awk -f "$here/predicted.awk"
      done >"$out/table/$shape-$kind.part" || echo "$shape-$kind: no predictions" >&2
      mv "$out/table/$shape-$kind.part" "$out/table/$shape-$kind.predicted"
    fi
  done
done
if [ ! -e "$out/linear.pack" ]; then
  "$catena" tune --make-pack "$out/linear.pack" --target "$card" $([ -z "${PACK_TOY:-}" ] || echo --configurations 3 --rows 1 --wbits 4 --ptx) \
    $(printf "$here/shapes/%s.shape " "${shapes[@]}") >&2
fi
tar czf "$out.tar.gz.part" -C "$(dirname -- "$out")" --exclude results -- "$(basename -- "$out")" && mv "$out.tar.gz.part" "$out.tar.gz"
echo "$out.tar.gz: $(du -h "$out.tar.gz" | cut -f1) ($(du -sh "$out" | cut -f1) unpacked); copy it to the machine with the GPU, unpack it and run ./run.sh there" >&2
