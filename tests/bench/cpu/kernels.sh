#!/usr/bin/env bash
# Single kernels and decoders of the 1b shape, or of SHAPE ("dim ffn layers heads kv_heads"): microseconds, ns per 64-byte line of weights,
# GFLOP/s, and the share of the read bandwidth; with AMX that of what tiles alone multiply, too. kernels.sh TARGET THREADS READ_GB_PER_S
# [FILTER [SHAPE]], such as: kernels.sh cpu:icelake-server 2 30 "rows 1 INT8", or kernels.sh cpu 1 15 decoders "768 2048 12 12 12"
set -euo pipefail
repo=$(cd "$(dirname "$0")/../../.." && pwd)
[ -d "$repo/codegen-cpu/target/test-classes" ] || (cd "$repo" && mvn -q -pl codegen-cpu -am test-compile >&2)
"$repo/catena" --version >&2
jars=$(printf '%s:' "$repo"/tools/target/catena/lib/*.jar)
exec java -cp "$repo/codegen-cpu/target/classes:$repo/codegen-cpu/target/test-classes:$jars" \
  dev.catena.codegen.cpu.KernelBench "$@"
