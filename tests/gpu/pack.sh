#!/usr/bin/env bash
# pack.sh OUT: makes the folder that run.sh needs on a machine with a GPU, on one that has none: a Java runtime image, our
# jars, artifacts with machine code for every architecture (PACK_TARGETS names fewer), and what the simulator answers. PACK_FAST=1
# leaves out all but
# one artifact.
set -euo pipefail
out=$(readlink -m -- "${1:?usage: pack.sh OUT}")
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
catena="$root/catena"
targets=${PACK_TARGETS:-sm_75,sm_80,sm_86,sm_89,sm_90,sm_100,sm_120}

"$catena" --version >/dev/null
mkdir -p "$out/artifacts" "$out/expected"
rm -rf "$out/java"
jlink --add-modules java.base,java.logging,java.desktop,java.management,java.naming,java.net.http,java.sql,java.xml,jdk.httpserver,jdk.unsupported \
  --strip-debug --no-header-files --no-man-pages --output "$out/java"
rm -rf "$out/lib"
cp -r "$root/tools/target/catena/lib" "$out/lib"
# What only compiling needs: NVRTC and clang.
rm -f "$out"/lib/cuda-* "$out"/lib/llvm-*
cp "$here/run.sh" "$here/compare_logits.awk" "$here/peer_torch.py" "$out/"

compile() { # NAME OPTION...
  [ -e "$out/artifacts/$1.catena" ] || "$catena" compile "$root/models/tale/split-fp16" -o "$out/artifacts/$1.catena" "${@:2}"
}
expect() { # NAME: what sim answers to run.sh's prompt
  [ -e "$out/expected/$1.npy" ] ||
    "$catena" run "$out/artifacts/$1.catena" --device sim:0 --ids 1,42,7 --max-tokens 3 --print-ids \
      --logits-out "$out/expected/$1.npy" >"$out/expected/$1.ids"
}
compile tale-w4 --target "$targets" --wbits 4
expect tale-w4
if [ -z "${PACK_FAST:-}" ]; then
  compile tale-w8-kv8 --target "$targets" --wbits 8 --kv-bits 8
  compile tale-w16-kv4 --target "$targets" --wbits 16 --kv-bits 4
  compile tale-ptx --target sm_75 --wbits 4   # anything newer than Turing has to take its PTX
  for name in tale-w8-kv8 tale-w16-kv4 tale-ptx; do expect "$name"; done
fi
echo "$out: $(du -sh "$out" | cut -f1); copy it to the machine with the GPU and run ./run.sh there" >&2
