/* y = x W^T (+ bias) (+ residual) for up to ROWS rows of x, on tensor cores: weights, f16 or codes, are the A operand, rows of x the
   columns of B, each once for each of the PARTS halves that an element of x is the sum of. Codes less their zero are exact in f16; the
   sums of a group are scaled in f32. NORMED: x goes through RMS norm first. SWIGLU: the first half of the outputs is the gate, and
   y = silu(gate) * the second half.

   A block has 32 outputs; its warps share the columns, each a run of its own, TURN columns a turn. Weights go past the registers to a
   ring of shared memory that each warp has (RING). What x becomes a warp makes once for all 32 outputs and keeps in shared memory, too.

   SPLITS blocks share the columns of 32 outputs, where that leaves no multiprocessor with much more work than others. Each looks at its own
   columns of x alone, leaves its sums in `parts`, and of a norm its sum of squares; the last to arrive (`counters`) adds them in the order of the columns.

   A slice is 16 columns, the depth of a product. Lane (g, t) has 4 of them; which ones, the ring says, and x follows. Of four columns
   the first and the third are a pair in A and B, and the second and the fourth. */
constexpr int TURN = 128, SLICE = 16;

/* Zeros of four outputs as `fragments` takes them: a code as a half is 1024 + code, or, where its lowest bit stands SHIFT bits higher,
   1024 + code * 2^SHIFT. */
struct TokenZeros { uint32 plain[4], shifted[4]; };

/* Two blocks of 16 outputs of codes. SLICES slices of them are a slot of the ring, which a lane loads LOADS times: the words of 4 outputs that
   hold its columns, rows g and g + 8 of two tiles. Of 3 and 2 bits a word holds more than a lane's 8 of 32 columns: where groups are long
   enough, a slot is as many slices as it takes; where not, lanes share words. */
template <class MATRIX> struct TokenWeights {
  static constexpr int BITS = MATRIX::BITS, TOGETHER = BITS == 3 ? 128 : 64;
  static constexpr bool SHARED_WORDS = BITS < 4 && MATRIX::GROUPS > 1 && MATRIX::GROUP_COLUMNS % TOGETHER != 0;
  static constexpr int SLICES = BITS == 8 ? 1 : BITS == 4 || SHARED_WORDS ? 2 : TOGETHER / SLICE;
  static constexpr int LOADS = BITS == 3 ? SHARED_WORDS ? 2 : 3 : 1;
  static constexpr bool OWN_LOADS_ONLY = true; /* a lane reads nothing from the ring but what it has loaded */
  static constexpr int SHIFT = BITS == 4 ? 4 : 2;
  static constexpr uint32 HALF_OF_1024 = 0x64006400u, BYTES_OF_1024 = 0x64646464u;
  static constexpr uint32 POWER = SHIFT == 4 ? 0x2C002C00u : 0x34003400u;      /* 2^-SHIFT */
  static constexpr uint32 REST = SHIFT == 4 ? 0x63806380u : 0x62006200u;       /* 1024 - 1024 * 2^-SHIFT */

  struct Held { uint4 words[LOADS]; };

  static int output(int g, int tile, int half) { return g * 4 + tile * 2 + half; }

  /* Of a slot's words the one that lane t loads first, and how many words a slot has of a row. */
  static int first_word(int t) { return SHARED_WORDS ? t / 2 : BITS == 3 ? t * 3 : t; }
  static constexpr int SLOT_WORDS = SHARED_WORDS ? BITS : BITS == 3 ? 12 : 4;

  struct Source { const uint8 *first_word; };

  static Source source(const uint8 *first, const uint8 *second, int slot, int g, int t) {
    return {(g < 4 ? first : second) + (slot * SLOT_WORDS + first_word(t)) * 64 + g % 4 * 16};
  }

  /* The slot that stands `ahead` of the source's, which is `slot`. */
  static void copy(uint8 *to, const Source &source, int slot, int ahead, int g, int t) {
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const int further = ahead * SLOT_WORDS + (SHARED_WORDS && i > 0 ? 2 - t / 2 : i), word = slot * SLOT_WORDS + first_word(t) + further;
      copy_16_bytes(to + i * 512 + (g * 4 + t) * 16, source.first_word + further * 64, MATRIX::INPUTS % TURN == 0 || word < MATRIX::WORDS);
    }
  }

  static void advance(Source &source, int slots) { source.first_word += slots * SLOT_WORDS * 64; }

  static Held hold(const uint8 *slot, int g, int t) {
    Held held;
#pragma unroll
    for (int i = 0; i < LOADS; i++) held.words[i] = *(const uint4 *)(slot + i * 512 + (g * 4 + t) * 16);
    return held;
  }

  static TokenZeros zeros(uint32 codes) {
    TokenZeros zeros;
#pragma unroll
    for (int o = 0; o < 4; o++) {
      zeros.plain[o] = __byte_perm(codes, BYTES_OF_1024, 0x4040 + o * 0x101);
      zeros.shifted[o] = subtract_halves(REST, zeros.plain[o]);
    }
    return zeros;
  }

  /* Two codes, which stand at bits 0 and 16 of `bits`, less their zero; with UP they stand SHIFT bits higher. */
  template <bool UP> static uint32 pair(uint32 bits, const TokenZeros &zeros, int o) {
    constexpr uint32 MASK = (1u << BITS) - 1;
    if (UP) return multiply_add_halves(and_or(bits, (MASK << SHIFT) * 0x10001u, HALF_OF_1024), POWER, zeros.shifted[o]);
    return subtract_halves(and_or(bits, MASK * 0x10001u, HALF_OF_1024), zeros.plain[o]);
  }

  /* Four neighbouring codes of a row of A. */
  static void four(const uint32 (&words)[LOADS], const TokenZeros &zeros, int o, int slice, int t, uint32 &even, uint32 &odd) {
    if constexpr (BITS == 3) {
      const int place = SHARED_WORDS ? t * 2 + slice : slice; /* which four of the 32 codes that lie together */
      const uint32 low = (SHARED_WORDS ? words[0] : words[place / 4]) >> place % 4 * 2 & 0x03030303u, high = words[LOADS - 1];
      const uint32 bytes = SHARED_WORDS ? low | (high >> place & 0x01010101u) << 2
                                        : and_or(place < 2 ? high << 2 - place : high >> place - 2, 0x04040404u, low);
      even = subtract_halves(and_or(bytes, 0x00FF00FFu, HALF_OF_1024), zeros.plain[o]);
      odd = subtract_halves(__byte_perm(bytes, BYTES_OF_1024, 0x4341), zeros.plain[o]);
    } else if constexpr (BITS == 8) {
      even = subtract_halves(__byte_perm(words[0], BYTES_OF_1024, 0x4240), zeros.plain[o]);
      odd = subtract_halves(__byte_perm(words[0], BYTES_OF_1024, 0x4341), zeros.plain[o]);
    } else {
      uint32 word = words[0];
      if (BITS == 2) word >>= SHARED_WORDS ? t % 2 * 4 : slice / 2 * 4;
      if (slice % 2 == 0) {
        even = pair<false>(word, zeros, o), odd = pair<false>(word >> 8, zeros, o);
      } else {
        even = pair<true>(word, zeros, o), odd = pair<true>(word >> 8, zeros, o);
      }
    }
  }

  static void fragments(const Held &held, const TokenZeros &zeros, int slice, int t, uint32 (&a)[2][4]) {
#pragma unroll
    for (int o = 0; o < 4; o++) {
      uint32 words[LOADS];
#pragma unroll
      for (int i = 0; i < LOADS; i++) words[i] = o == 0 ? held.words[i].x : o == 1 ? held.words[i].y : o == 2 ? held.words[i].z : held.words[i].w;
      four(words, zeros, o, slice, t, a[o / 2][o % 2], a[o / 2][o % 2 + 2]);
    }
  }
};

/* Four matrices of 8 × 8 halves, turned. Lane 8 m + i says where row i of matrix m begins. */
inline void load_turned(uint32 row, uint32 (&a)[4]) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(row) : "memory");
}

/* f16 lies column by column. A slot is a slice of two blocks of 16 outputs, each a tile, as it lies in memory; its 16-byte pieces are
   exchanged so that ldmatrix, which turns it, meets no bank twice. */
template <int N, int K> struct TokenWeights<Halves<N, K>> {
  static constexpr int SLICES = 1, LOADS = 2;
  static constexpr bool OWN_LOADS_ONLY = false;

  struct Held { uint32 a[2][4]; };
  struct Source { const uint8 *first, *second; };

  static int output(int g, int tile, int half) { return tile * 16 + half * 8 + g; }

  static Source source(const uint8 *first, const uint8 *second, int slot, int g, int t) {
    const int at = slot * 512 + (g * 4 + t) * 16;
    return {first + at, second + at};
  }

  static int place(int piece) { return (piece ^ piece / 8) * 16; }

  static void copy(uint8 *to, const Source &source, int slot, int ahead, int g, int t) {
    const int piece = g * 4 + t;
    const bool present = K % TURN == 0 || (slot + ahead) * SLICE + piece / 2 < K;
    copy_16_bytes(to + place(piece), source.first + ahead * 512, present);
    copy_16_bytes(to + 512 + place(piece), source.second + ahead * 512, present);
  }

  static void advance(Source &source, int slots) { source.first += slots * 512, source.second += slots * 512; }

  static Held hold(const uint8 *slot, int g, int t) {
    /* Lane 8 m + i says where row i of matrix m begins, a column of W: of the pairs' first columns, then of their second ones. */
    const int lane = g * 4 + t, column = lane % 8 * 2 + lane / 16, eight = lane / 8 % 2;
    Held held;
#pragma unroll
    for (int tile = 0; tile < 2; tile++) load_turned((uint32)__cvta_generic_to_shared(slot + tile * 512 + place(column * 2 + eight)), held.a[tile]);
    return held;
  }

  static TokenZeros zeros(uint32) { return {}; }

  static void fragments(const Held &held, const TokenZeros &, int, int, uint32 (&a)[2][4]) {
#pragma unroll
    for (int tile = 0; tile < 2; tile++)
#pragma unroll
      for (int i = 0; i < 4; i++) a[tile][i] = held.a[tile][i];
  }
};

#if __CUDA_ARCH__ >= 800
constexpr int MOST_IN_FLIGHT = 16;
#else
constexpr int MOST_IN_FLIGHT = 8; /* a lane waits for its copies: more of them only take room from other blocks */
#endif

/* A warp's ring of weights that its lanes load, 128 bits at a time; IN_FLIGHT loads of a lane are under way. GIVEN: of more shared memory
   than a kernel may declare. */
template <class MATRIX, int WARP_COUNT, int IN_FLIGHT, bool GIVEN> struct LoadedRing {
  using Weights = TokenWeights<MATRIX>;
  static constexpr int WARPS = WARP_COUNT, SLICES = Weights::SLICES, SLOT = Weights::LOADS * 512, SLOTS = most(2, least(IN_FLIGHT, MOST_IN_FLIGHT) / Weights::LOADS);
  static constexpr int SLOTS_OF_TURN = TURN / SLICE / SLICES, BYTES = WARPS * SLOTS * SLOT;
  static constexpr bool DYNAMIC = GIVEN;
  static_assert(SLOTS % SLOTS_OF_TURN == 0 || SLOTS_OF_TURN % SLOTS == 0, "slots are used in turn");

  uint8 *const shared;
  const int ring, end, g, t;
  typename Weights::Source source;
  int turn, of_turn; /* and where the turn's first slot is */

  /* The first of the four columns that lane t has in a slice of a turn. */
  static int column_of(int t, int slice) { return slice / SLICES * (SLICES * SLICE) + t * (SLICES * 4) + slice % SLICES * 4; }
  static bool second_first(int) { return false; }
  static int warp() { return warp_id(); }

  /* Asks for the first weights of the turns from `begin` on. */
  LoadedRing(uint8 *shared, const uint8 *first_block, const uint8 *second_block, int begin, int end, int g, int t)
      : shared(shared), ring(warp_id() * (SLOTS * SLOT)), end(end), g(g), t(t),
        source(Weights::source(first_block, second_block, begin * SLOTS_OF_TURN, g, t)), turn(begin), of_turn(ring) {
#pragma unroll
    for (int i = 0; i < SLOTS; i++) {
      if (begin + i / SLOTS_OF_TURN < end) Weights::copy(shared + ring + i * SLOT, source, begin * SLOTS_OF_TURN, i, g, t);
      end_copy_group();
    }
  }

  void abandon() {}
  void begin() {}
  void begin_turn() {}

  uint8 *slot_of(int slice) { return shared + of_turn + slice / SLICES % SLOTS * SLOT; }

  /* The slot that begins with this slice. */
  typename Weights::Held hold(int slice) {
    await_copy_groups<SLOTS - 1>();
    if (!Weights::OWN_LOADS_ONLY) __syncwarp();
    return Weights::hold(slot_of(slice), g, t);
  }

  /* All of the slot that ends with this slice was multiplied. */
  void release(int slice) {
    if (!Weights::OWN_LOADS_ONLY) __syncwarp();
    if (turn + (slice / SLICES + SLOTS) / SLOTS_OF_TURN < end) Weights::copy(slot_of(slice), source, turn * SLOTS_OF_TURN, slice / SLICES + SLOTS, g, t);
    end_copy_group();
  }

  /* All lanes have done with the turn. */
  void end_turn() {
    Weights::advance(source, SLOTS_OF_TURN);
    turn++;
    if (SLOTS > SLOTS_OF_TURN) of_turn = of_turn + SLOTS_OF_TURN * SLOT == ring + SLOTS * SLOT ? ring : of_turn + SLOTS_OF_TURN * SLOT;
  }

  void finish() { await_copy_groups<0>(); }
};

/* The lane's number, which the compiler doesn't make again wherever it is used. */
inline int kept_lane_id() { return __shfl_sync(ALL_LANES, lane_id(), lane_id()); }

/* A block's shared memory: declared where it fits what every launch may have, else given by the launch. */
template <int BYTES, bool DYNAMIC> uint8 *shared_bytes() {
  if constexpr (DYNAMIC) {
    alignas(128) extern __shared__ uint8 given[];
    return given;
  } else {
    alignas(128) __shared__ uint8 declared[BYTES];
    return declared;
  }
}

/* A warp's values for four rows joined; lane 8 r has row r's. */
template <bool LARGEST> float join_four_rows(const float (&of_row)[4]) {
  auto join = [](float a, float b) { return LARGEST ? fmaxf(a, b) : a + b; };
  const bool upper = lane_id() & 16, odd = lane_id() & 8;
  const float a = join(upper ? of_row[2] : of_row[0], __shfl_xor_sync(ALL_LANES, upper ? of_row[0] : of_row[2], 16));
  const float b = join(upper ? of_row[3] : of_row[1], __shfl_xor_sync(ALL_LANES, upper ? of_row[1] : of_row[3], 16));
  float joined = join(odd ? b : a, __shfl_xor_sync(ALL_LANES, odd ? a : b, 8));
#pragma unroll
  for (int distance = 4; distance > 0; distance /= 2) joined = join(joined, __shfl_xor_sync(ALL_LANES, joined, distance));
  return joined;
}

/* The least e with |value| < 2^e, or one more; -126 for zero and subnormals. */
inline int exponent_above(float value) { return (__float_as_int(value) >> 23 & 255) - 126; }

/* Four columns from `column` on, which lie at `from`; those beyond COLUMNS are zero. */
template <int COLUMNS, bool VECTOR> float4 load_four_columns(const float *from, int column) {
  if (VECTOR && (COLUMNS % 4 == 0 ? COLUMNS % TURN == 0 || column < COLUMNS : column + 4 <= COLUMNS)) return *(const float4 *)from;
  float4 four = {0, 0, 0, 0};
  if (column < COLUMNS) four.x = from[0];
  if (column + 1 < COLUMNS) four.y = from[1];
  if (column + 2 < COLUMNS) four.z = from[2];
  if (column + 3 < COLUMNS) four.w = from[3];
  return four;
}

template <class MATRIX, int ROWS, int PARTS, int X_STRIDE, int Y_STRIDE, int RESIDUAL_STRIDE, bool VECTOR, bool NORMED, bool SWIGLU,
          int SPLITS, class RING>
void linear_few_tokens(int rows, const float *x, const float *norm, float epsilon, const uint8 *weight, const float *bias,
                       const float *residual, float *y, float *parts, uint32 *counters) {
  constexpr int WARPS = RING::WARPS, THREADS = WARPS * 32, RESULTS = SWIGLU ? 16 : 32;
  constexpr int K = MATRIX::INPUTS, BLOCKS = divide_up(MATRIX::OUTPUTS, 16), TURNS = divide_up(K, TURN), RUN = divide_up(divide_up(TURNS, SPLITS), WARPS);
  using Weights = TokenWeights<MATRIX>;
  constexpr int SLICES = Weights::SLICES;
  /* Of x a warp has a panel of PANEL columns: [pairs of slices][columns of B][32], four columns of four rows a lane. In every other pair
     neighbouring columns of B are exchanged, so that half warps write it, and warps read it, without meeting a bank twice. */
  constexpr int PANEL = 512 / ROWS, UNITS = PANEL / 4, PAIRS = PANEL / 32, B_COLUMNS = most(8, ROWS * PARTS), B_TILES = B_COLUMNS / 8;
  constexpr int PAIR_BYTES = B_COLUMNS * 64, PANEL_BYTES = PAIRS * PAIR_BYTES, ROW_TILES = most(1, ROWS / 8);
  constexpr bool PARTS_IN_TILE = ROWS * PARTS == 8 && PARTS == 2;
  static_assert(MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % 32 == 0, "two slices lie in one group");
  constexpr int RING_BYTES = RING::BYTES, OF_WARP = 32 * (ROWS + 1);
  /* Rows' scales outlive ring and panels where there is room for them, else in a register each. */
  constexpr int RING_AND_PANELS = RING_BYTES + WARPS * PANEL_BYTES;
  static_assert(RING_AND_PANELS >= (WARPS * OF_WARP + ROWS) * 4, "sums of all warps have room");
  constexpr bool SCALES_SHARED = RING::DYNAMIC || RING_AND_PANELS + ROWS * 4 <= 48 * 1024;
  uint8 *const shared = shared_bytes<RING_AND_PANELS + (SCALES_SHARED ? ROWS * 4 : 0), RING::DYNAMIC>();
  /* Before there are panels, where they come to be: of each row and of the norm what each warp has seen; then what rows are multiplied with. */
  float *const of_rows = (float *)(shared + RING_BYTES), *const of_norm = of_rows + WARPS * ROWS, *const row_factor = of_norm + WARPS;
  static_assert(WARPS * PANEL_BYTES >= (WARPS * ROWS + WARPS + ROWS) * 4, "numbers of rows have room");

  /* With more rows there is no register to keep it in. */
  const int lane = B_COLUMNS == 8 || RING::DYNAMIC ? kept_lane_id() : lane_id(), g = lane / 4, t = lane % 4;
  const int first = SWIGLU ? blockIdx.x : 2 * blockIdx.x, second = SWIGLU ? blockIdx.x + BLOCKS / 2 : first + 1;
  const uint8 *first_block = weight + first * MATRIX::BLOCK_BYTES;
  const uint8 *second_block = second < BLOCKS ? weight + second * MATRIX::BLOCK_BYTES : first_block;
  const uint8 *block = g < 4 ? first_block : second_block; /* of this lane's scales */
  const int split = SPLITS > 1 ? blockIdx.y : 0, first_turn = TURNS * split / SPLITS, turns_end = TURNS * (split + 1) / SPLITS;
  const int begin = least(first_turn + RING::warp() * RUN, turns_end), end = least(begin + RUN, turns_end);
  const int first_column = first_turn * TURN, columns_end = SPLITS > 1 ? least(turns_end * TURN, K) : K; /* of all warps */

  /* Weights depend on nothing that a kernel before this one writes. */
  RING ring(shared, first_block, second_block, begin, end, g, t);

  int group = MATRIX::GROUPS > 1 ? least(begin * TURN / MATRIX::GROUP_COLUMNS, MATRIX::GROUPS - 1) : 0;
  float scales[4] = {1, 1, 1, 1}, sums[ROW_TILES][2][4] = {}, group_sums[ROW_TILES][2][4] = {};
  FourScales<MATRIX::QUANTIZED ? MATRIX::SCALE : Scales::F16> next_scales;
  uint32 next_zeros = MATRIX::MIDDLE_ZEROS;
  TokenZeros zeros;
  auto load_group = [&](int of_group) {
    if constexpr (MATRIX::QUANTIZED) {
      next_scales = MATRIX::four_scales(block, of_group, g % 4 * 4);
      if (MATRIX::STORED_ZEROS) next_zeros = *(const uint32 *)(block + MATRIX::ZERO_CODES + of_group * 16 + g % 4 * 4);
    }
  };
  auto end_group = [&]() {
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
      for (int tile = 0; tile < 2; tile++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          sums[r][tile][i] = fmaf(group_sums[r][tile][i], scales[tile * 2 + i / 2], sums[r][tile][i]);
          group_sums[r][tile][i] = 0;
        }
  };
  auto begin_group = [&]() {
    if constexpr (MATRIX::QUANTIZED) {
      next_scales.values(scales);
      zeros = Weights::zeros(next_zeros);
      if (group + 1 < MATRIX::GROUPS) load_group(group + 1);
    }
  };
  auto enter_group = [&](int column) {
    const int now = least(column / MATRIX::GROUP_COLUMNS, MATRIX::GROUPS - 1);
    if (now == group) return;
    end_group();
    group = now;
    begin_group();
  };
  load_group(group);

  if constexpr (NORMED) {
    float largest = 0;
    for (int c = first_column + threadIdx.x * 4; c < columns_end; c += THREADS * 4) {
      const float4 four = load_four_columns<K, true>(norm + c, c);
      largest = fmaxf(fmaxf(fmaxf(fabsf(four.x), fabsf(four.y)), fmaxf(fabsf(four.z), fabsf(four.w))), largest);
    }
    largest = warp_max(largest);
    if (lane_id() == 0) of_norm[warp_id()] = largest;
  }

  await_launches_before();
  rows = least(rows, ROWS);
  if (rows <= 0) {
    ring.abandon();
    return;
  }

  /* What brings a row below 2^14, where halves hold most of it, and what takes its sums back. No element is larger than the root of the
     sum of squares, which a norm needs anyway. */
#pragma unroll
  for (int r = 0; r < ROWS; r += 4) {
    float of_row[4] = {};
#pragma unroll 2 /* more loads at a time take more registers than there are */
    for (int c = first_column + threadIdx.x * 4; c < columns_end; c += THREADS * 4)
#pragma unroll
      for (int i = 0; i < 4; i++)
        if (r + i < rows) {
          const float4 four = load_four_columns<K, VECTOR>(x + (int64)(r + i) * X_STRIDE + c, c);
          if (NORMED) {
            of_row[i] = fmaf(four.x, four.x, fmaf(four.y, four.y, fmaf(four.z, four.z, fmaf(four.w, four.w, of_row[i]))));
          } else {
            of_row[i] = fmaxf(fmaxf(fmaxf(fabsf(four.x), fabsf(four.y)), fmaxf(fabsf(four.z), fabsf(four.w))), of_row[i]);
          }
        }
    const float joined = join_four_rows<!NORMED>(of_row);
    if (lane_id() % 8 == 0) of_rows[warp_id() * ROWS + r + lane_id() / 8] = joined;
  }
  __syncthreads();
  float row_scale = 0, row_squares = 0; /* of the row threadIdx.x */
  if (threadIdx.x < ROWS) {
    float of_row = of_rows[threadIdx.x], largest_norm = NORMED ? of_norm[0] : 0;
    for (int w = 1; w < WARPS; w++) {
      const float other = of_rows[w * ROWS + threadIdx.x];
      of_row = NORMED ? of_row + other : fmaxf(of_row, other);
      if (NORMED) largest_norm = fmaxf(largest_norm, of_norm[w]);
    }
    int above = exponent_above(of_row);
    /* Squares that overflow leave nothing of the row, but must not make it infinite. */
    if (NORMED) above = (above == 129 ? 129 : (above + 1) >> 1) + exponent_above(largest_norm);
    const int shift = most(-126, least(14 - above, 126));
    row_squares = of_row;
    row_factor[threadIdx.x] = power_of_two(shift);
    /* With SPLITS the norm comes when all squares are known; it leaves nothing then of what overflows here. */
    if (SPLITS == 1) row_scale = NORMED ? power_of_two(-shift) * (1.0f / sqrtf(of_row / K + epsilon)) : power_of_two(-shift);
    else row_scale = NORMED && of_row == infinity() ? 0 : power_of_two(-shift);
    if (SCALES_SHARED) ((float *)(shared + RING_AND_PANELS))[threadIdx.x] = row_scale;
  }
  __syncthreads();

  /* Four columns of the rows unit_row, unit_row + 32 / UNITS, ... of a panel are this lane's: those that lane unit_t has in a slice. */
  const int unit = lane % UNITS, unit_row = lane / UNITS;
  const int unit_t = unit / 2 % 4, unit_column = RING::column_of(unit_t, unit / 8 * 2 + unit % 2);
  float factor[4];
#pragma unroll
  for (int i = 0; i < 4; i++) factor[i] = row_factor[unit_row + i * (32 / UNITS)];
  __syncthreads(); /* all have read what lies where panels are from here on */
  const int panel = RING_BYTES + warp_id() * PANEL_BYTES, lane_bytes = lane * 16;
  for (int i = lane_bytes; i < PANEL_BYTES; i += 512) *(uint4 *)(shared + panel + i) = {0, 0, 0, 0};
  __syncwarp();
  const int unit_panel = panel + unit / 8 * PAIR_BYTES + unit % 8 * 8;
  /* Rows that aren't there are zeros. Of up to four, all lanes have the same one at a time, and leave it out. */
  constexpr bool ROW_BY_ROW = UNITS == 32;
  constexpr int ROWS_APART = 32 / UNITS;
  const float *of_x = x + (int64)unit_row * X_STRIDE + begin * TURN + unit_column;
  float4 next_x[4] = {}, next_norm = {1, 1, 1, 1};
  /* The columns that stand `ahead` of the turn's. */
  auto load_panel = [&](int turn, int ahead) {
    const int column = turn * TURN + unit_column + ahead;
    if (NORMED) next_norm = load_four_columns<K, true>(norm + column, column);
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (unit_row + i * ROWS_APART < rows) next_x[i] = load_four_columns<K, VECTOR>(of_x + i * ROWS_APART * X_STRIDE + ahead, column);
  };
  auto write_panel = [&]() {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if (ROW_BY_ROW && i >= rows) continue;
      float4 four = next_x[i];
      if (NORMED) four.x *= next_norm.x, four.y *= next_norm.y, four.z *= next_norm.z, four.w *= next_norm.w;
      four.x *= factor[i], four.y *= factor[i], four.z *= factor[i], four.w *= factor[i];
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        const uint32 even = halves_of_floats(four.x, four.z), odd = halves_of_floats(four.y, four.w);
        const int row = ROW_BY_ROW ? i ^ unit / 8 % 2 : (unit_row ^ unit / 8 % 2) + i * ROWS_APART;
        *(uint2 *)(shared + unit_panel + (row + part * ROWS) * 64) = RING::second_first(unit_t) ? uint2{odd, even} : uint2{even, odd};
        if (part + 1 < PARTS) four.x -= low_half(even), four.z -= high_half(even), four.y -= low_half(odd), four.w -= high_half(odd);
      }
    }
  };
  if (begin < end) load_panel(begin, 0);
  begin_group();

  ring.begin();
  for (int turn = begin; turn < end; turn++) {
    typename Weights::Held held;
    ring.begin_turn();
    if (MATRIX::GROUPS > 1 && MATRIX::GROUP_COLUMNS % TURN == 0) enter_group(turn * TURN);
#pragma unroll
    for (int pair = 0; pair < TURN / 32; pair++) {
      if (pair % PAIRS == 0) {
        write_panel();
        /* The next panel's columns; a slot of many slices has them apart. */
        if (pair + PAIRS < TURN / 32) {
          load_panel(turn, RING::column_of(0, (pair + PAIRS) * 2));
        } else if (turn + 1 < end) {
          load_panel(turn, TURN);
        }
        __syncwarp();
      }
      if (MATRIX::GROUPS > 1 && MATRIX::GROUP_COLUMNS % TURN != 0) enter_group(turn * TURN + pair * 32);
      uint4 b[B_TILES];
#pragma unroll
      for (int i = 0; i < B_TILES; i++) b[i] = *(const uint4 *)(shared + panel + pair % PAIRS * PAIR_BYTES + i * 512 + (pair % PAIRS % 2 == 0 ? lane_bytes : lane_bytes ^ 64));
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const int slice = pair * 2 + half;
        if (slice % SLICES == 0) held = ring.hold(slice);
        uint32 a[2][4];
        Weights::fragments(held, zeros, slice % SLICES, t, a);
#pragma unroll
        for (int i = 0; i < B_TILES; i++)
#pragma unroll
          for (int tile = 0; tile < 2; tile++)
            multiply_tile(group_sums[i % ROW_TILES][tile], a[tile], half == 0 ? b[i].x : b[i].z, half == 0 ? b[i].y : b[i].w);
        if (slice % SLICES == SLICES - 1) ring.release(slice);
      }
      if (pair % PAIRS == PAIRS - 1) __syncwarp(); /* all have read the panel */
    }
    ring.end_turn();
    of_x += TURN;
  }
  end_group();

  ring.finish();
  __syncthreads();
  float *const of_warp = (float *)shared; /* [WARPS][32][ROWS + 1] */
  float *const scale_of_row = SCALES_SHARED ? (float *)(shared + RING_AND_PANELS) : of_warp + WARPS * OF_WARP;
  if (!SCALES_SHARED && threadIdx.x < ROWS) scale_of_row[threadIdx.x] = row_scale;
#pragma unroll
  for (int r = 0; r < ROW_TILES; r++)
#pragma unroll
    for (int tile = 0; tile < 2; tile++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (PARTS_IN_TILE) sums[r][tile][i] += __shfl_xor_sync(ALL_LANES, sums[r][tile][i], 2);
        const int row = r * 8 + t * 2 + i % 2;
        if (row < ROWS) of_warp[warp_id() * OF_WARP + Weights::output(g, tile, i / 2) * (ROWS + 1) + row] = sums[r][tile][i];
      }
  __syncthreads();
  auto of_all_warps = [&](int of_block, int r) {
    float sum = 0;
    for (int w = 0; w < WARPS; w++) sum += of_warp[w * OF_WARP + of_block * (ROWS + 1) + r];
    return sum * scale_of_row[r];
  };
  /* Of each 32 outputs and each split of theirs: [ROWS][32] sums, then squares of each row. */
  constexpr int OF_SPLIT = ROWS * 33;
  float *const of_splits = parts + (int64)blockIdx.x * (SPLITS * OF_SPLIT);
  if constexpr (SPLITS > 1) {
    __shared__ bool arrived_last;
    float *const part = of_splits + split * OF_SPLIT;
    for (int i = threadIdx.x; i < 32 * rows; i += THREADS) part[i] = of_all_warps(i % 32, i / 32);
    if (NORMED && threadIdx.x < rows) part[ROWS * 32 + threadIdx.x] = row_squares;
    if (!arrives_last(counters + blockIdx.x, SPLITS, arrived_last)) return;
    if constexpr (NORMED) {
      if (threadIdx.x < rows) {
        float squares = 0;
        for (int s = 0; s < SPLITS; s++) squares += of_splits[s * OF_SPLIT + ROWS * 32 + threadIdx.x];
        scale_of_row[threadIdx.x] = 1.0f / sqrtf(squares / K + epsilon);
      }
      __syncthreads();
    }
  }
  auto result = [&](int of_block, int r, int output) {
    float sum = 0;
    if constexpr (SPLITS == 1) {
      sum = of_all_warps(of_block, r);
    } else {
#pragma unroll
      for (int s = 0; s < SPLITS; s++) sum += of_splits[s * OF_SPLIT + r * 32 + of_block];
      if (NORMED) sum *= scale_of_row[r];
    }
    return bias ? sum + bias[output] : sum;
  };
  for (int i = threadIdx.x; i < RESULTS * rows; i += THREADS) {
    const int64 r = i / RESULTS;
    const int of_block = i % RESULTS, output = first * 16 + of_block;
    if constexpr (SWIGLU) {
      const float gate = result(of_block, r, output), up = result(of_block + 16, r, output + MATRIX::OUTPUTS / 2);
      y[r * Y_STRIDE + output] = gate / (1.0f + expf(-gate)) * up;
    } else if (output < MATRIX::OUTPUTS) {
      float sum = result(of_block, r, output);
      if (residual) sum += residual[r * RESIDUAL_STRIDE + output];
      y[r * Y_STRIDE + output] = sum;
    }
  }
}
