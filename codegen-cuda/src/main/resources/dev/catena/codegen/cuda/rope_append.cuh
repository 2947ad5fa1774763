/* Rotates q and k by the rows' positions, writes k and v to the cache; a warp has one head of one row. Pairs are an
   element and the one ROTARY / 2 behind it, or neighbours where interleaved; from ROTARY on a head passes through. */
struct FloatPositions {
  static float value(const uint8 *table, int64 index) { return ((const float *)table)[index]; }
};

struct HalfPositions {
  static float value(const uint8 *table, int64 index) { return float_of_half(((const uint16 *)table)[index]); }
};

template <class TABLE, int ROTARY, bool INTERLEAVED, int DIM, int COUNT>
void load_rotated(const float *x, const uint8 *cos, const uint8 *sin, int64 table_row, float (&to)[COUNT]) {
#pragma unroll
  for (int i = 0; i < COUNT; i++) {
    const int d = lane_id() + 32 * i;
    to[i] = 0;
    if (d >= DIM) break;
    to[i] = x[d];
    if (d < ROTARY) {
      constexpr int APART = INTERLEAVED ? 1 : ROTARY / 2;
      const float partner = (INTERLEAVED ? d % 2 == 0 : d < ROTARY / 2) ? -x[d + APART] : x[d - APART];
      const int64 at = table_row * ROTARY + d;
      to[i] = to[i] * TABLE::value(cos, at) + partner * TABLE::value(sin, at);
    }
  }
}

template <class PAGES, class TABLE, int HEADS, int KV_HEADS, int DIM, int ROTARY, bool INTERLEAVED, int TABLE_ROWS, int Q_STRIDE,
          int K_STRIDE, int V_STRIDE, int Y_STRIDE, int WARPS>
void rope_append(const int *step, const int *positions, const int *row_sequence, const int *page_table, const float *q,
                 const float *k, const float *v, const uint8 *cos, const uint8 *sin, uint8 *kv, float *y) {
  constexpr int COUNT = divide_up(DIM, 32);
  const int64 r = blockIdx.x;
  const int head = blockIdx.y * WARPS + warp_id();
  if (r >= step[STEP_ROWS] || head >= HEADS + 2 * KV_HEADS) return;
  const int position = positions[r];
  const int64 table_row = least(position, TABLE_ROWS - 1);
  float x[COUNT];
  if (head < HEADS) {
    load_rotated<TABLE, ROTARY, INTERLEAVED, DIM>(q + r * Q_STRIDE + head * DIM, cos, sin, table_row, x);
    __syncwarp(); /* y may be q: all of the head is read before any of it is written */
#pragma unroll
    for (int i = 0; i < COUNT; i++)
      if (lane_id() + 32 * i < DIM) y[r * Y_STRIDE + head * DIM + lane_id() + 32 * i] = x[i];
    return;
  }
  const int kv_head = (head - HEADS) % KV_HEADS, slot = position % PAGE;
  uint8 *cached = kv + PAGES::head_offset(step, page_table, row_sequence[r], position, kv_head);
  if (head < HEADS + KV_HEADS) {
    load_rotated<TABLE, ROTARY, INTERLEAVED, DIM>(k + r * K_STRIDE + kv_head * DIM, cos, sin, table_row, x);
    kv_store<typename PAGES::Key, DIM>(cached, cached + PAGES::K_PAIRS, slot, x);
  } else {
    load_rotated<TABLE, 0, false, DIM>(v + r * V_STRIDE + kv_head * DIM, cos, sin, table_row, x);
    kv_store<typename PAGES::Value, DIM>(cached + PAGES::V_CODES, cached + PAGES::V_PAIRS, slot, x);
  }
}
