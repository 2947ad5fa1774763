# Prompts: "SHAPE KIND prefill|prefill-wgmma TOKENS", and "peerprefill SHAPE BITS TOKENS" a second.
# The tables of gpu-performance.md. Reads, in this order: predicted steps ("predicted SHAPE KIND BATCH CONTEXT SECONDS") and launches
# ("predicted SHAPE KIND BATCH CONTEXT KERNEL TIMES SECONDS LIMIT"), the peer's cells ("peer SHAPE BITS BATCH CONTEXT SECONDS"), ours
# (cells.awk's, after "cell").
$1 == "predicted" && NF > 6 { launch[$2, $3, $4, $5, $6] = $8; limit[$2, $3, $4, $5, $6] = $9; next }
$1 == "predicted" { predicted[$2, $3, $4, $5] = $6; next }
$1 == "peer" { peer[$2, $3, $4, $5] = $6; next }
$1 == "peerprefill" { peerprefill[$2, $3] = $4; next }
$3 == "prefill" || $3 == "prefill-wgmma" {
  if ($3 == "prefill") order[++prompts] = $1 SUBSEP $2
  prompt[$1, $2, $3] = $4
  next
}
$1 == "cell" && $6 == "launch" {
  key = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5 SUBSEP $7
  line = "| " $2 " " $3 " " $4 " × " $5 " | " $7 " | " $8 " | " sprintf("%.2f", $9 * 1e6) " | "
  if (key in launch) {
    off = launch[key] / $9 - 1
    judged++
    if (off > 0.2 || off < -0.2) missed++
    line = line sprintf("%.2f | %+.0f %% | %s |", launch[key] * 1e6, off * 100, limit[key])
  } else {
    line = line "– | – | – |"
  }
  lines[++launches] = line
  next
}
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
END {
  if (!head) print "No cell was measured."
  if (prompts) {
    print "\n## Prompts\n"
    print "Of 2048 tokens, in steps of as many rows, tokens a second. By wgmma: `--target sm_90a --experimental`.\n"
    print "| model | weights, cache | tokens/s | by wgmma | × without | × PyTorch f16 |"
    print "| --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= prompts; i++) {
      split(order[i], of, SUBSEP)
      best = prompt[of[1], of[2], "prefill"]
      if ((of[1], of[2], "prefill-wgmma") in prompt && prompt[of[1], of[2], "prefill-wgmma"] > best) best = prompt[of[1], of[2], "prefill-wgmma"]
      print "| " of[1] " | " of[2] " | " sprintf("%.0f", prompt[of[1], of[2], "prefill"]) " | " \
        ((of[1], of[2], "prefill-wgmma") in prompt ? sprintf("%.0f | %.2f", prompt[of[1], of[2], "prefill-wgmma"], \
          prompt[of[1], of[2], "prefill-wgmma"] / prompt[of[1], of[2], "prefill"]) : "not measured | –") " | " \
        ((of[1], 16) in peerprefill ? sprintf("%.2f", best / peerprefill[of[1], 16]) : "–") " |"
    }
  }
  if (launches) {
    print "\n## Kernels, prediction beside measurement\n"
    print "Each kernel by itself in a graph, for all layers in turn. " (judged ? missed + 0 " of " judged " are missed by more than 20 %: bugs of the model." : "None was predicted.")
    print "\n| model, batch × context | kernel | times a step | µs | predicted µs | prediction off by | predicted limit |"
    print "| --- | --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= launches; i++) print lines[i]
  }
}
