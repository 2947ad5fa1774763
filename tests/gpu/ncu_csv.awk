# Reads ncu's CSV in both of its forms, a column for each metric with the units in a line below the names (--page raw) and a line for each
# metric, and calls metric(KERNEL, NAME, VALUE, UNIT) for each value that is a number. Other lines are the program's own.
function fields(line) {
  sub(/\r$/, "", line)
  gsub(/^"|"$/, "", line)
  return split(line, field, "\",\"")
}
function given(name, value, unit, kernel) {
  gsub(/,/, "", value)
  if (value !~ /^[0-9]/) return      # such as n/a
  kernel = field[at["Kernel Name"]]
  sub(/\(.*/, "", kernel)
  metric(kernel, name, value + 0, unit)
}
function seconds(value, unit) {
  if (unit ~ /^n/) return value / 1e9
  if (unit ~ /^(u|micro)/) return value / 1e6
  if (unit ~ /^(m|milli)/) return value / 1e3
  return value
}
/^"ID"/ {
  split("", at)
  columns = fields($0)
  for (i = 1; i <= columns; i++) {
    title[i] = field[i]
    at[field[i]] = i
  }
  next
}
/^"",/ { columns = fields($0); for (i = 1; i <= columns; i++) unit_of[i] = field[i]; next }
/^"[0-9]+",/ && "Kernel Name" in at {
  columns = fields($0)
  if ("Metric Name" in at) given(field[at["Metric Name"]], field[at["Metric Value"]], field[at["Metric Unit"]])
  else for (i = 1; i <= columns; i++) if (title[i] ~ /__/) given(title[i], field[i], unit_of[i])
}
