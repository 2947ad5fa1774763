# The table of gpu-performance.md. Reads, in this order: predicted steps ("predicted SHAPE KIND BATCH CONTEXT SECONDS"), the peer's
# cells ("peer SHAPE BITS BATCH CONTEXT SECONDS"), ours (cells.awk's, after "cell").
$1 == "predicted" { predicted[$2, $3, $4, $5] = $6; next }
$1 == "peer" { peer[$2, $3, $4, $5] = $6; next }
$1 == "cell" {
  if (!head++) {
    print "| model | weights, cache | batch | context | tokens/s | ms a step | of read bandwidth | predicted ms | × PyTorch f16 | × PyTorch W4 |"
    print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  }
  start = "| " $2 " | " $3 " | " $4 " | " $5 " | "
  if ($6 == "-") {
    why = $0
    for (i = 1; i <= 6; i++) sub(/^[^ ]+ /, "", why)
    print start "not measured: " why " | | | | | |"
    next
  }
  ours = $6
  guess = ($2, $3, $4, $5) in predicted ? sprintf("%.3f", predicted[$2, $3, $4, $5] * 1e3) : "–"
  print start sprintf("%.1f | %.3f | %.1f %% | %s | %s | %s |", $7, ours * 1e3, $9 * 100, guess, ratio(16), ratio(4))
}
function ratio(bits) { return ($2, bits, $4, $5) in peer ? sprintf("%.2f", peer[$2, bits, $4, $5] / ours) : "–" }
END { if (!head) print "No cell was measured." }
