# Sourced by benches that keep what they made: OUT_DIR [--kept] [--doc] [NAME…] become $out, $kept, $doc and ${names[@]}.
out=${1:?usage: run.sh OUT_DIR [--kept] [--doc] [NAME…]}
shift
kept= doc=
names=()
for argument in "$@"; do
  case $argument in
    --kept) kept=1 ;;
    --doc) doc=1 ;;
    *) names+=("$argument") ;;
  esac
done
