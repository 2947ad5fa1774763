# From `catena inspect --kernels --json` to lines "CARD BATCH CONTEXT SECONDS" of predicted decode steps; blanks in a card's name are _.
function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); gsub(/"/, "", line); return line }
/"predictions" :/ { inside = 1 }
inside && /^      "context" :/ { context = value($0) }
inside && /"card" :/ { card = value($0); gsub(/ /, "_", card) }
inside && /"step" :/ { step = value($0) }
inside && /"predicted_tokens_per_s" :/ && step ~ /^decode / {
  batch = step
  sub(/^decode /, "", batch)
  print card, batch, context, batch / value($0)
}
inside && /^  \]/ { inside = 0 }
