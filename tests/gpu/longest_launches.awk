# From cells.awk's lines of kernels: the three that take longest in a step, "NAME TOTAL COUNT" each; of the first cell that is there.
$5 == "launch" {
  if (!cell) cell = $3 " " $4
  if (cell == $3 " " $4) { total[$6] += $7 * $8; count[$6] += $7 }
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
