# From cells.awk's lines of a model: how long each kernel takes in a step of the first cell that is there, and how many launches it has: `total`
# and `count`, for longest.awk.
$5 == "launch" {
  if (!cell) cell = $3 " " $4
  if (cell == $3 " " $4) { total[$6] += $7 * $8; count[$6] += $7 }
}
