# From `catena bench --decode --json` to a line for each cell: shape, kind, batch, context, then either seconds a step, tokens a
# second, bytes a step and the share of bandwidth, or "-" and why it wasn't measured. Set `name` to "SHAPE KIND".
function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); return line }
/"batch" :/ { batch = value($0) }
/"context" :/ { context = value($0) }
/"step_s" :/ { step = value($0) }
/"tokens_per_s" :/ { tokens = value($0) }
/"bytes_per_step" :/ { bytes = value($0) }
/"share_of_bandwidth" :/ { print name, batch, context, step, tokens, bytes, value($0) }
/"not_measured" :/ { why = value($0); gsub(/^"|"$/, "", why); print name, batch, context, "-", why }
