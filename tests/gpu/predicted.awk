# From `catena inspect --kernels --json` to lines of predicted decode steps, "CARD BATCH CONTEXT SECONDS", and of their launches, "CARD
# BATCH CONTEXT KERNEL TIMES SECONDS LIMIT"; blanks in a card's name are _.
function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); gsub(/"/, "", line); return line }
/"predictions" :/ { inside = 1 }
inside && /^      "context" :/ { context = value($0) }
inside && /"card" :/ { card = value($0); gsub(/ /, "_", card) }
inside && /"step" :/ { step = value($0); batch = step; sub(/^decode /, "", batch) }
inside && step ~ /^decode / {
  if (/"predicted_tokens_per_s" :/) print card, batch, context, batch / value($0)
  if (/"kernel" :/) kernel = value($0)
  if (/"times" :/) times = value($0)
  if (/"predicted_s" :/) seconds = value($0)
  if (/"limit" :/) print card, batch, context, kernel, times, seconds, value($0)
}
inside && /^  \]/ { inside = 0 }
