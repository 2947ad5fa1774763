# Reads two columns, expected and measured logits; says how far apart they are, relative to the largest, and fails where that is
# more than `tolerance` or a value isn't one.
$1 !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ || $2 !~ /^-?[0-9.]+(e[-+]?[0-9]+)?$/ { bad++ }
{ a = $1 < 0 ? -$1 : $1; d = $1 - $2; if (d < 0) d = -d; if (a > largest) largest = a; if (d > apart) apart = d; count++ }
END {
  if (count == 0 || bad || largest == 0) { print "no logits, or some that are none"; exit 1 }
  printf "%d logits, at most %.2e of the largest apart\n", count, apart / largest
  exit apart / largest > tolerance
}
