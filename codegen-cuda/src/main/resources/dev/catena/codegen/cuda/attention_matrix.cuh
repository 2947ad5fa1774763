/* Tiles of attention on tensor cores, for caches of f16 and of codes. A warp has 16 or 32 positions and 8 columns for each of
   COLUMN_TILES: what it loads of keys and values serves all of them. A is [16][k]: its rows g and g + 8 are the two halves of the
   number of column g (queries, later weights), so that products are as fine as f32's; B is 8 positions of keys, or 8
   elements of values, as they are in the cache, codes less the middle one. Which position or element stands at which k, or
   which n, is free as long as both operands agree: loads are up to 128 bits of a row.

   With a scale s and a minimum m for each position, c a code less the middle one and m' = m + s * middle, a score is
   s (q . c) + m' sum(q), a result sum((p s) c) + sum(p m'). */

/* COUNT words from `index` elements on. */
template <class ELEMENT, int COUNT> void kv_words(const uint8 *codes, int index, bool present, uint32 (&to)[COUNT]) {
  const uint8 *from = codes + index * ELEMENT::BITS / 8;
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
  static uint32 two_codes(uint32 bytes, int selector) {
    return subtract_halves(__byte_perm(bytes, 0x64646464u, selector), (0x6400u + MIDDLE) * 0x10001u);
  }

  static constexpr int place(int element) { return BITS == 4 ? element / 2 + element % 2 * 4 : element; }

  /* Two words of four codes, in bytes. */
  static void bytes(const uint32 (&words)[WORDS], uint32 (&to)[2]) {
    if constexpr (BITS == 4) to[0] = words[0] & 0x0F0F0F0Fu, to[1] = words[0] >> 4 & 0x0F0F0F0Fu;
    else to[0] = words[0], to[1] = words[1];
  }

  /* Of one position, two elements in each register. */
  static void neighbours(const uint32 (&words)[WORDS], uint32 (&b)[4]) {
    if constexpr (BITS == 16) {
      b[0] = words[0], b[1] = words[1], b[2] = words[2], b[3] = words[3];
    } else {
      uint32 fours[2];
      bytes(words, fours);
#pragma unroll
      for (int i = 0; i < 4; i++) b[i] = two_codes(fours[i / 2], i % 2 == 0 ? 0x4140 : 0x4342);
    }
  }

  /* An element of two positions in each register. */
  static void across(const uint32 (&one)[WORDS], const uint32 (&other)[WORDS], uint32 (&b)[8]) {
    if constexpr (BITS == 16) {
#pragma unroll
      for (int i = 0; i < 8; i++) b[i] = __byte_perm(one[i / 2], other[i / 2], i % 2 == 0 ? 0x5410 : 0x7632);
    } else {
      uint32 of_one[2], of_other[2];
      bytes(one, of_one), bytes(other, of_other);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const uint32 two = __byte_perm(of_one[i / 2], of_other[i / 2], i % 2 == 0 ? 0x5140 : 0x7362);
        b[2 * i] = two_codes(two, 0x4140), b[2 * i + 1] = two_codes(two, 0x4342);
      }
    }
  }
};

template <class SHAPE> struct MatrixTiles {
  using Key = typename SHAPE::Key;
  using Value = typename SHAPE::Value;
  using KeyOperand = KvOperand<Key::BITS>;
  using ValueOperand = KvOperand<Value::BITS>;
  static constexpr int DIM = SHAPE::DIM, COLUMN_TILES = SHAPE::COLUMNS / 8;
  static constexpr int POSITIONS = (Key::BITS + Value::BITS) * DIM <= 2048 ? 32 : 16, EIGHTS = POSITIONS / 8;
  static constexpr int KEY_CHUNKS = divide_up(DIM, 32);   /* a lane has 8 elements of each */
  static constexpr int VALUE_CHUNKS = divide_up(DIM, 64); /* likewise */
  static constexpr int KEY_WORDS = KeyOperand::WORDS, VALUE_WORDS = ValueOperand::WORDS;
  /* Chunks that one load brings. */
  static constexpr int KEY_JOIN = Key::BITS < 16 && DIM % 64 == 0 ? Key::BITS == 4 && DIM % 128 == 0 ? 4 : 2 : 1;
  static constexpr int VALUE_JOIN = Value::BITS < 16 && DIM % 128 == 0 ? Value::BITS == 4 && DIM % 256 == 0 ? 4 : 2 : 1;
  /* Whether values are under way while keys are multiplied: they need registers until then, of which large heads leave none. */
  static constexpr bool VALUES_EARLY = COLUMN_TILES == 1 && DIM <= 128 && POSITIONS * DIM * Value::BITS <= 16 * 128 * 16;
  static_assert(DIM % 8 == 0 && SHAPE::COLUMNS % 8 == 0 && PAGE % POSITIONS == 0, "");
  /* Weights, between 0 and 1, times this: what halves lose of them is then far below f32's last place. */
  static constexpr float WEIGHT_ONE = 8192;

  struct Queries {
    alignas(16) uint16 halves[COLUMN_TILES][KEY_CHUNKS][2][32][8]; /* as lanes hold them */
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

  /* Where a lane's 8 elements of a chunk begin. */
  static constexpr int key_element(int chunk, int lane_t) { return chunk / KEY_JOIN * KEY_JOIN * 32 + (lane_t * KEY_JOIN + chunk % KEY_JOIN) * 8; }
  static constexpr int value_element(int chunk, int lane_g) {
    return chunk / VALUE_JOIN * VALUE_JOIN * 64 + (lane_g * VALUE_JOIN + chunk % VALUE_JOIN) * 8;
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
      const int d = lane_id() + 32 * i, in = d % (32 * KEY_JOIN), eight = in / 8;
      const int chunk = d / (32 * KEY_JOIN) * KEY_JOIN + eight % KEY_JOIN, lane = column % 8 * 4 + eight / KEY_JOIN;
      const int place = KeyOperand::place(d % 8);
      const float scaled = x[i] * power_of_two(shift);
      const uint16 high = half_of_float(scaled), low = half_of_float(scaled - float_of_half(high));
      queries.halves[column / 8][chunk][0][lane][place] = high;
      queries.halves[column / 8][chunk][1][lane][place] = low;
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
    uint32 keys[EIGHTS][KEY_CHUNKS][KEY_WORDS];
#pragma unroll
    for (int n = 0; n < EIGHTS; n++) {
      const int position = first + n * 8 + g;
      const bool present = !MIXED || position < end;
      const KvRow row = source.template key<MIXED>(page, position);
#pragma unroll
      for (int chunk = 0; chunk < KEY_CHUNKS; chunk += KEY_JOIN) {
        const int d = key_element(chunk, t);
        uint32 words[KEY_JOIN * KEY_WORDS];
        kv_words<Key>(row.codes, row.slot * DIM + d, present && (DIM % 32 == 0 || d < DIM), words);
#pragma unroll
        for (int i = 0; i < KEY_JOIN * KEY_WORDS; i++) keys[n][chunk + i / KEY_WORDS][i % KEY_WORDS] = words[i];
      }
    }
    uint32 values[POSITIONS / 4][VALUE_CHUNKS][VALUE_WORDS];
    auto load_values = [&]() {
#pragma unroll
      for (int i = 0; i < POSITIONS / 4; i++) {
        const int position = first + i / 2 * 8 + 2 * t + i % 2;
        const bool present = !MIXED || position < end;
        const KvRow row = source.template value<MIXED>(page, position);
#pragma unroll
        for (int chunk = 0; chunk < VALUE_CHUNKS; chunk += VALUE_JOIN) {
          const int d = value_element(chunk, g);
          uint32 words[VALUE_JOIN * VALUE_WORDS];
          kv_words<Value>(row.codes, row.slot * DIM + d, present && (DIM % 64 == 0 || d < DIM), words);
#pragma unroll
          for (int j = 0; j < VALUE_JOIN * VALUE_WORDS; j++) values[i][chunk + j / VALUE_WORDS][j % VALUE_WORDS] = words[j];
        }
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
        const uint4 high = *(const uint4 *)queries.halves[tile][chunk][0][lane_id()];
        const uint4 low = *(const uint4 *)queries.halves[tile][chunk][1][lane_id()];
#pragma unroll
        for (int n = 0; n < EIGHTS; n++) {
          multiply_tile(scores[tile][n], {high.x, low.x, high.y, low.y}, b[n][0], b[n][1]);
          multiply_tile(scores[tile][n], {high.z, low.z, high.w, low.w}, b[n][2], b[n][3]);
        }
      }
    }
    float key_scale[EIGHTS][2], key_middle[EIGHTS][2], value_scale[EIGHTS][2], value_middle[EIGHTS][2];
#pragma unroll
    for (int n = 0; n < EIGHTS; n++) {
      const int position = first + n * 8 + 2 * t;
      if constexpr (Key::CODES)
        two_pairs<MIXED, Key>(source.template key<MIXED>(page, position), source.template key<MIXED>(page, position + 1), position, end,
                              key_scale[n], key_middle[n]);
      if constexpr (Value::CODES)
        two_pairs<MIXED, Value>(source.template value<MIXED>(page, position), source.template value<MIXED>(page, position + 1), position,
                                end, value_scale[n], value_middle[n]);
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
          const bool seen = position >= sight[tile].lowest && position < sight[tile].end;
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
          const bool seen = position >= sight[tile].lowest && position < sight[tile].end;
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
            const int d = value_element(chunk, 2 * t + i) + four;
            float of[4];
#pragma unroll
            for (int j = 0; j < 4; j++) of[j] = sums[tile][chunk][ValueOperand::place(four + j)][i] + minima;
            if (DIM % 64 == 0 || d < DIM) *(float4 *)&to[tile * 8 + g][SHAPE::place(d)] = {of[0], of[1], of[2], of[3]};
          }
    }
  }
};
