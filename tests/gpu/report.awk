# The tables of gpu-performance.md. Reads, in this order: predicted steps ("predicted SHAPE KIND BATCH CONTEXT SECONDS") and launches
# ("predicted SHAPE KIND BATCH CONTEXT KERNEL TIMES SECONDS LIMIT"), the peer's cells ("peer SHAPE BITS BATCH CONTEXT SECONDS") and prompts
# ("peerprefill SHAPE BITS TOKENS" a second), ours (cells.awk's, after "cell") and our prompts ("prompt SHAPE KIND TOKENS" a second). A kind whose
# name ends with -untried was compiled with --experimental, and stands beside the one without.
$1 == "predicted" && NF > 6 { launch[$2, $3, $4, $5, $6] = $8; limit[$2, $3, $4, $5, $6] = $9; next }
$1 == "predicted" { predicted[$2, $3, $4, $5] = $6; next }
$1 == "peer" { peer[$2, $3, $4, $5] = $6; next }
$1 == "peerprefill" { peerprefill[$2, $3] = $4; next }
$1 == "prompt" {
  if ($3 !~ /-untried$/) order[++prompts] = $2 SUBSEP $3
  prompt[$2, $3] = $4
  next
}
$1 == "cell" && $6 == "launch" {
  key = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5 SUBSEP $7
  alone[$2, $3, $4, $5] += $8 * $9
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
  step[$2, $3, $4, $5] = ours
  if ($3 ~ /-untried$/) untried[++tried] = $2 SUBSEP $3 SUBSEP $4 SUBSEP $5
  guess = ($2, $3, $4, $5) in predicted ? sprintf("%.3f", predicted[$2, $3, $4, $5] * 1e3) : "–"
  print start sprintf("%.1f | %.3f | %.1f %% | %s | %s | %s |", $7, ours * 1e3, $9 * 100, guess, ratio(16), ratio(4))
}
function ratio(bits) { return ($2, bits, $4, $5) in peer ? sprintf("%.2f", peer[$2, bits, $4, $5] / ours) : "–" }
function milliseconds(table, key) { return key in table ? sprintf("%.3f", table[key] * 1e3) : "–" }
function times(a, b) { return b > 0 ? sprintf("%.2f", a / b) : "–" }
END {
  if (!head) print "No cell was measured."
  if (tried) {
    print "\n## What no GPU had run before\n"
    print "`--experimental` beside the default: launches that overlap, weights of a few rows by bulk copies. What overlapping brings is what a step"
    print "takes less than its kernels one by one; what bulk copies bring is between the kernels of both.\n"
    print "| model | weights, cache | batch | context | ms a step | its kernels one by one | default's step | its kernels | × default |"
    print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= tried; i++) {
      split(untried[i], of, SUBSEP)
      sub(/-untried$/, "", of[2])
      default_key = of[1] SUBSEP of[2] SUBSEP of[3] SUBSEP of[4]
      print "| " of[1] " | " of[2] " | " of[3] " | " of[4] " | " milliseconds(step, untried[i]) " | " milliseconds(alone, untried[i]) " | " \
        milliseconds(step, default_key) " | " milliseconds(alone, default_key) " | " times(step[default_key], step[untried[i]]) " |"
    }
  }
  if (prompts) {
    print "\n## Prompts\n"
    print "Of 2048 tokens, in steps of as many rows, tokens a second. By wgmma: `--target sm_90a --experimental`.\n"
    print "| model | weights, cache | tokens/s | by wgmma | × without | × PyTorch f16 |"
    print "| --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= prompts; i++) {
      split(order[i], of, SUBSEP)
      plain = prompt[of[1], of[2]]
      by_wgmma = prompt[of[1], of[2] "-untried"] + 0
      print "| " of[1] " | " of[2] " | " sprintf("%.0f", plain) " | " (by_wgmma ? sprintf("%.0f", by_wgmma) : "not measured") " | " \
        (by_wgmma ? times(by_wgmma, plain) : "–") " | " times(by_wgmma > plain ? by_wgmma : plain, peerprefill[of[1], 16]) " |"
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
