#!/usr/bin/env bash
# lent.sh [STEP...]: run.sh on a machine with a GPU that is lent by the command, to which only the repository goes and from which only the
# folder $OUT comes back (docs/gpu-performance.md). Wants pack.sh's archive as .gpu/catena-gpu.tar.xz, and, where that machine may have forgotten
# them, the results of the call before as .gpu/results.tar.gz. Ends as run.sh does: with status 75 while something is left.
#   LENT_SECONDS   of the call (540)    LENT_HOME   where it is unpacked (/tmp)
set -uo pipefail
: "${OUT:?no folder for what is to come back}"
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
home=${LENT_HOME:-/tmp}
# The table before the tuning: it is of kernels as they are untuned, and time may end before all is done.
[ $# -gt 0 ] || set -- a b d e f c
if [ ! -e "$home/catena-gpu/unpacked" ]; then
  tar xf "$root/.gpu/catena-gpu.tar.xz" -C "$home" || python3 -m tarfile -e "$root/.gpu/catena-gpu.tar.xz" "$home" || exit 2
  [ ! -e "$root/.gpu/results.tar.gz" ] || tar xzf "$root/.gpu/results.tar.gz" -C "$home/catena-gpu" || exit 2
  touch "$home/catena-gpu/unpacked"
fi
RUN_CALL_SECONDS=$((${LENT_SECONDS:-540} - SECONDS)) "$home/catena-gpu/run.sh" "$@"
status=$?
tar czf "$OUT/results.tar.gz" -C "$home/catena-gpu" --exclude results/cache results
cp "$home/catena-gpu/results/gpu-performance.md" "$OUT/" 2>/dev/null
exit $status
