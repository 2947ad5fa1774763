# From `catena bench --decode --launches --json` to a line for each cell: shape, kind, batch, context, then either seconds a step, tokens a
# second, bytes a step and the share of bandwidth, or "-" and why it wasn't measured; and, behind a cell's, a line for each of its
# kernels: shape, kind, batch, context, "launch", kernel, times a step, seconds a launch. Set `name` to "SHAPE KIND".
function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); return line }
function text(line) { line = value(line); gsub(/^"|"$/, "", line); return line }
/"batch" :/ { batch = value($0) }
/"context" :/ { context = value($0) }
/"step_s" :/ { step = value($0) }
/"tokens_per_s" :/ { tokens = value($0) }
/"bytes_per_step" :/ { bytes = value($0) }
/"share_of_bandwidth" :/ { print name, batch, context, step, tokens, bytes, value($0) }
/"not_measured" :/ { print name, batch, context, "-", text($0) }
/"kernel" :/ { kernel = text($0) }
/"times" :/ { times = value($0) }
/"launch_s" :/ { print name, batch, context, "launch", kernel, times, value($0) }
