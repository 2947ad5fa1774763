/* Tiles of attention on tensor cores, for caches of f16 and of codes. A warp has 16 or 32 positions and 8 columns for each of
   COLUMN_TILES: what it loads of keys and values serves all of them. A is [16][k]: its rows g and g + 8 are the two halves of the
   number of column g (queries, later weights), so that products are as fine as f32's; B is 8 positions of keys, or 8
   elements of values, as they are in the cache, codes less the middle one. Which position or element stands at which k, or
   which n, is free as long as both operands agree: loads are up to 128 bits of a row.

   With a scale s and a minimum m for each position, c a code less the middle one and m' = m + s * middle, a score is
   s (q . c) + m' sum(q), a result sum((p s) c) + sum(p m'). */

/* COUNT words, or zeros. */
template <int COUNT> void kv_words(const uint8 *from, bool present, uint32 (&to)[COUNT]) {
  if constexpr (COUNT == 4) {
    uint4 words = {0, 0, 0, 0};
    if (present) words = *(const uint4 *)from;
    to[0] = words.x, to[1] = words.y, to[2] = words.z, to[3] = words.w;
  } else if constexpr (COUNT == 2) {
    uint2 words = {0, 0};
    if (present) words = *(const uint2 *)from;
    to[0] = words.x, to[1] = words.y;
  } else {
    to[0] = present ? *(const uint32 *)from : 0;
  }
}

/* 8 elements as operands. `place`: where among the 8 one stands. */
template <int BITS> struct KvOperand {
  static constexpr int WORDS = BITS / 4, MIDDLE = 1 << (BITS - 1);

  /* Two codes as halves, less the middle one: in f16, 0x6400 is 1024, whose last place is 1. */
  static uint32 less_middle(uint32 on_1024) { return subtract_halves(on_1024, (0x6400u + MIDDLE) * 0x10001u); }
  static uint32 two_codes(uint32 bytes, int selector) { return less_middle(__byte_perm(bytes, 0x64646464u, selector)); }

  /* Those of the second nibble of each half are 16 times as much: an exact product takes that back. */
  static uint32 first_nibbles(uint32 word) { return less_middle(and_or(word, 0x000F000Fu, 0x64006400u)); }
  static uint32 second_nibbles(uint32 word) {
    constexpr uint32 SIXTEENTHS = 0x2C002C00, LESS_64_AND_MIDDLE = 0xD480D480; /* 1/16; -72 */
    return multiply_add_halves(and_or(word, 0x00F000F0u, 0x64006400u), SIXTEENTHS, LESS_64_AND_MIDDLE);
  }

  static constexpr int place(int element) { return BITS == 4 ? element % 4 * 2 + element / 4 : element; }

  /* Of one position, two elements in each register. */
  static void neighbours(const uint32 (&words)[WORDS], uint32 (&b)[4]) {
    if constexpr (BITS == 16) {
      b[0] = words[0], b[1] = words[1], b[2] = words[2], b[3] = words[3];
    } else if constexpr (BITS == 8) {
#pragma unroll
      for (int i = 0; i < 4; i++) b[i] = two_codes(words[i / 2], i % 2 == 0 ? 0x4140 : 0x4342);
    } else {
      b[0] = first_nibbles(words[0]), b[1] = second_nibbles(words[0]);
      b[2] = first_nibbles(words[0] >> 8), b[3] = second_nibbles(words[0] >> 8);
    }
  }

  /* An element of two positions in each register. */
  static void across(const uint32 (&one)[WORDS], const uint32 (&other)[WORDS], uint32 (&b)[8]) {
    if constexpr (BITS == 16) {
#pragma unroll
      for (int i = 0; i < 8; i++) b[i] = __byte_perm(one[i / 2], other[i / 2], i % 2 == 0 ? 0x5410 : 0x7632);
    } else if constexpr (BITS == 8) {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const uint32 two = __byte_perm(one[i / 2], other[i / 2], i % 2 == 0 ? 0x5140 : 0x7362);
        b[2 * i] = two_codes(two, 0x4140), b[2 * i + 1] = two_codes(two, 0x4342);
      }
    } else {
#pragma unroll
      for (int four = 0; four < 2; four++) {
        const uint32 both = __byte_perm(one[0], other[0], four == 0 ? 0x5410 : 0x7632);
        b[place(4 * four)] = first_nibbles(both), b[place(4 * four + 1)] = second_nibbles(both);
        b[place(4 * four + 2)] = first_nibbles(both >> 8), b[place(4 * four + 3)] = second_nibbles(both >> 8);
      }
    }
  }
};

/* How LANES lanes share a row of DIM elements: a lane has 8 of each chunk. A load brings it its 8 of up to four neighbouring chunks, as
   many as 128 bits hold and as the rows' length keeps aligned. */
template <class ELEMENT, int DIM, int LANES> struct RowOfLanes {
  static constexpr int CHUNKS = divide_up(DIM, LANES * 8), FULL_CHUNKS = DIM / (LANES * 8), WORDS = ELEMENT::BITS / 4;

  static constexpr bool loads_together(int chunks) { return ELEMENT::BITS * chunks <= 16 && DIM % (8 * chunks) == 0; }

  /* Chunks that the load which brings a chunk brings. */
  static constexpr int together(int chunk) {
    if (loads_together(4) && chunk / 4 * 4 + 4 <= FULL_CHUNKS) return 4;
    return loads_together(2) && chunk / 2 * 2 + 2 <= FULL_CHUNKS ? 2 : 1;
  }

  /* Where a lane's 8 elements of a chunk begin. */
  static constexpr int element(int chunk, int lane) {
    const int count = together(chunk), first = chunk / count * count;
    return first * LANES * 8 + (lane * count + chunk % count) * 8;
  }

  /* All that a lane has of a row. */
  template <int CHUNK = 0> static void load(const uint8 *codes, int row, int lane, bool present, uint32 (&to)[CHUNKS][WORDS]) {
    constexpr int COUNT = together(CHUNK), BITS = ELEMENT::BITS;
    uint32 words[COUNT * WORDS];
    kv_words(codes + row * (DIM / 8 * BITS) + CHUNK * LANES * BITS + lane * COUNT * BITS,
             present && (CHUNK + COUNT <= FULL_CHUNKS || element(CHUNK, lane) < DIM), words);
#pragma unroll
    for (int i = 0; i < COUNT * WORDS; i++) to[CHUNK + i / WORDS][i % WORDS] = words[i];
    if constexpr (CHUNK + COUNT < CHUNKS) load<CHUNK + COUNT>(codes, row, lane, present, to);
  }
};

template <class SHAPE> struct MatrixTiles {
  using Key = typename SHAPE::Key;
  using Value = typename SHAPE::Value;
  using KeyOperand = KvOperand<Key::BITS>;
  using ValueOperand = KvOperand<Value::BITS>;
  static constexpr int DIM = SHAPE::DIM, COLUMN_TILES = SHAPE::COLUMNS / 8;
  static constexpr int POSITIONS = (Key::BITS + Value::BITS) * DIM <= 2048 ? 32 : 16, EIGHTS = POSITIONS / 8;
  using KeyRow = RowOfLanes<Key, DIM, 4>;
  using ValueRow = RowOfLanes<Value, DIM, 8>;
  static constexpr int KEY_CHUNKS = KeyRow::CHUNKS, VALUE_CHUNKS = ValueRow::CHUNKS;
  /* Whether values are under way while keys are multiplied: they need registers until then, of which large heads leave none. */
  static constexpr bool VALUES_EARLY = COLUMN_TILES == 1 && DIM <= 128 && POSITIONS * DIM * Value::BITS <= 16 * 128 * 16;
  static_assert(DIM % 8 == 0 && SHAPE::COLUMNS % 8 == 0 && PAGE % POSITIONS == 0, "");
  /* Weights, between 0 and 1, times this: what halves lose of them is then far below f32's last place. */
  static constexpr float WEIGHT_ONE = 8192;

  struct Queries {
    /* As lanes hold them: of four elements two of the high halves, two of the low ones, and so the other two. */
    alignas(16) uint16 halves[COLUMN_TILES][KEY_CHUNKS][2][32][8];
    float unscale[SHAPE::COLUMNS], sum[SHAPE::COLUMNS];
  };

  const Queries &queries;
  Sight sight[COLUMN_TILES]; /* a lane's column in each tile is g */
  float slope[COLUMN_TILES] = {};
  float sums[COLUMN_TILES][VALUE_CHUNKS][8][2] = {};
  float maximum[COLUMN_TILES], total[COLUMN_TILES] = {}, of_minima[COLUMN_TILES] = {};
  const int g = lane_id() / 4, t = lane_id() % 4;

  MatrixTiles(const Queries &queries, const Sight *sights, const float *slopes) : queries(queries) {
#pragma unroll
    for (int tile = 0; tile < COLUMN_TILES; tile++) {
      sight[tile] = sights[tile * 8 + g], maximum[tile] = -infinity();
      if (SHAPE::SLOPED) slope[tile] = slopes[tile * 8 + g];
    }
  }

  /* A warp gives a column its query, of which lane l has elements l, l + 32, ...; halves hold it near 2^14. */
  static void put(Queries &queries, int column, const float (&x)[KEY_CHUNKS], float scale) {
    float largest = 0, sum = 0;
#pragma unroll
    for (int i = 0; i < KEY_CHUNKS; i++) largest = fmaxf(largest, fabsf(x[i]));
    const int exponent = (__float_as_int(warp_max(largest)) >> 23) - 127;
    /* Zeros, subnormals and what holds an infinity stay as they are. */
    const int shift = exponent == -127 || exponent == 128 ? 0 : least(13 - exponent, 126);
#pragma unroll
    for (int i = 0; i < KEY_CHUNKS; i++) {
      /* Its 8 elements' place in the chunks that are loaded together: lane after lane, and a lane's chunks side by side. */
      const int together = KeyRow::together(i), eight = i % together * 4 + lane_id() / 8;
      const int chunk = i / together * together + eight % together, lane = column % 8 * 4 + eight / together;
      const int place = KeyOperand::place(lane_id() % 8);
      const float scaled = x[i] * power_of_two(shift);
      const uint16 high = half_of_float(scaled), low = half_of_float(scaled - float_of_half(high));
      uint16 *to = &queries.halves[column / 8][chunk][place / 4][lane][place / 2 % 2 * 4 + place % 2];
      to[0] = high, to[2] = low;
      sum += float_of_half(high) + float_of_half(low);
    }
    sum = warp_sum(sum);
    if (lane_id() == 0) queries.unscale[column] = power_of_two(-shift) * scale, queries.sum[column] = sum;
  }

  /* Scale and m' of two neighbouring positions from an even one on. */
  template <bool MIXED, class ELEMENT> static void two_pairs(KvRow first, KvRow second, int position, int end, float (&scale)[2], float (&middle)[2]) {
    uint2 pairs = {0, 0};
    if constexpr (MIXED) {
      if (position < end) pairs.x = ((const uint32 *)first.pairs)[first.slot];
      if (position + 1 < end) pairs.y = ((const uint32 *)second.pairs)[second.slot];
    } else {
      pairs = *(const uint2 *)(first.pairs + first.slot * 4);
    }
    constexpr float MIDDLE = 1 << (ELEMENT::BITS - 1);
    scale[0] = low_half(pairs.x), scale[1] = low_half(pairs.y);
    middle[0] = fmaf(MIDDLE, scale[0], high_half(pairs.x)), middle[1] = fmaf(MIDDLE, scale[1], high_half(pairs.y));
  }

  template <bool MIXED> void meet(const KeysAndValues<SHAPE> &source, const uint8 *page, int first, int end) {
    uint32 keys[EIGHTS][KEY_CHUNKS][KeyRow::WORDS];
#pragma unroll
    for (int n = 0; n < EIGHTS; n++) {
      const KvRow row = source.template key<MIXED>(page, first, n * 8 + g);
      KeyRow::load(row.codes, row.slot, t, !MIXED || first + n * 8 + g < end, keys[n]);
    }
    uint32 values[POSITIONS / 4][VALUE_CHUNKS][ValueRow::WORDS];
    auto load_values = [&]() {
#pragma unroll
      for (int i = 0; i < POSITIONS / 4; i++) {
        const int of_tile = i / 2 * 8 + 2 * t + i % 2;
        const KvRow row = source.template value<MIXED>(page, first, of_tile);
        ValueRow::load(row.codes, row.slot, g, !MIXED || first + of_tile < end, values[i]);
      }
    };
    if (VALUES_EARLY) load_values();

    /* A lane has the scores of column g at positions 2 t, 2 t + 1 of each eight. */
    float scores[COLUMN_TILES][EIGHTS][4] = {};
#pragma unroll
    for (int chunk = 0; chunk < KEY_CHUNKS; chunk++) {
      uint32 b[EIGHTS][4];
#pragma unroll
      for (int n = 0; n < EIGHTS; n++) KeyOperand::neighbours(keys[n][chunk], b[n]);
#pragma unroll
      for (int tile = 0; tile < COLUMN_TILES; tile++) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const uint4 of = *(const uint4 *)queries.halves[tile][chunk][half][lane_id()];
#pragma unroll
          for (int n = 0; n < EIGHTS; n++) multiply_tile(scores[tile][n], {of.x, of.y, of.z, of.w}, b[n][2 * half], b[n][2 * half + 1]);
        }
      }
    }
    float key_scale[EIGHTS][2], key_middle[EIGHTS][2], value_scale[EIGHTS][2], value_middle[EIGHTS][2];
#pragma unroll
    for (int n = 0; n < EIGHTS; n++) {
      const int of_tile = n * 8 + 2 * t;
      if constexpr (Key::CODES)
        two_pairs<MIXED, Key>(source.template key<MIXED>(page, first, of_tile), source.template key<MIXED>(page, first, of_tile + 1),
                              first + of_tile, end, key_scale[n], key_middle[n]);
      if constexpr (Value::CODES)
        two_pairs<MIXED, Value>(source.template value<MIXED>(page, first, of_tile), source.template value<MIXED>(page, first, of_tile + 1),
                                first + of_tile, end, value_scale[n], value_middle[n]);
    }

    if (!VALUES_EARLY) load_values();
    float rescale[COLUMN_TILES], unscale[COLUMN_TILES];
    uint32 a[COLUMN_TILES][POSITIONS / 16][4];
#pragma unroll
    for (int tile = 0; tile < COLUMN_TILES; tile++) {
      const float query_unscale = queries.unscale[tile * 8 + g], query_sum = queries.sum[tile * 8 + g];
      float largest = maximum[tile], largest_scale = 0, weights[EIGHTS][2];
#pragma unroll
      for (int n = 0; n < EIGHTS; n++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int position = first + n * 8 + 2 * t + i;
          float score = scores[tile][n][i] + scores[tile][n][i + 2];
          if constexpr (Key::CODES) score = fmaf(score, key_scale[n][i], key_middle[n][i] * query_sum);
          score = source.score(score * query_unscale, slope[tile], position + 1 - sight[tile].end);
          const bool seen = !MIXED || position >= sight[tile].lowest && position < sight[tile].end;
          weights[n][i] = seen ? score : -infinity();
          largest = fmaxf(largest, weights[n][i]);
          if constexpr (Value::CODES) largest_scale = fmaxf(largest_scale, seen ? value_scale[n][i] : 0);
        }
#pragma unroll
      for (int distance = 1; distance < 4; distance *= 2) {
        largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, distance));
        if constexpr (Value::CODES) largest_scale = fmaxf(largest_scale, __shfl_xor_sync(ALL_LANES, largest_scale, distance));
      }
      rescale[tile] = largest == maximum[tile] ? 1 : expf(maximum[tile] - largest);
      maximum[tile] = largest;
      total[tile] *= rescale[tile], of_minima[tile] *= rescale[tile];
      const int exponent = Value::CODES ? (__float_as_int(largest_scale) >> 23) - 127 : 0;
      const float to_one = Value::CODES ? power_of_two(exponent == -127 ? 0 : -exponent - 1) : 1;
      unscale[tile] = Value::CODES ? power_of_two(exponent == -127 ? 0 : exponent + 1) : 1;
#pragma unroll
      for (int n = 0; n < EIGHTS; n++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          /* A score may be minus infinity, or no number: that is not the same as unseen. */
          const int position = first + n * 8 + 2 * t + i;
          const bool seen = !MIXED || position >= sight[tile].lowest && position < sight[tile].end;
          const float weight = seen ? expf(weights[n][i] - largest) * WEIGHT_ONE : 0;
          total[tile] += weight;
          if constexpr (Value::CODES) of_minima[tile] = fmaf(weight, value_middle[n][i], of_minima[tile]);
          weights[n][i] = Value::CODES ? seen ? weight * (value_scale[n][i] * to_one) : 0 : weight;
        }
        const uint32 high = halves_of_floats(weights[n][0], weights[n][1]);
        a[tile][n / 2][n % 2 * 2] = high;
        a[tile][n / 2][n % 2 * 2 + 1] = halves_of_floats(weights[n][0] - low_half(high), weights[n][1] - high_half(high));
      }
    }

#pragma unroll
    for (int chunk = 0; chunk < VALUE_CHUNKS; chunk++) {
      uint32 b[POSITIONS / 8][8];
#pragma unroll
      for (int i = 0; i < POSITIONS / 8; i++) ValueOperand::across(values[2 * i][chunk], values[2 * i + 1][chunk], b[i]);
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int tile = 0; tile < COLUMN_TILES; tile++) {
          float products[4] = {};
#pragma unroll
          for (int i = 0; i < POSITIONS / 16; i++) multiply_tile(products, a[tile][i], b[2 * i][j], b[2 * i + 1][j]);
#pragma unroll
          for (int i = 0; i < 2; i++) {
            const float before = sums[tile][chunk][j][i], product = products[i] + products[i + 2];
            sums[tile][chunk][j][i] = Value::CODES ? fmaf(product, unscale[tile], __fmul_rn(before, rescale[tile]))
                                                   : fmaf(before, rescale[tile], product);
          }
        }
    }
  }

  void leave(Summary (&of_warp)[SHAPE::COLUMNS], float (&to)[SHAPE::COLUMNS][SHAPE::SUMS]) const {
#pragma unroll
    for (int tile = 0; tile < COLUMN_TILES; tile++) {
      float all = total[tile], minima = of_minima[tile];
#pragma unroll
      for (int distance = 1; distance < 4; distance *= 2) {
        all += __shfl_xor_sync(ALL_LANES, all, distance);
        if constexpr (Value::CODES) minima += __shfl_xor_sync(ALL_LANES, minima, distance);
      }
      if (t == 0) of_warp[tile * 8 + g] = {maximum[tile], all};
#pragma unroll
      for (int chunk = 0; chunk < VALUE_CHUNKS; chunk++)
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
          for (int four = 0; four < 8; four += 4) {
            const int d = ValueRow::element(chunk, 2 * t + i) + four;
            float of[4];
#pragma unroll
            for (int j = 0; j < 4; j++) of[j] = sums[tile][chunk][ValueOperand::place(four + j)][i] + minima;
            if (DIM % 64 == 0 || d < DIM) *(float4 *)&to[tile * 8 + g][SHAPE::place(d)] = {of[0], of[1], of[2], of[3]};
          }
    }
  }
};
