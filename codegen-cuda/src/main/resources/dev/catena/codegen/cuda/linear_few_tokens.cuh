/* y = x W^T (+ bias) (+ residual) for up to 8 rows of x, on tensor cores: weights, f16 or codes, are the A operand, rows of x the
   columns of B. Codes less their zero are exact in f16; an element of x is the sum of PARTS halves, and the sums of a group are
   scaled in f32. NORMED: x goes through RMS norm first. SWIGLU: the first half of the outputs is the gate, and
   y = silu(gate) * the second half.

   A block has 32 outputs; its warps share the columns, each a run of its own. A lane's loads of weights are 128 bits; those of the
   next BATCH steps are under way while it multiplies, IN_FLIGHT loads where there are enough columns. */
constexpr int TOKENS = 8;

/* 32 columns of two blocks of 16 outputs: what lane (g, t) loads of them, and that as A operands of two steps each. Of x, lane
   (g, t) has columns 8 t ... 8 t + 7, four a step. Codes: a lane has 8 columns of 4 outputs, rows g and g + 8 of two tiles. */
template <class MATRIX> struct TokenWeights {
  static constexpr int LOADS = MATRIX::CHUNK_WORDS, TILES = 2;

  static bool in_first_block(int g) { return g < 4; }
  static int output(int g, int tile, int half) { return g * 4 + tile * 2 + half; }

  static uint4 load(const uint8 *block, int step, int i, int g, int t) {
    const int word = (step * 4 + t) * LOADS + i;
    uint4 words = {0, 0, 0, 0};
    if (MATRIX::INPUTS % 32 == 0 || word < MATRIX::WORDS) words = *(const uint4 *)(block + (word * 16 + g % 4 * 4) * 4);
    return words;
  }

  static void fragments(const uint4 (&loads)[LOADS], const uint32 (&zeros)[2][2], int, uint32 (&a)[TILES][2][4]) {
#pragma unroll
    for (int tile = 0; tile < TILES; tile++) {
      typename MATRIX::Chunk chunk;
#pragma unroll
      for (int i = 0; i < LOADS; i++) {
        chunk.words[0][i] = tile == 0 ? loads[i].x : loads[i].z;
        chunk.words[1][i] = tile == 0 ? loads[i].y : loads[i].w;
      }
      MATRIX::fragments(chunk, zeros[tile], a[tile]);
    }
  }
};

/* f16: a lane has 4 columns of 8 outputs, rows g and g + 8 of four tiles. Lanes g and g + 4 have the same outputs; of a step's four columns
   the former have the first two, as k below 8, the latter the others. The other half of their rows is zero, and their sums are added. */
template <int N, int K> struct TokenWeights<Halves<N, K>> {
  static constexpr int LOADS = 4, TILES = 4;

  static bool in_first_block(int g) { return g % 4 < 2; }
  static int output(int g, int tile, int half) { return g % 4 * 8 + tile * 2 + half; }

  static uint4 load(const uint8 *block, int step, int i, int g, int t) {
    const int column = step * 32 + t * 8 + i / 2 * 4 + g / 4 * 2 + i % 2;
    uint4 outputs = {0, 0, 0, 0};
    if (K % 32 == 0 || column < K) outputs = *(const uint4 *)(block + column * 32 + g % 2 * 16);
    return outputs;
  }

  static void fragments(const uint4 (&loads)[LOADS], const uint32 (&)[2][2], int g, uint32 (&a)[TILES][2][4]) {
#pragma unroll
    for (int step = 0; step < 2; step++) {
      const uint4 one = loads[2 * step], other = loads[2 * step + 1];
      const uint32 of_one[TILES] = {one.x, one.y, one.z, one.w}, of_other[TILES] = {other.x, other.y, other.z, other.w};
#pragma unroll
      for (int tile = 0; tile < TILES; tile++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
          const uint32 pair = __byte_perm(of_one[tile], of_other[tile], half == 0 ? 0x5410 : 0x7632);
          a[tile][step][half] = g < 4 ? pair : 0, a[tile][step][half + 2] = g < 4 ? 0 : pair;
        }
    }
  }
};

template <class MATRIX, int PARTS, int X_STRIDE, int Y_STRIDE, int RESIDUAL_STRIDE, bool VECTOR, bool NORMED, bool SWIGLU, int WARPS,
          int IN_FLIGHT>
void linear_few_tokens(int rows, const float *x, const float *norm, float epsilon, const uint8 *weight, const float *bias,
                       const float *residual, float *y) {
  constexpr int K = MATRIX::INPUTS, BLOCKS = divide_up(MATRIX::OUTPUTS, 16), STEPS = divide_up(K, 32);
  using Weights = TokenWeights<MATRIX>;
  constexpr int LOADS = Weights::LOADS, TILES = Weights::TILES;
  constexpr int BATCH = STEPS >= IN_FLIGHT * WARPS && IN_FLIGHT > LOADS ? IN_FLIGHT / LOADS : 1;
  constexpr int RUN = divide_up(STEPS, WARPS * BATCH) * BATCH;
  constexpr bool BATCH_IN_GROUP = MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % (BATCH * 32) == 0;
  constexpr int THREADS = WARPS * 32, RESULTS = SWIGLU ? 16 : 32;
  static_assert(MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % 32 == 0, "a step of 32 columns lies in one group");
  const int first_row = blockIdx.y * TOKENS;
  rows = least(rows - first_row, TOKENS);
  if (rows <= 0) return;
  x += (int64)first_row * X_STRIDE;

  const int g = lane_id() / 4, t = lane_id() % 4;
  const int first = SWIGLU ? blockIdx.x : 2 * blockIdx.x, second = SWIGLU ? blockIdx.x + BLOCKS / 2 : first + 1;
  const uint8 *block = weight + (Weights::in_first_block(g) || second >= BLOCKS ? first : second) * MATRIX::BLOCK_BYTES;
  const int begin = warp_id() * RUN, end = least(begin + RUN, STEPS);

  uint4 next[BATCH][LOADS];
  auto load_batch = [&](int step) {
#pragma unroll
    for (int i = 0; i < BATCH; i++)
#pragma unroll
      for (int j = 0; j < LOADS; j++) {
        next[i][j] = {0, 0, 0, 0};
        if ((STEPS % BATCH == 0 ? step : step + i) < end) next[i][j] = Weights::load(block, step + i, j, g, t);
      }
  };
  load_batch(begin); /* weights depend on nothing that a kernel before this one writes */
  await_launches_before();

  /* What brings a row near 2^14, where halves hold most of it, and what takes its sums back. */
  __shared__ float row_scale[TOKENS];
  const int own_row = least(g, rows - 1); /* columns of B without a row take the last one's: nobody looks at their sums */
  float factor = 0;
  for (int r = 0; r < rows; r++) {
    float largest = 0, squares = 0;
    for (int c = threadIdx.x; c < K; c += THREADS) {
      const float value = x[(int64)r * X_STRIDE + c];
      squares = fmaf(value, value, squares);
      largest = fmaxf(largest, fabsf(NORMED ? value * norm[c] : value));
    }
    const int exponent = (__float_as_int(block_max<WARPS>(largest)) >> 23) - 127;
    /* Rows of zeros or subnormals, and rows that hold an infinity, stay as they are. */
    const int shift = exponent == -127 || exponent == 128 ? 0 : least(13 - exponent, 126);
    if (r == own_row) factor = power_of_two(shift);
    const float normal = NORMED ? 1.0f / sqrtf(block_sum<WARPS>(squares) / K + epsilon) : 1;
    if (threadIdx.x == 0) row_scale[r] = power_of_two(-shift) * normal;
  }

  int group = -1;
  float scales[4] = {1, 1, 1, 1}, sums[TILES][4] = {}, group_sums[TILES][4] = {};
  uint32 zeros[2][2] = {};
  auto end_group = [&]() {
#pragma unroll
    for (int tile = 0; tile < TILES; tile++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sums[tile][i] = fmaf(group_sums[tile][i], scales[MATRIX::QUANTIZED ? tile * 2 + i / 2 : 0], sums[tile][i]);
        group_sums[tile][i] = 0;
      }
  };
  auto enter_group = [&](int step) {
    const int now = MATRIX::GROUPS > 1 ? step * 32 / MATRIX::GROUP_COLUMNS : 0;
    if (now == group) return;
    if (group >= 0) end_group();
    group = now;
    if constexpr (MATRIX::QUANTIZED) {
      MATRIX::four_scales(block, group, g % 4 * 4, scales);
      uint32 codes = MATRIX::MIDDLE_ZEROS;
      if (MATRIX::STORED_ZEROS) codes = *(const uint32 *)(block + MATRIX::ZERO_CODES + group * 16 + g % 4 * 4);
#pragma unroll
      for (int i = 0; i < 4; i++) zeros[i / 2][i % 2] = MATRIX::zero_halves(codes >> i * 8 & 255);
    }
  };
  auto load_row = [&](int column, float (&of_x)[8]) {
    const float *from = x + (int64)own_row * X_STRIDE + column;
    if (K % 32 == 0 || column + 8 <= K) {
      load_floats<8, VECTOR>(from, of_x);
      if constexpr (NORMED) {
        float weights[8];
        load_floats<8, true>(norm + column, weights);
#pragma unroll
        for (int i = 0; i < 8; i++) of_x[i] *= weights[i];
      }
    } else {
#pragma unroll
      for (int i = 0; i < 8; i++) of_x[i] = column + i < K ? NORMED ? from[i] * norm[column + i] : from[i] : 0;
    }
#pragma unroll
    for (int i = 0; i < 8; i++) of_x[i] *= factor;
  };

  for (int batch = begin; batch < end; batch += BATCH) {
    uint4 now[BATCH][LOADS];
#pragma unroll
    for (int i = 0; i < BATCH; i++)
#pragma unroll
      for (int j = 0; j < LOADS; j++) now[i][j] = next[i][j];
    load_batch(batch + BATCH);
    if (BATCH_IN_GROUP) enter_group(batch);
#pragma unroll
    for (int i = 0; i < BATCH; i++) {
      const int step = batch + i;
      if (STEPS % BATCH != 0 && step >= end) break;
      if (!BATCH_IN_GROUP) enter_group(step);
      uint32 a[TILES][2][4];
      Weights::fragments(now[i], zeros, g, a);
      float of_x[8];
      load_row(step * 32 + t * 8, of_x);
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        uint32 b[4];
#pragma unroll
        for (int j = 0; j < 4; j++) {
          b[j] = halves_of_floats(of_x[2 * j], of_x[2 * j + 1]);
          if (part + 1 < PARTS) of_x[2 * j] -= low_half(b[j]), of_x[2 * j + 1] -= high_half(b[j]);
        }
#pragma unroll
        for (int tile = 0; tile < TILES; tile++) {
          multiply_tile(group_sums[tile], a[tile][0], b[0], b[1]);
          multiply_tile(group_sums[tile], a[tile][1], b[2], b[3]);
        }
      }
    }
  }
  end_group();

  __shared__ float of_warp[WARPS][32][TOKENS + 1];
#pragma unroll
  for (int tile = 0; tile < TILES; tile++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      if constexpr (!MATRIX::QUANTIZED) sums[tile][i] += __shfl_xor_sync(ALL_LANES, sums[tile][i], 16);
      if (MATRIX::QUANTIZED || g < 4) of_warp[warp_id()][Weights::output(g, tile, i / 2)][t * 2 + i % 2] = sums[tile][i];
    }
  __syncthreads();
  auto result = [&](int of_block, int r, int output) {
    float sum = 0;
    for (int w = 0; w < WARPS; w++) sum += of_warp[w][of_block][r];
    sum *= row_scale[r];
    return bias ? sum + bias[output] : sum;
  };
  for (int i = threadIdx.x; i < RESULTS * rows; i += THREADS) {
    const int r = i / RESULTS, of_block = i % RESULTS, output = first * 16 + of_block;
    const int64 row = first_row + r;
    if constexpr (SWIGLU) {
      const float gate = result(of_block, r, output), up = result(of_block + 16, r, output + MATRIX::OUTPUTS / 2);
      y[row * Y_STRIDE + output] = gate / (1.0f + expf(-gate)) * up;
    } else if (output < MATRIX::OUTPUTS) {
      float sum = result(of_block, r, output);
      if (residual) sum += residual[row * RESIDUAL_STRIDE + output];
      y[row * Y_STRIDE + output] = sum;
    }
  }
}
