# Behind ncu_csv.awk: how long each kernel takes in all, in seconds, and how many launches it has: `total` and `count`, for longest.awk.
function metric(kernel, name, value, unit) {
  if (name != "gpu__time_duration.sum") return
  total[kernel] += seconds(value, unit)
  count[kernel]++
}
