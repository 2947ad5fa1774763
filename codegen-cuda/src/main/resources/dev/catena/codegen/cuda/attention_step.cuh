/* RoPE, the cache's new positions and attention in one kernel, for steps of few rows. A block has a row, a chunk of the queries of a
   KV head, and one split of the row's positions. It rotates its queries; the keys and values that this step adds to the row's
   sequence it makes itself, in the cache's form, and uses them from shared memory: no block waits for another. The one that has
   the row's own position writes it to its page. The last block of a row and KV head to arrive joins the splits, in order. */
/* blockIdx.x: the row; blockIdx.y: KV head and chunk of its queries; blockIdx.z: the split, of those that the row sees. `counters`, one for
   each block of x and y, are zero before and after. */
template <class SHAPE, class TILES, class TABLE, int GROUP, int QUERIES, int ROTARY, bool INTERLEAVED, int TABLE_ROWS, int Q_STRIDE,
          int K_STRIDE, int V_STRIDE, int Y_STRIDE>
void attention_step(const int *step, const int *positions, const int *row_sequence, const int *page_table, const float *q,
                    const float *k, const float *v, const uint8 *cos, const uint8 *sin, float scale, float cap, const float *slopes,
                    const float *sinks, uint8 *kv, float *parts_of_all, uint32 *counters, float *y) {
  constexpr int CHUNKS = divide_up(GROUP, QUERIES), DIM = SHAPE::DIM, COUNT = divide_up(DIM, 32);
  using Key = typename SHAPE::Key;
  using Value = typename SHAPE::Value;
  using Made = typename SHAPE::Made;
  __shared__ AttentionShared<SHAPE, TILES> shared;
  const int row = blockIdx.x;
  if (row >= step[STEP_ROWS]) return;
  const int position = positions[row], count = position + 1;
  const Splits splits = SHAPE::splits(count);
  if (blockIdx.z >= splits.count()) return;
  const int split = splits.first + blockIdx.z, begin = split * splits.length, end = least(begin + splits.length, count);
  const int kv_head = blockIdx.y / CHUNKS, chunk = blockIdx.y % CHUNKS, first_head = kv_head * GROUP + chunk * QUERIES;
  const int queries = least(QUERIES, GROUP - chunk * QUERIES), sequence = row_sequence[row];
  int first_row = row; /* of its sequence: positions from there on are in no page yet */
  while (first_row > 0 && row_sequence[first_row - 1] == sequence) first_row--;
  const int made_from = position - (row - first_row);

  const Sight sight = SHAPE::sight(count);
  const KeysAndValues<SHAPE> source = {SHAPE::Pages::of_sequence(step, page_table, sequence), kv, shared.made, kv_head, made_from,
                                       sight.lowest, sight, cap};
  if (threadIdx.x < SHAPE::COLUMNS) shared.sight[threadIdx.x] = sight;
  if (SHAPE::SLOPED && threadIdx.x < SHAPE::COLUMNS) shared.slopes[threadIdx.x] = threadIdx.x < queries ? slopes[first_head + threadIdx.x] : 0;
  const int made = most(0, end - most(begin, made_from)); /* the last positions of the split */
  for (int task = warp_id(); task < SHAPE::COLUMNS + 2 * made; task += ATTENTION_WARPS) {
    float x[COUNT] = {};
    if (task < SHAPE::COLUMNS) {
      if (task < queries)
        load_rotated<TABLE, ROTARY, INTERLEAVED, DIM>(q + (int64)row * Q_STRIDE + (first_head + task) * DIM, cos, sin,
                                                      least(position, TABLE_ROWS - 1), x);
      TILES::put(shared.queries, task, x, scale);
      continue;
    }
    const int made_position = end - made + (task - SHAPE::COLUMNS) / 2, slot = made_position - made_from;
    const int64 of_row = first_row + slot;
    const bool own = made_position == position && chunk == 0;
    uint8 *page = kv + SHAPE::Pages::head_offset(step, page_table, sequence, made_position, kv_head);
    if ((task - SHAPE::COLUMNS) % 2 == 0) {
      load_rotated<TABLE, ROTARY, INTERLEAVED, DIM>(k + of_row * K_STRIDE + kv_head * DIM, cos, sin,
                                                    least(made_position, TABLE_ROWS - 1), x);
      kv_store<Key, DIM>(shared.made, shared.made + Made::K_PAIRS, slot, x);
      if (own) kv_store<Key, DIM>(page, page + SHAPE::Pages::K_PAIRS, made_position % PAGE, x);
    } else {
      load_rotated<TABLE, 0, false, DIM>(v + of_row * V_STRIDE + kv_head * DIM, cos, sin, 0, x);
      kv_store<Value, DIM>(shared.made + Made::V_CODES, shared.made + Made::V_PAIRS, slot, x);
      if (own) kv_store<Value, DIM>(page + SHAPE::Pages::V_CODES, page + SHAPE::Pages::V_PAIRS, made_position % PAGE, x);
    }
  }
  __syncthreads();

  meet(source, shared, begin, end);
  join_warps(shared);
  __syncthreads();
  if (SHAPE::SINKS && splits.count() == 1) {
    if (threadIdx.x < queries) {
      const Summary before = beginning<SHAPE, TILES>(sinks, first_head + threadIdx.x), next = shared.split[threadIdx.x];
      const float maximum = fmaxf(before.maximum, next.maximum);
      const SplitFactors factors = split_factors(before.maximum, next.maximum, maximum);
      shared.of_split[threadIdx.x] = factors;
      shared.joined[threadIdx.x] = {maximum, join_splits(before.total, next.total, factors)};
    }
    __syncthreads();
  }
  y += (int64)row * Y_STRIDE + first_head * DIM;
  const int block = row * gridDim.y + blockIdx.y;
  const SplitParts<SHAPE, QUERIES> parts(parts_of_all, block);
  for (int i = threadIdx.x; i < queries * DIM; i += ATTENTION_THREADS) {
    const int column = i / DIM;
    const float sum = sum_of_split(shared, column, i % DIM);
    if (SHAPE::SINKS && splits.count() == 1) y[i] = join_splits(0, sum, shared.of_split[column]) / shared.joined[column].total;
    else if (splits.count() == 1) y[i] = sum / shared.split[column].total;
    else parts.sums(split, column)[i % DIM] = sum;
  }
  if (splits.count() == 1) return;
  if (threadIdx.x < queries) {
    parts.summary(split, threadIdx.x)[0] = shared.split[threadIdx.x].maximum;
    parts.summary(split, threadIdx.x)[1] = shared.split[threadIdx.x].total;
  }
  if (!arrives_last(counters + block, splits.count(), shared.arrived_last)) return;
  join_parts<SHAPE, TILES>(parts, shared.join, queries, sinks, [&](int) { return splits; }, [&](int column) { return first_head + column; },
                           [&](int column) { return y + column * DIM; });
}
