/* Causal attention over cached pages. A block has COLUMNS queries whose heads share a KV head; each is a column of its numbers.
   Softmax is the online form (Milakov and Gimelshein): a running maximum, and what was summed is rescaled when it grows.

   A row's positions are cut in splits by their number alone, a split's tiles go to warps by position, warps are joined in order,
   then splits in order; a position that a column doesn't see leaves its numbers as they are. So a row's result depends neither on
   the rows beside it nor on whether one block meets all of its splits or each block one. */
constexpr int ATTENTION_WARPS = 4, ATTENTION_THREADS = ATTENTION_WARPS * 32;
constexpr int LEAST_SPLIT = 2 * PAGE; /* positions: a tile of 32 for each warp */

/* A row's splits: `length` positions each, of which it sees some in those from number `first` to `end` - 1. */
struct Splits {
  int length, first, end;
  int count() const { return end - first; }
};

/* Softmax over some positions, still to be divided by its total. */
struct Summary {
  float maximum, total;
};

/* What the splits so far count, and the next one, in all of them together. */
struct SplitFactors {
  float before, next;
};

/* What sums against a maximum count against a larger one. */
inline float factor_against(float maximum, float larger) { return maximum == -infinity() ? 0 : expf(maximum - larger); }

/* The positions lowest ... end - 1 that a column sees. */
struct Sight {
  int lowest, end;
};

/* What a block's kernel is for. MADE: positions at most of a sequence whose keys and values the block makes itself. SPLITS:
   at most, of what a row sees. WINDOW: positions that a row sees, its own among them, or 0 for all; CAPPED: a score s is cap * tanh(s / cap); SLOPED: it falls by its
   head's slope for each position back (ALiBi); SINKS: the softmax has one more logit of the head's, of a value that is zero. */
template <class PAGES, int HEAD_DIM, int BLOCK_COLUMNS, int MOST_MADE, int MOST_SPLITS, int WINDOW_POSITIONS, bool SCORES_CAPPED,
          bool SCORES_SLOPED, bool HEADS_WITH_SINKS>
struct AttentionShape {
  using Pages = PAGES;
  using Key = typename PAGES::Key;
  using Value = typename PAGES::Value;
  using Made = KvHead<Key, Value, HEAD_DIM, MOST_MADE>;
  static constexpr int DIM = HEAD_DIM, COLUMNS = BLOCK_COLUMNS, MADE = MOST_MADE, SPLITS = MOST_SPLITS, WINDOW = WINDOW_POSITIONS;
  static constexpr bool CAPPED = SCORES_CAPPED, SLOPED = SCORES_SLOPED, SINKS = HEADS_WITH_SINKS;

  /* Where element d of a column's sums stands: what lanes of a matrix tile have at a time lies in banks of its own. */
  static constexpr int SUMS = divide_up(DIM, 32) * 32 + 4;
  static constexpr int place(int d) { return (d / 4 ^ (d / 32 % 4) << 1) * 4 + d % 4; }

  /* What a row of `count` positions sees. */
  static Sight sight(int count) { return {WINDOW > 0 ? most(0, count - WINDOW) : 0, count}; }

  /* How a row of `count` positions cuts them. A window ends within a split at both ends. */
  static Splits splits(int count) {
    const int lowest = sight(count).lowest, whole = WINDOW > 0 ? SPLITS - 1 : SPLITS;
    const int length = divide_up(divide_up(count - lowest, whole), LEAST_SPLIT) * LEAST_SPLIT;
    return {length, lowest / length, divide_up(count, length)};
  }
};

/* The codes of keys or values, and where in them a position stands. */
struct KvRow {
  const uint8 *codes, *pairs;
  int slot;
};

/* A sequence's keys and values for one KV head: in the cache's pages below `made_from`, from there on in `made`. */
template <class SHAPE> struct KeysAndValues {
  using Pages = typename SHAPE::Pages;
  using Made = typename SHAPE::Made;
  const int *pages; /* of the sequence */
  const uint8 *kv, *made;
  int kv_head, made_from;
  int lowest;  /* the first position that any column sees */
  Sight whole; /* of the cache, what all columns see */
  float cap;

  const uint8 *page(int position) const { return kv + Pages::head_offset(pages[position / PAGE], kv_head); }

  bool is_whole(int first, int positions) const {
    return (SHAPE::WINDOW == 0 || first >= whole.lowest) && first + positions <= whole.end;
  }

  /* Of the position `i` behind a tile's first, in whose page it lies. MIXED: it may be one that was made, or that not all columns see. */
  template <bool MIXED> KvRow key(const uint8 *page, int first, int i) const {
    if (MIXED && SHAPE::MADE > 0 && first + i >= made_from) return {made, made + Made::K_PAIRS, first + i - made_from};
    return {page, page + Pages::K_PAIRS, first % PAGE + i};
  }

  template <bool MIXED> KvRow value(const uint8 *page, int first, int i) const {
    if (MIXED && SHAPE::MADE > 0 && first + i >= made_from) return {made + Made::V_CODES, made + Made::V_PAIRS, first + i - made_from};
    return {page + Pages::V_CODES, page + Pages::V_PAIRS, first % PAGE + i};
  }

  /* The score of scaled products of a position that lies `distance` from the row's own, below 0 before it. */
  float score(float product, float slope, int distance) const {
    const float capped = SHAPE::CAPPED ? cap * tanhf(product / cap) : product;
    return SHAPE::SLOPED ? fmaf(slope, (float)distance, capped) : capped;
  }
};

/* What joins splits that blocks have left in memory: of each the maximum and the total, and what its sums count. */
template <class SHAPE> struct SplitJoin {
  float maxima[SHAPE::SPLITS][SHAPE::COLUMNS], totals[SHAPE::SPLITS][SHAPE::COLUMNS], total[SHAPE::COLUMNS];
  SplitFactors factors[SHAPE::SPLITS][SHAPE::COLUMNS];
};

template <class SHAPE, class TILES> struct AttentionShared {
  typename TILES::Queries queries;
  Sight sight[SHAPE::COLUMNS];
  float slopes[SHAPE::SLOPED ? SHAPE::COLUMNS : 1];
  union {
    alignas(16) uint8 made[most(16, SHAPE::Made::HEAD_BYTES)];
    alignas(16) float sums[ATTENTION_WARPS][SHAPE::COLUMNS][SHAPE::SUMS];
    SplitJoin<SHAPE> join;
  };
  bool arrived_last;
  Summary of_warp[ATTENTION_WARPS][SHAPE::COLUMNS];
  float factors[ATTENTION_WARPS][SHAPE::COLUMNS];
  Summary split[SHAPE::COLUMNS];  /* of the split that the block met last */
  Summary joined[SHAPE::COLUMNS]; /* of all splits so far */
  SplitFactors of_split[SHAPE::COLUMNS];
};

/* What a head's softmax begins with. */
template <class SHAPE, class TILES> Summary beginning(const float *sinks, int head) {
  if (SHAPE::SINKS) return {sinks[head], TILES::WEIGHT_ONE};
  return {-infinity(), 0};
}

/* Positions begin ... end - 1 of one split; every warp leaves its share in shared memory. */
template <class SHAPE, class TILES>
void meet(const KeysAndValues<SHAPE> &source, AttentionShared<SHAPE, TILES> &shared, int begin, int end) {
  constexpr int STRIDE = ATTENTION_WARPS * TILES::POSITIONS;
  TILES tiles(shared.queries, shared.sight, shared.slopes);
  int first = begin + warp_id() * TILES::POSITIONS;
  if (SHAPE::WINDOW > 0)
    while (first + TILES::POSITIONS <= source.lowest) first += STRIDE;
  /* Most tiles are whole, those of a window from its first whole one on; the others are MIXED. */
#pragma unroll 1
  while (first < end) {
    if (source.is_whole(first, TILES::POSITIONS)) {
#pragma unroll 1
      for (; first < end && source.is_whole(first, TILES::POSITIONS); first += STRIDE)
        tiles.template meet<false>(source, source.page(first), first, end);
    } else {
      tiles.template meet<true>(source, source.page(first), first, end);
      first += STRIDE;
    }
  }
  if (SHAPE::MADE > 0) __syncthreads(); /* sums take the place of what was made */
  tiles.leave(shared.of_warp[warp_id()], shared.sums[warp_id()]);
  __syncthreads();
}

/* Joins the warps' shares: shared.split becomes the split's summary, and `sum_of_split` says its sum for an element of
   [COLUMNS][DIM]. A thread has a column; no barrier behind it. */
template <class SHAPE, class TILES> void join_warps(AttentionShared<SHAPE, TILES> &shared) {
  const int column = threadIdx.x;
  if (column >= SHAPE::COLUMNS) return;
  Summary joined = {-infinity(), 0};
  for (int w = 0; w < ATTENTION_WARPS; w++) joined.maximum = fmaxf(joined.maximum, shared.of_warp[w][column].maximum);
  for (int w = 0; w < ATTENTION_WARPS; w++) {
    const float factor = factor_against(shared.of_warp[w][column].maximum, joined.maximum);
    shared.factors[w][column] = factor;
    joined.total = fmaf(shared.of_warp[w][column].total, factor, joined.total);
  }
  shared.split[column] = joined;
}

template <class SHAPE, class TILES> float sum_of_split(const AttentionShared<SHAPE, TILES> &shared, int column, int d) {
  float sum = 0;
#pragma unroll
  for (int w = 0; w < ATTENTION_WARPS; w++) sum = fmaf(shared.sums[w][column][SHAPE::place(d)], shared.factors[w][column], sum);
  return sum;
}

inline SplitFactors split_factors(float maximum_before, float maximum_of_next, float maximum) {
  return {factor_against(maximum_before, maximum), factor_against(maximum_of_next, maximum)};
}

/* Totals, or sums, of the splits so far and of the next one. */
inline float join_splits(float before, float next, SplitFactors factors) {
  return fmaf(before, factors.before, __fmul_rn(next, factors.next));
}

/* What blocks leave of their splits in memory: [SPLITS] of the columns' sums, [COLUMNS][DIM], and their summaries. A row has as many splits
   at most, one behind the other, so that each has a place of its own. */
template <class SHAPE, int COLUMNS> struct SplitParts {
  static constexpr int SUMS = COLUMNS * SHAPE::DIM, FLOATS = divide_up(SUMS + 2 * COLUMNS, 4) * 4;
  float *of_block;

  SplitParts(float *parts, int block) : of_block(parts + (int64)block * SHAPE::SPLITS * FLOATS) {}
  float *sums(int split, int column) const { return of_block + split % SHAPE::SPLITS * FLOATS + column * SHAPE::DIM; }
  float *summary(int split, int column) const { return of_block + split % SHAPE::SPLITS * FLOATS + SUMS + 2 * column; }
};

/* Joins the splits of the first `columns` columns in their order. `splits_of` says a column's splits, none where there is no such column; `head` its
   query head; `to` where its results go. */
template <class SHAPE, class TILES, int COLUMNS, class SPLITS_OF, class HEAD, class TO>
void join_parts(SplitParts<SHAPE, COLUMNS> parts, SplitJoin<SHAPE> &join, int columns, const float *sinks, SPLITS_OF splits_of, HEAD head, TO to) {
  constexpr int DIM = SHAPE::DIM, WIDTH = DIM % 4 == 0 ? 4 : 1, TOGETHER = 8;
  for (int i = threadIdx.x; i < SHAPE::SPLITS * columns; i += ATTENTION_THREADS) {
    const int column = i % columns, s = i / columns;
    const Splits splits = splits_of(column);
    if (s >= splits.count()) continue;
    const float *summary = parts.summary(splits.first + s, column);
    join.maxima[s][column] = summary[0], join.totals[s][column] = summary[1];
  }
  __syncthreads();
  for (int i = threadIdx.x; i < SHAPE::SPLITS * columns; i += ATTENTION_THREADS) {
    const int column = i % columns, s = i / columns;
    if (s >= splits_of(column).count()) continue;
    float before = beginning<SHAPE, TILES>(sinks, head(column)).maximum;
    for (int earlier = 0; earlier < s; earlier++) before = fmaxf(before, join.maxima[earlier][column]);
    join.factors[s][column] = split_factors(before, join.maxima[s][column], fmaxf(before, join.maxima[s][column]));
  }
  __syncthreads();
  if (threadIdx.x < columns) {
    const int column = threadIdx.x, count = splits_of(column).count();
    float total = count == 0 ? 0 : beginning<SHAPE, TILES>(sinks, head(column)).total;
    for (int s = 0; s < count; s++) total = join_splits(total, join.totals[s][column], join.factors[s][column]);
    join.total[column] = total;
  }
  __syncthreads();
  for (int i = threadIdx.x * WIDTH; i < columns * DIM; i += ATTENTION_THREADS * WIDTH) {
    const int column = i / DIM, d = i % DIM;
    const Splits splits = splits_of(column);
    if (splits.count() == 0) continue;
    float sums[WIDTH] = {};
    for (int s = 0; s < splits.count(); s += TOGETHER) {
      float next[TOGETHER][WIDTH]; /* under way together: what one load waits for is most of the time that joining takes */
#pragma unroll
      for (int j = 0; j < TOGETHER; j++)
        load_floats<WIDTH, true>(parts.sums(splits.first + least(s + j, splits.count() - 1), column) + d, next[j]);
#pragma unroll
      for (int j = 0; j < TOGETHER; j++) {
        if (s + j >= splits.count()) break;
#pragma unroll
        for (int k = 0; k < WIDTH; k++) sums[k] = join_splits(sums[k], next[j][k], join.factors[s + j][column]);
      }
    }
#pragma unroll
    for (int k = 0; k < WIDTH; k++) to(column)[d + k] = sums[k] / join.total[column];
  }
}

/* A block meets positions of ROWS rows, each with QUERIES heads of the KV head's GROUP: all of them, or with several blocks in z every
   so many splits; then the last block to come joins them (`parts`, and `counters`, one for each block of x and y, zero before and after).
   blockIdx.x: the rows; blockIdx.y: KV head and chunk of its queries. */
template <class SHAPE, class TILES, int GROUP, int QUERIES, int Q_STRIDE, int Y_STRIDE>
void attend(const int *step, const int *positions, const int *row_sequence, const int *page_table, const float *q, float scale,
            float cap, const float *slopes, const float *sinks, const uint8 *kv, float *parts_of_all, uint32 *counters, float *y) {
  constexpr int ROWS = SHAPE::COLUMNS / QUERIES, CHUNKS = divide_up(GROUP, QUERIES), DIM = SHAPE::DIM;
  __shared__ AttentionShared<SHAPE, TILES> shared;
  const int first_row = blockIdx.x * ROWS, rows = least(ROWS, step[STEP_ROWS] - first_row);
  if (rows <= 0) return;
  const int kv_head = blockIdx.y / CHUNKS, first_query = blockIdx.y % CHUNKS * QUERIES, block = blockIdx.x * gridDim.y + blockIdx.y;
  const bool shares_splits = gridDim.z > 1;
  const SplitParts<SHAPE, SHAPE::COLUMNS> parts(parts_of_all, block);
  auto is_column = [&](int column) { return column / QUERIES < rows && first_query + column % QUERIES < GROUP; };
  auto head = [&](int column) { return is_column(column) ? kv_head * GROUP + first_query + column % QUERIES : 0; };
  auto head_offset = [&](int column, int stride) { return (int64)(first_row + column / QUERIES) * stride + head(column) * DIM; };
  if (SHAPE::SLOPED && threadIdx.x < SHAPE::COLUMNS) shared.slopes[threadIdx.x] = is_column(threadIdx.x) ? slopes[head(threadIdx.x)] : 0;
  for (int column = warp_id(); column < SHAPE::COLUMNS; column += ATTENTION_WARPS) {
    float x[divide_up(DIM, 32)];
#pragma unroll
    for (int i = 0; i < divide_up(DIM, 32); i++) {
      const int d = lane_id() + 32 * i;
      x[i] = d < DIM && is_column(column) ? q[head_offset(column, Q_STRIDE) + d] : 0;
    }
    TILES::put(shared.queries, column, x, scale);
  }

  /* Rows of one sequence with splits of one length go together. */
  for (int begin_row = 0, end_row; begin_row < rows; begin_row = end_row) {
    const int sequence = row_sequence[first_row + begin_row];
    const int least_count = positions[first_row + begin_row] + 1;
    int count = least_count; /* of the last row */
    const Splits of_first = SHAPE::splits(count);
    const int length = of_first.length, lowest = SHAPE::sight(count).lowest;
    for (end_row = begin_row + 1; end_row < rows && row_sequence[first_row + end_row] == sequence
                                  && SHAPE::splits(positions[first_row + end_row] + 1).length == length; end_row++)
      count = positions[first_row + end_row] + 1;
    __syncthreads();
    if (threadIdx.x < SHAPE::COLUMNS) {
      const int row = threadIdx.x / QUERIES;
      shared.sight[threadIdx.x] = row >= begin_row && row < end_row ? SHAPE::sight(positions[first_row + row] + 1) : Sight{0, 0};
      shared.joined[threadIdx.x] = beginning<SHAPE, TILES>(sinks, head(threadIdx.x));
    }
    __syncthreads();
    const Sight whole = {SHAPE::sight(count).lowest, least_count};
    const KeysAndValues<SHAPE> source = {SHAPE::Pages::of_sequence(step, page_table, sequence), kv, nullptr, kv_head, count, lowest, whole, cap};
    bool is_first = true;
    for (int s = of_first.first + blockIdx.z; s * length < count; s += gridDim.z) {
      meet(source, shared, s * length, least((s + 1) * length, count));
      join_warps(shared);
      if (!shares_splits && threadIdx.x < SHAPE::COLUMNS) {
        const Summary before = shared.joined[threadIdx.x], next = shared.split[threadIdx.x];
        const float maximum = fmaxf(before.maximum, next.maximum);
        const SplitFactors factors = split_factors(before.maximum, next.maximum, maximum);
        shared.of_split[threadIdx.x] = factors;
        shared.joined[threadIdx.x] = {maximum, join_splits(before.total, next.total, factors)};
      }
      __syncthreads();
      /* Sums wait in y, where registers are scarce. */
      const bool is_last = (s + 1) * length >= count;
      for (int i = threadIdx.x; i < SHAPE::COLUMNS * DIM; i += ATTENTION_THREADS) {
        const int column = i / DIM, row = column / QUERIES;
        if (row < begin_row || row >= end_row || !is_column(column)) continue;
        const float next = sum_of_split(shared, column, i % DIM);
        if (shares_splits) {
          const Sight sight = shared.sight[column];
          if (s * length >= sight.end || (s + 1) * length <= sight.lowest) continue; /* another of the row's splits has its place */
          parts.sums(s, column)[i % DIM] = next;
          if (i % DIM == 0) parts.summary(s, column)[0] = shared.split[column].maximum, parts.summary(s, column)[1] = shared.split[column].total;
        } else {
          float *to = y + head_offset(column, Y_STRIDE) + i % DIM;
          const float sum = join_splits(is_first ? 0 : *to, next, shared.of_split[column]);
          *to = is_last ? sum / shared.joined[column].total : sum;
        }
      }
      is_first = false;
      __syncthreads();
    }
  }
  if (!shares_splits || !arrives_last(counters + block, gridDim.z, shared.arrived_last)) return;
  join_parts<SHAPE, TILES>(parts, shared.join, SHAPE::COLUMNS, sinks,
                           [&](int column) { return is_column(column) ? SHAPE::splits(positions[first_row + column / QUERIES] + 1) : Splits{1, 0, 0}; },
                           head, [&](int column) { return y + head_offset(column, Y_STRIDE); });
}
