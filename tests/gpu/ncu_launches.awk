# From ncu's raw CSV with gpu__time_duration.sum: how long each kernel takes in all, and how many launches it has: `total` and `count`,
# for longest.awk.
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
