# From peer_torch.py's lines of JSON to "peer SHAPE BITS BATCH CONTEXT SECONDS" for each decode cell, and "peerprefill
# SHAPE BITS TOKENS" a second; set `shape`.
function value(key, at) {
  if (!match($0, "\"" key "\": *[-0-9.eE+]+")) return ""
  at = substr($0, RSTART, RLENGTH)
  sub(/^[^:]*: */, "", at)
  return at
}
/"tokens_s"/ && /"prefill"/ { print "peerprefill", shape, value("bits"), value("tokens_s") }
/"tokens_s"/ && !/"prefill"/ { print "peer", shape, value("bits"), value("batch"), value("context"), value("ms") / 1e3 }
