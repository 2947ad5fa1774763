/* Causal attention over cached pages: a block has QUERIES of the query heads that share a KV head, for one row. Softmax is
   the online form (Milakov and Gimelshein): a running maximum, and what was summed is rescaled when it grows.

   A row's positions are cut in splits of whole pages by their number alone, and splits are merged in order, whether one
   block meets them all or each block meets some: how many rows share a step changes no result. */
constexpr int ATTENTION_WARPS = 4;
constexpr int MOST_SPLITS = 16;
constexpr int LEAST_SPLIT_PAGES = 4;

inline int split_positions(int positions) {
  return PAGE * most(LEAST_SPLIT_PAGES, divide_up(divide_up(positions, PAGE), MOST_SPLITS));
}

/* Softmax over some positions, still to be divided by its total. */
struct Summary {
  float maximum, total;
};

/* `sum` of weight times value joins that of another summary; of one over no position at all nothing does. */
inline void merge(Summary &into, float &sum, Summary other, float other_sum) {
  if (other.total == 0) return;
  const float maximum = fmaxf(into.maximum, other.maximum);
  const float ours = expf(into.maximum - maximum), theirs = expf(other.maximum - maximum);
  into = {maximum, fmaf(into.total, ours, other.total * theirs)};
  sum = fmaf(sum, ours, other_sum * theirs);
}

/* WINDOW: positions that a row sees, its own among them, or 0 for all; CAPPED: a score s is cap * tanh(s / cap). */
template <class PAGES, int HEADS, int KV_HEADS, int DIM, int QUERIES, int WINDOW, bool CAPPED> struct Attention {
  static constexpr int GROUP = HEADS / KV_HEADS;
  static constexpr int CHUNKS = divide_up(GROUP, QUERIES); /* blocks that share a KV head */
  static constexpr int THREADS = ATTENTION_WARPS * 32;
  static constexpr int VALUES = divide_up(DIM, 32);        /* elements of a head that a lane sums up */
  static constexpr int TOGETHER = DIM % 8 == 0 ? 8 : DIM % 4 == 0 ? 4 : DIM % 2 == 0 ? 2 : 1;
  static constexpr int PER_THREAD = divide_up(QUERIES * DIM, THREADS);

  struct Shared {
    alignas(16) float queries[QUERIES][divide_up(DIM, 4) * 4]; /* times the scale */
    float sums[ATTENTION_WARPS][QUERIES][DIM];
    Summary of_warp[ATTENTION_WARPS][QUERIES];
  };

  const int *step, *page_table;
  const uint8 *kv;
  int row, kv_head, first_query, sequence, lowest; /* the first position in sight */
  float cap;
  Shared &shared;

  int head(int query) const { return kv_head * GROUP + first_query + query; }

  void load_queries(const float *q, int q_stride, float scale) {
    for (int i = threadIdx.x; i < QUERIES * DIM; i += THREADS) {
      const int query = i / DIM, d = i % DIM;
      shared.queries[query][d] = first_query + query < GROUP ? q[(int64)row * q_stride + head(query) * DIM + d] * scale : 0;
    }
    __syncthreads();
  }

  /* Positions begin ... end - 1, of whole pages but for the last; every warp leaves its share in shared memory. */
  void meet(int begin, int end) {
    float sums[QUERIES][VALUES] = {};
    Summary summaries[QUERIES];
#pragma unroll
    for (int query = 0; query < QUERIES; query++) summaries[query] = {-infinity(), 0};
    for (int first = begin + warp_id() * 32; first < end; first += THREADS) {
      const int count = least(32, end - first), slot = first % PAGE;
      if (WINDOW > 0 && first + count <= lowest) continue;
      const uint8 *head_page = kv + PAGES::head_offset(step, page_table, sequence, first, kv_head);
      float scores[QUERIES];
      score(head_page, slot, count, scores);
      weigh(scores, lane_id() < count && (WINDOW == 0 || first + lane_id() >= lowest), summaries, sums);
      add_values(head_page, slot, count, scores, sums);
    }
#pragma unroll
    for (int query = 0; query < QUERIES; query++) {
      if (lane_id() == 0) shared.of_warp[warp_id()][query] = summaries[query];
#pragma unroll
      for (int i = 0; i < VALUES; i++)
        if (lane_id() + 32 * i < DIM) shared.sums[warp_id()][query][lane_id() + 32 * i] = sums[query][i];
    }
  }

  /* A lane has one position. */
  void score(const uint8 *head_page, int slot, int count, float (&scores)[QUERIES]) const {
#pragma unroll
    for (int query = 0; query < QUERIES; query++) scores[query] = 0;
    if (lane_id() >= count) return;
    slot += lane_id();
    const auto position = PAGES::Key::position(head_page + PAGES::K_PAIRS, slot);
    for (int d = 0; d < DIM; d += TOGETHER) {
      float key[TOGETHER];
      kv_elements<typename PAGES::Key>(head_page, position, slot * DIM + d, key);
#pragma unroll
      for (int query = 0; query < QUERIES; query++)
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) scores[query] = fmaf(shared.queries[query][d + i], key[i], scores[query]);
    }
    if (CAPPED)
#pragma unroll
      for (int query = 0; query < QUERIES; query++) scores[query] = cap * tanhf(scores[query] / cap);
  }

  /* Scores become weights against the new maximum; of the lanes one at least has a position in sight. */
  static void weigh(float (&scores)[QUERIES], bool in_sight, Summary (&summaries)[QUERIES], float (&sums)[QUERIES][VALUES]) {
#pragma unroll
    for (int query = 0; query < QUERIES; query++) {
      const float score = in_sight ? scores[query] : -infinity();
      const float maximum = fmaxf(summaries[query].maximum, warp_max(score));
      const float rescale = expf(summaries[query].maximum - maximum);
      scores[query] = in_sight ? expf(score - maximum) : 0;
      summaries[query] = {maximum, fmaf(summaries[query].total, rescale, warp_sum(scores[query]))};
#pragma unroll
      for (int i = 0; i < VALUES; i++) sums[query][i] *= rescale;
    }
  }

  /* A lane has elements lane, lane + 32, ... of the values. */
  static void add_values(const uint8 *head_page, int slot, int count, const float (&weights)[QUERIES],
                         float (&sums)[QUERIES][VALUES]) {
    for (int i = 0; i < count; i++) {
      const auto position = PAGES::Value::position(head_page + PAGES::V_PAIRS, slot + i);
      float value[VALUES];
#pragma unroll
      for (int j = 0; j < VALUES; j++) {
        const int d = lane_id() + 32 * j;
        value[j] = d < DIM ? PAGES::Value::element(head_page + PAGES::V_CODES, position, (slot + i) * DIM + d) : 0;
      }
#pragma unroll
      for (int query = 0; query < QUERIES; query++) {
        const float weight = __shfl_sync(ALL_LANES, weights[query], i);
#pragma unroll
        for (int j = 0; j < VALUES; j++) sums[query][j] = fmaf(weight, value[j], sums[query][j]);
      }
    }
  }

  /* What the warps have of element i of [QUERIES][DIM]. */
  Summary gather(int i, float &sum) const {
    const int query = i / DIM, d = i % DIM;
    Summary summary = shared.of_warp[0][query];
    sum = shared.sums[0][query][d];
    for (int w = 1; w < ATTENTION_WARPS; w++)
      if (shared.of_warp[w][query].total > 0) merge(summary, sum, shared.of_warp[w][query], shared.sums[w][query][d]);
    return summary;
  }
};

/* One block meets all positions of its row. */
template <class ATTENTION, class SHARED, int DIM, int QUERIES, int GROUP>
void attention_whole(ATTENTION attention, SHARED &shared, int positions, float *y, int y_stride) {
  Summary summaries[ATTENTION::PER_THREAD];
  float sums[ATTENTION::PER_THREAD];
#pragma unroll
  for (int j = 0; j < ATTENTION::PER_THREAD; j++) summaries[j] = {-infinity(), 0}, sums[j] = 0;
  const int split = split_positions(positions);
  for (int begin = 0; begin < positions; begin += split) {
    attention.meet(begin, least(begin + split, positions));
    __syncthreads();
#pragma unroll
    for (int j = 0; j < ATTENTION::PER_THREAD; j++) {
      const int i = threadIdx.x + j * ATTENTION::THREADS;
      if (i >= QUERIES * DIM) break;
      float sum;
      const Summary summary = attention.gather(i, sum);
      merge(summaries[j], sums[j], summary, sum);
    }
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < ATTENTION::PER_THREAD; j++) {
    const int i = threadIdx.x + j * ATTENTION::THREADS;
    if (i < QUERIES * DIM && attention.first_query + i / DIM < GROUP)
      y[(int64)attention.row * y_stride + attention.head(i / DIM) * DIM + i % DIM] = sums[j] / summaries[j].total;
  }
}

/* blockIdx.x: the row; blockIdx.y: KV head and chunk of its queries; SPLIT: blockIdx.z is the split, whose part goes to
   `parts` [rows][HEADS][MOST_SPLITS][DIM + 2]: maximum, total, sums. */
template <class PAGES, int HEADS, int KV_HEADS, int DIM, int QUERIES, int WINDOW, bool CAPPED, bool SPLIT, int Q_STRIDE, int Y_STRIDE>
void attend(const int *step, const int *positions, const int *row_sequence, const int *page_table, const float *q, float scale,
            float cap, const uint8 *kv, float *parts, float *y) {
  using Attended = Attention<PAGES, HEADS, KV_HEADS, DIM, QUERIES, WINDOW, CAPPED>;
  __shared__ typename Attended::Shared shared;
  const int row = blockIdx.x;
  if (row >= step[STEP_ROWS]) return;
  const int count = positions[row] + 1, split = split_positions(count);
  if (SPLIT && blockIdx.z * split >= count) return;
  Attended attention = {step, page_table, kv, row, (int)blockIdx.y / Attended::CHUNKS,
                        (int)blockIdx.y % Attended::CHUNKS * QUERIES, row_sequence[row], WINDOW > 0 ? most(0, count - WINDOW) : 0, cap, shared};
  attention.load_queries(q, Q_STRIDE, scale);
  if constexpr (SPLIT) {
    const int begin = blockIdx.z * split;
    attention.meet(begin, least(begin + split, count));
    __syncthreads();
    for (int i = threadIdx.x; i < QUERIES * DIM; i += Attended::THREADS) {
      if (attention.first_query + i / DIM >= Attended::GROUP) break;
      float sum;
      const Summary summary = attention.gather(i, sum);
      float *part = parts + (((int64)row * HEADS + attention.head(i / DIM)) * MOST_SPLITS + blockIdx.z) * (DIM + 2);
      part[2 + i % DIM] = sum;
      if (i % DIM == 0) part[0] = summary.maximum, part[1] = summary.total;
    }
  } else {
    attention_whole<Attended, typename Attended::Shared, DIM, QUERIES, Attended::GROUP>(attention, shared, count, y, Y_STRIDE);
  }
}

/* Joins the parts of a row's head. blockIdx.x: the row; blockIdx.y: the head. */
template <int HEADS, int DIM, int Y_STRIDE, int WARPS>
void join_attention(const int *step, const int *positions, const float *parts, float *y) {
  const int64 row = blockIdx.x;
  if (row >= step[STEP_ROWS]) return;
  const int head = blockIdx.y, count = positions[row] + 1;
  const int splits = divide_up(count, split_positions(count));
  for (int d = threadIdx.x; d < DIM; d += WARPS * 32) {
    Summary summary = {-infinity(), 0};
    float sum = 0;
    for (int s = 0; s < splits; s++) {
      const float *part = parts + ((row * HEADS + head) * MOST_SPLITS + s) * (DIM + 2);
      merge(summary, sum, {part[0], part[1]}, part[2 + d]);
    }
    y[row * Y_STRIDE + head * DIM + d] = sum / summary.total;
  }
}
