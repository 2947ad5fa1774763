# From ncu's raw CSV with gpu__time_duration.sum: the three kernels that take longest in all, "NAME TOTAL COUNT" each.
/^"ID"/ {
  n = split($0, header, "\",\"")
  for (i = 1; i <= n; i++) {
    gsub(/"/, "", header[i])
    if (header[i] == "Kernel Name") name_at = i
    if (header[i] == "gpu__time_duration.sum") time_at = i
  }
  next
}
name_at && time_at && /^"[0-9]+"/ {
  split($0, value, "\",\"")
  gsub(/[",]/, "", value[time_at])
  sub(/\(.*/, "", value[name_at])
  total[value[name_at]] += value[time_at]
  count[value[name_at]]++
}
END {
  for (rank = 1; rank <= 3; rank++) {
    best = ""
    for (k in total) if (!(k in taken) && (best == "" || total[k] > total[best])) best = k
    if (best == "") break
    taken[best] = 1
    print best, total[best], count[best]
  }
}
