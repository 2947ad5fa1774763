# From `catena inspect --kernels --json` to lines "BATCH CONTEXT SECONDS" of predicted decode steps; none where inspect predicts none.
function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); return line }
/"predicted_steps" :/ { inside = 1 }
inside && /"batch" :/ { batch = value($0) }
inside && /"context" :/ { context = value($0) }
inside && /"seconds" :/ { print batch, context, value($0) }
inside && /^  \]/ { inside = 0 }
