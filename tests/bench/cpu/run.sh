#!/usr/bin/env bash
# Catena beside llama.cpp on this machine's CPU: makes the model for both, gets the peer from npm, measures both in turn, prints
# its tables and writes the measured part of docs/cpu-performance.md. What it makes is kept in $CATENA_BENCH_CACHE (default
# ~/.cache/catena-bench): 18 GB, and 4 more while compiling is timed.
#   run.sh [--prepare] [--force] [--quick] [--only WORD] [--shape "DIM FFN LAYERS HEADS KV_HEADS VOCAB"]
# --shape takes a model of another shape, such as "768 2048 12 12 12 32000", and writes no page. --prepare stops before measuring. It
# refuses to measure when other processes use the CPU; --force measures all the same and says how busy the machine was. --only measures
# the groups of compare.py whose name contains the word, and writes no page.
# CATENA_SHARED (default ../shared beside the repository) holds the makers of models, of which that of ONNX needs Debian's
# python3-torch and python3-onnx, that of GGUF numpy; CATENA_BENCH_ONNX names a folder with the model's pieces that exists already.
# On a CPU with AMX there are rows with and without it; CATENA_BENCH_AMX=1 asks for them elsewhere.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../../.." && pwd)
shared=${CATENA_SHARED:-$repo/../shared}
cache=${CATENA_BENCH_CACHE:-$HOME/.cache/catena-bench}
peer_version=3.22.1
fail() { echo "run.sh: $1" >&2; exit 2; }
for tool in npm git cc java javac python3; do command -v $tool >/dev/null || fail "needs $tool"; done
mkdir -p "$cache/models" "$cache/classes" "$cache/peer"
cache=$(cd "$cache" && pwd)
prepare_only=
shape=
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --prepare) prepare_only=1 ;;
    --shape)
      shape=${2-}
      [[ $shape =~ ^[0-9]+( [0-9]+){5}$ ]] || fail '--shape wants six numbers: "DIM FFN LAYERS HEADS KV_HEADS VOCAB"'
      shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

# The peer: prebuilt libraries, and the headers from the sources that the package bundles.
modules=$cache/peer/node_modules
libraries=$modules/@node-llama-cpp/linux-x64/bins/linux-x64
[ -e "$libraries/llama-addon.node" ] || (cd "$cache/peer" && npm install --no-audit --no-fund --ignore-scripts node-llama-cpp@$peer_version >&2)
[ -e "$cache/peer/source/include/llama.h" ] || git -c advice.detachedHead=false clone -q "$modules/node-llama-cpp/llama/gitRelease.bundle" "$cache/peer/source"
if [ "$here/peer.c" -nt "$cache/peer/measure" ]; then
  cc -O2 -o "$cache/peer/measure" "$here/peer.c" -I"$cache/peer/source/include" -I"$cache/peer/source/ggml/include" \
    "$libraries"/libllama.v*.so "$libraries"/libggml.v*.so "$libraries/libggml-base.so" \
    -Wl,-rpath,"$libraries" -Wl,--allow-shlib-undefined
fi

# The model: the same shape for both, weights drawn at random. Each shape keeps what it is made of in a folder of its own.
preset=1b
gguf_shape="--preset tinyllama1.1B"
page=(--doc "$repo/docs/cpu-performance.md")
if [ -n "$shape" ]; then
  preset=shape
  read -r dim ffn layers heads kv_heads vocab <<<"$shape"
  gguf_shape="--dim $dim --ffn $ffn --layers $layers --heads $heads --kv-heads $kv_heads --vocab $vocab --ctx 2048"
  page=()
  mkdir -p "$cache/shapes/${shape// /-}/models"
  ln -sfn "$cache/peer" "$cache/classes" "$cache/shapes/${shape// /-}/"
  cache=$cache/shapes/${shape// /-}
fi
make_onnx() { # folder
  /usr/bin/python3 - "$shared/fixtures" "$1" "$preset" $shape <<'PY' >&2
import sys
folder, out, preset, *shape = sys.argv[1:]
sys.path.insert(0, folder)
import make_llama_onnx as maker
if shape:
    maker.PRESETS[preset] = dict(zip(("dim", "ffn", "layers", "heads", "kv_heads", "vocab"), map(int, shape)), max_seq=2048)
sys.argv = ["make_llama_onnx.py", "--preset", preset, "--layouts", "split-fp16", "--out", out]
maker.main()
PY
}
onnx=${CATENA_BENCH_ONNX:-$cache/models/$preset/split-fp16}
[ -z "${CATENA_BENCH_ONNX-}" ] || [ -e "$onnx" ] || fail "CATENA_BENCH_ONNX: there is no $onnx"
if [ ! -e "$onnx" ]; then
  [ -e "$shared/fixtures/make_llama_onnx.py" ] || fail "no $shared/fixtures/make_llama_onnx.py; set CATENA_SHARED or CATENA_BENCH_ONNX"
  /usr/bin/python3 -c "import torch, onnx" || fail "/usr/bin/python3 needs torch and onnx (Debian: python3-torch, python3-onnx), or set CATENA_BENCH_ONNX"
  rm -rf "$cache/models/$preset.part" "$cache/models/$preset"   # of a run that was interrupted
  make_onnx "$cache/models/$preset.part"
  mv "$cache/models/$preset.part" "$cache/models/$preset"
fi
if [ ! -e "$cache/models/f16.gguf" ]; then
  [ -e "$shared/peers/make_gguf.py" ] || fail "no $shared/peers/make_gguf.py; set CATENA_SHARED"
  python3 -c "import numpy" || fail "python3 needs numpy"
  python3 "$shared/peers/make_gguf.py" "$cache/models/f16.part" $gguf_shape >&2
  mv "$cache/models/f16.part" "$cache/models/f16.gguf"
fi
for type in q4_0 q8_0; do
  [ -e "$cache/models/$type.gguf" ] && continue
  PEER_BACKENDS=$libraries "$cache/peer/measure" quantize "$cache/models/f16.gguf" "$cache/models/$type.part" $type q8_0 "$(nproc)" >&2
  mv "$cache/models/$type.part" "$cache/models/$type.gguf"
done

"$repo/catena" --version >&2
artifact() { # name, options…
  local file=$cache/models/$1.catena
  shift
  [ "$file" -nt "$repo/tools/target/catena/.complete" ] || "$repo/catena" compile "$onnx" -o "$file" --scales range "$@" >&2
}
artifact w4 --wbits 4
artifact w4-f32 --wbits 4 --activations f32
artifact w4-int8 --wbits 4 --activations int8
artifact w4-int8-v3 --wbits 4 --activations int8 --target cpu:x86-64-v3
artifact w4-int8-kv8 --wbits 4 --activations int8 --kv-bits 8
artifact w8 --wbits 8
artifact w8-f32 --wbits 8 --activations f32
artifact w8-int8 --wbits 8 --activations int8
artifact w16-f32 --wbits 16
artifact w16-bf16 --wbits 16 --activations bf16
# With AMX, what the peer has without it is met by code without it.
if [ -n "${CATENA_BENCH_AMX-}" ] || grep -qm1 amx_int8 /proc/cpuinfo; then
  artifact w4-int8-icelake --wbits 4 --activations int8 --target cpu:icelake-server
fi
javac -nowarn -d "$cache/classes" -cp "$(printf '%s:' "$repo"/tools/target/catena/lib/*.jar)" "$here/CatenaSide.java"
[ -z "$prepare_only" ] || exit 0
exec python3 "$here/compare.py" --cache "$cache" --repo "$repo" --onnx "$onnx" --gguf "$shared/peers/make_gguf.py" \
  --gguf-shape "$gguf_shape" "${page[@]}" "${arguments[@]}"
