# The three kernels that take longest, "NAME TOTAL COUNT" each. Behind ncu_launches.awk or cell_launches.awk, which read `total` and `count`.
END {
  for (rank = 1; rank <= 3; rank++) {
    best = ""
    for (k in total) if (!(k in taken) && (best == "" || total[k] > total[best])) best = k
    if (best == "") break
    taken[best] = 1
    print best, total[best], count[best]
  }
}
