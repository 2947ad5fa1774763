/* Causal attention over cached pages. A block has COLUMNS queries whose heads share a KV head; each is a column of its numbers.
   Softmax is the online form (Milakov and Gimelshein): a running maximum, and what was summed is rescaled when it grows.

   A row's positions are cut in splits by their number alone, a split's tiles go to warps by position, warps are joined in order,
   then splits in order; a position that a column doesn't see leaves its numbers as they are. So a row's result depends neither on
   the rows beside it nor on whether one block meets all of its splits or each block one. */
constexpr int ATTENTION_WARPS = 4, ATTENTION_THREADS = ATTENTION_WARPS * 32;
constexpr int MOST_SPLITS = 16;
constexpr int LEAST_SPLIT = 2 * PAGE; /* positions: a tile of 32 for each warp */

inline int split_positions(int positions) {
  int split = LEAST_SPLIT;
  while (split < divide_up(positions, MOST_SPLITS)) split *= 2;
  return split;
}

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

/* What a block's kernel is for. MADE: positions at most of a sequence whose keys and values the block makes itself. WINDOW:
   positions that a row sees, its own among them, or 0 for all; CAPPED: a score s is cap * tanh(s / cap); SLOPED: it falls by its
   head's slope for each position back (ALiBi); SINKS: the softmax has one more logit of the head's, of a value that is zero. */
template <class PAGES, int HEAD_DIM, int BLOCK_COLUMNS, int MOST_MADE, int WINDOW_POSITIONS, bool SCORES_CAPPED, bool SCORES_SLOPED,
          bool HEADS_WITH_SINKS>
struct AttentionShape {
  using Pages = PAGES;
  using Key = typename PAGES::Key;
  using Value = typename PAGES::Value;
  using Made = KvHead<Key, Value, HEAD_DIM, MOST_MADE>;
  static constexpr int DIM = HEAD_DIM, COLUMNS = BLOCK_COLUMNS, MADE = MOST_MADE, WINDOW = WINDOW_POSITIONS;
  static constexpr bool CAPPED = SCORES_CAPPED, SLOPED = SCORES_SLOPED, SINKS = HEADS_WITH_SINKS;

  /* Where element d of a column's sums stands: what lanes of a matrix tile have at a time lies in banks of its own. */
  static constexpr int SUMS = divide_up(DIM, 32) * 32 + 4;
  static constexpr int place(int d) { return (d / 4 ^ (d / 32 % 4) << 1) * 4 + d % 4; }

  /* What a row of `count` positions sees. */
  static Sight sight(int count) { return {WINDOW > 0 ? most(0, count - WINDOW) : 0, count}; }
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
  const int *step, *page_table;
  const uint8 *kv, *made;
  int sequence, kv_head, made_from;
  int lowest; /* the first position that any column sees */
  float cap;

  /* One KV head's part of the page of a position. */
  const uint8 *page(int position) const { return kv + Pages::head_offset(step, page_table, sequence, position, kv_head); }

  /* MIXED: the position may be one that was made. */
  template <bool MIXED> KvRow key(const uint8 *page, int position) const {
    if (MIXED && SHAPE::MADE > 0 && position >= made_from) return {made, made + Made::K_PAIRS, position - made_from};
    return {page, page + Pages::K_PAIRS, position % PAGE};
  }

  template <bool MIXED> KvRow value(const uint8 *page, int position) const {
    if (MIXED && SHAPE::MADE > 0 && position >= made_from) return {made + Made::V_CODES, made + Made::V_PAIRS, position - made_from};
    return {page + Pages::V_CODES, page + Pages::V_PAIRS, position % PAGE};
  }

  /* The score of scaled products of a position that lies `distance` from the row's own, below 0 before it. */
  float score(float product, float slope, int distance) const {
    const float capped = SHAPE::CAPPED ? cap * tanhf(product / cap) : product;
    return SHAPE::SLOPED ? fmaf(slope, (float)distance, capped) : capped;
  }
};

template <class SHAPE, class TILES> struct AttentionShared {
  typename TILES::Queries queries;
  Sight sight[SHAPE::COLUMNS];
  float slopes[SHAPE::SLOPED ? SHAPE::COLUMNS : 1];
  union {
    alignas(16) uint8 made[most(16, SHAPE::Made::HEAD_BYTES)];
    alignas(16) float sums[ATTENTION_WARPS][SHAPE::COLUMNS][SHAPE::SUMS];
  };
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
  TILES tiles(shared.queries, shared.sight, shared.slopes);
  for (int first = begin + warp_id() * TILES::POSITIONS; first < end; first += ATTENTION_WARPS * TILES::POSITIONS) {
    if (SHAPE::WINDOW > 0 && first + TILES::POSITIONS <= source.lowest) continue;
    const uint8 *page = source.page(first);
    if (first + TILES::POSITIONS <= source.made_from) tiles.template meet<false>(source, page, first, end);
    else tiles.template meet<true>(source, page, first, end);
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

/* A block meets all positions of ROWS rows, each with QUERIES heads of the KV head's GROUP. blockIdx.x: the rows; blockIdx.y: KV
   head and chunk of its queries. */
template <class SHAPE, class TILES, int GROUP, int QUERIES, int Q_STRIDE, int Y_STRIDE>
void attend(const int *step, const int *positions, const int *row_sequence, const int *page_table, const float *q, float scale,
            float cap, const float *slopes, const float *sinks, const uint8 *kv, float *y) {
  constexpr int ROWS = SHAPE::COLUMNS / QUERIES, CHUNKS = divide_up(GROUP, QUERIES), DIM = SHAPE::DIM;
  __shared__ AttentionShared<SHAPE, TILES> shared;
  const int first_row = blockIdx.x * ROWS, rows = least(ROWS, step[STEP_ROWS] - first_row);
  if (rows <= 0) return;
  const int kv_head = blockIdx.y / CHUNKS, first_query = blockIdx.y % CHUNKS * QUERIES;
  auto is_column = [&](int column) { return column / QUERIES < rows && first_query + column % QUERIES < GROUP; };
  auto head_offset = [&](int column, int stride) {
    return (int64)(first_row + column / QUERIES) * stride + (kv_head * GROUP + first_query + column % QUERIES) * DIM;
  };
  auto head = [&](int column) { return kv_head * GROUP + first_query + column % QUERIES; };
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

  /* Rows of one sequence with splits of one size go together. */
  for (int begin_row = 0, end_row; begin_row < rows; begin_row = end_row) {
    const int sequence = row_sequence[first_row + begin_row];
    int count = positions[first_row + begin_row] + 1;
    const int split = split_positions(count), lowest = SHAPE::sight(count).lowest;
    for (end_row = begin_row + 1; end_row < rows && row_sequence[first_row + end_row] == sequence
                                  && split_positions(positions[first_row + end_row] + 1) == split; end_row++)
      count = positions[first_row + end_row] + 1;
    __syncthreads();
    if (threadIdx.x < SHAPE::COLUMNS) {
      const int row = threadIdx.x / QUERIES;
      shared.sight[threadIdx.x] = row >= begin_row && row < end_row ? SHAPE::sight(positions[first_row + row] + 1) : Sight{0, 0};
      shared.joined[threadIdx.x] = beginning<SHAPE, TILES>(sinks, is_column(threadIdx.x) ? head(threadIdx.x) : 0);
    }
    __syncthreads();
    const KeysAndValues<SHAPE> source = {step, page_table, kv, nullptr, sequence, kv_head, count, lowest, cap};
    bool is_first = true;
    for (int begin = 0; begin < count; begin += split) {
      if (SHAPE::WINDOW > 0 && begin + split <= lowest) continue;
      meet(source, shared, begin, least(begin + split, count));
      join_warps(shared);
      if (threadIdx.x < SHAPE::COLUMNS) {
        const Summary before = shared.joined[threadIdx.x], next = shared.split[threadIdx.x];
        const float maximum = fmaxf(before.maximum, next.maximum);
        const SplitFactors factors = split_factors(before.maximum, next.maximum, maximum);
        shared.of_split[threadIdx.x] = factors;
        shared.joined[threadIdx.x] = {maximum, join_splits(before.total, next.total, factors)};
      }
      __syncthreads();
      /* Sums wait in y, where registers are scarce. */
      const bool is_last = begin + split >= count;
      for (int i = threadIdx.x; i < SHAPE::COLUMNS * DIM; i += ATTENTION_THREADS) {
        const int column = i / DIM, row = column / QUERIES;
        if (row < begin_row || row >= end_row || !is_column(column)) continue;
        float *to = y + head_offset(column, Y_STRIDE) + i % DIM;
        const float sum = join_splits(is_first ? 0 : *to, sum_of_split(shared, column, i % DIM), shared.of_split[column]);
        *to = is_last ? sum / shared.joined[column].total : sum;
      }
      is_first = false;
      __syncthreads();
    }
  }
}
