/* Tiles of attention in f32, for caches of f32 and head sizes that tensor cores don't fit: a lane has one of 32 positions for the
   scores, and elements lane, lane + 32, ... of the values. */
template <class SHAPE> struct ScalarTiles {
  static constexpr int POSITIONS = 32, COLUMNS = SHAPE::COLUMNS, DIM = SHAPE::DIM;
  static constexpr int VALUES = divide_up(DIM, 32); /* elements of a head that a lane sums up */
  static constexpr float WEIGHT_ONE = 1;
  static constexpr int TOGETHER = DIM % 8 == 0 ? 8 : DIM % 4 == 0 ? 4 : DIM % 2 == 0 ? 2 : 1;
  using Key = typename SHAPE::Key;
  using Value = typename SHAPE::Value;

  struct Queries {
    alignas(16) float of[COLUMNS][divide_up(DIM, 4) * 4]; /* times the scale */
  };

  const Queries &queries;
  const Sight *sight;
  const float *slopes;
  float sums[COLUMNS][VALUES] = {};
  Summary summaries[COLUMNS];

  ScalarTiles(const Queries &queries, const Sight *sight, const float *slopes) : queries(queries), sight(sight), slopes(slopes) {
#pragma unroll
    for (int column = 0; column < COLUMNS; column++) summaries[column] = {-infinity(), 0};
  }

  /* A warp gives a column its query, of which lane l has elements l, l + 32, ... */
  static void put(Queries &queries, int column, const float (&x)[VALUES], float scale) {
#pragma unroll
    for (int i = 0; i < VALUES; i++)
      if (lane_id() + 32 * i < DIM) queries.of[column][lane_id() + 32 * i] = x[i] * scale;
  }

  template <bool MIXED> void meet(const KeysAndValues<SHAPE> &source, const uint8 *page, int first, int end) {
    const int count = least(POSITIONS, end - first);
    float weights[COLUMNS] = {};
    if (lane_id() < count) score<MIXED>(source, page, first, weights);
    weigh(first + lane_id(), weights);
    for (int i = 0; i < count; i++) {
      const KvRow row = source.template value<MIXED>(page, first, i);
      const auto pair = Value::position(row.pairs, row.slot);
      float value[VALUES];
#pragma unroll
      for (int j = 0; j < VALUES; j++) {
        const int d = lane_id() + 32 * j;
        value[j] = d < DIM ? Value::element(row.codes, pair, row.slot * DIM + d) : 0;
      }
#pragma unroll
      for (int column = 0; column < COLUMNS; column++) {
        const float weight = __shfl_sync(ALL_LANES, weights[column], i);
#pragma unroll
        for (int j = 0; j < VALUES; j++) sums[column][j] = fmaf(weight, value[j], sums[column][j]);
      }
    }
  }

  template <bool MIXED>
  void score(const KeysAndValues<SHAPE> &source, const uint8 *page, int first, float (&scores)[COLUMNS]) const {
    const KvRow row = source.template key<MIXED>(page, first, lane_id());
    const auto pair = Key::position(row.pairs, row.slot);
    for (int d = 0; d < DIM; d += TOGETHER) {
      float key[TOGETHER];
      kv_elements<Key>(row.codes, pair, row.slot * DIM + d, key);
#pragma unroll
      for (int column = 0; column < COLUMNS; column++)
#pragma unroll
        for (int i = 0; i < TOGETHER; i++) scores[column] = fmaf(queries.of[column][d + i], key[i], scores[column]);
    }
#pragma unroll
    for (int column = 0; column < COLUMNS; column++)
      scores[column] = source.score(scores[column], SHAPE::SLOPED ? slopes[column] : 0, first + lane_id() + 1 - sight[column].end);
  }

  /* Scores become weights against the new maximum. */
  void weigh(int position, float (&scores)[COLUMNS]) {
#pragma unroll
    for (int column = 0; column < COLUMNS; column++) {
      const bool seen = position >= sight[column].lowest && position < sight[column].end;
      const float before = summaries[column].maximum, maximum = fmaxf(before, warp_max(seen ? scores[column] : -infinity()));
      const float rescale = before == maximum ? 1 : expf(before - maximum);
      scores[column] = seen ? expf(scores[column] - maximum) : 0;
      summaries[column] = {maximum, fmaf(summaries[column].total, rescale, warp_sum(scores[column]))};
#pragma unroll
      for (int i = 0; i < VALUES; i++) sums[column][i] *= rescale;
    }
  }

  void leave(Summary (&of_warp)[COLUMNS], float (&to)[COLUMNS][SHAPE::SUMS]) const {
#pragma unroll
    for (int column = 0; column < COLUMNS; column++) {
      if (lane_id() == 0) of_warp[column] = summaries[column];
#pragma unroll
      for (int i = 0; i < VALUES; i++)
        if (lane_id() + 32 * i < DIM) to[column][SHAPE::place(lane_id() + 32 * i)] = sums[column][i];
    }
  }
};
