# Behind ncu_csv.awk: what limits each kernel, as ncu's full set of metrics has it: shares of what the card can do, means over its launches.
function metric(kernel, name, value, unit) {
  if (!(kernel in seen)) {
    seen[kernel] = 1
    order[++kernels] = kernel
  }
  if (name == "gpu__time_duration.sum") value = seconds(value, unit)
  sum[kernel, name] += value
  count[kernel, name]++
  if (name ~ /issue_stalled_.*_per_issue_active[.]ratio$/ && name !~ /stalled_selected_|_not_issued_/) stall[name] = 1
}
function mean(kernel, name) { return (kernel, name) in count ? sum[kernel, name] / count[kernel, name] : -1 }
function share(kernel, name, other) {
  if (!((kernel, name) in count)) name = other
  return (kernel, name) in count ? sprintf("%.0f %%", mean(kernel, name)) : "–"
}
function waits(kernel, rank, name, best, text, taken) {      # the three that warps wait for longest, in clocks an instruction
  for (rank = 1; rank <= 3; rank++) {
    best = ""
    for (name in stall) if (!(name in taken) && mean(kernel, name) > 0 && (best == "" || mean(kernel, name) > mean(kernel, best))) best = name
    if (best == "") break
    taken[best] = 1
    name = best
    sub(/.*issue_stalled_/, "", name)
    sub(/_per_issue_active.*/, "", name)
    text = text (text == "" ? "" : ", ") name " " sprintf("%.1f", mean(kernel, best))
  }
  return text == "" ? "–" : text
}
END {
  if (!kernels) exit
  peak = ".avg.pct_of_peak_sustained_elapsed"
  active = ".avg.pct_of_peak_sustained_active"
  print "| kernel | launches | µs | registers | memory | level 2 | level 1, shared | multiprocessors | warps | they wait for (clocks an instruction) |"
  print "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  for (i = 1; i <= kernels; i++) {
    kernel = order[i]
    print "| " kernel " | " count[kernel, "gpu__time_duration.sum"] + 0 " | " sprintf("%.2f", mean(kernel, "gpu__time_duration.sum") * 1e6) " | " \
      mean(kernel, "launch__registers_per_thread") " | " share(kernel, "gpu__dram_throughput" peak, "dram__throughput" peak) " | " \
      share(kernel, "lts__throughput" peak) " | " share(kernel, "l1tex__throughput" active, "l1tex__throughput" peak) " | " \
      share(kernel, "sm__throughput" peak) " | " share(kernel, "sm__warps_active" active) " | " waits(kernel) " |"
  }
}
