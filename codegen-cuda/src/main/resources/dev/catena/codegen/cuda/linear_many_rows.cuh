/* y = x W^T (+ bias) (+ residual) for many rows, on tensor cores: f16 products, f32 sums. An element of x is the sum of PARTS
   halves: two hold 22 bits of it, so that products are as fine as f32's; one is faster. */

/* A power of two that brings a row's largest element near 2^14, and back, in two factors, neither of which leaves the range of normal floats. */
struct RowScaling {
  float factor, rest_of_factor, back;
  float scaled(float element) const { return element * factor * rest_of_factor; }
};

inline RowScaling scaling_of(float largest) {
  const int exponent = (__float_as_int(largest) >> 23) - 127;
  /* Rows of zeros or subnormals, and rows that hold an infinity, stay as they are. */
  const int shift = exponent == -127 || exponent == 128 ? 0 : 13 - exponent;
  return {power_of_two(shift / 2), power_of_two(shift - shift / 2), power_of_two(-shift / 2) * power_of_two(shift / 2 - shift)};
}

/* 16 bytes from global to shared memory, behind the block's back where the GPU can; zeros if not `present`. */
inline void copy_16_bytes(void *to, const void *from, bool present) {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"((uint32)__cvta_generic_to_shared(to)), "l"(from),
               "r"(present ? 16 : 0) : "memory");
#else
  uint4 bytes = {0, 0, 0, 0};
  if (present) bytes = *(const uint4 *)from;
  *(uint4 *)to = bytes;
#endif
}

inline void end_copy_group() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/* Waits until at most PENDING of this thread's groups of copies are under way. */
template <int PENDING> void await_copy_groups() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#endif
}

/* Writes four neighbouring outputs of a row, with what is added to them. With VECTOR they lie at multiples of 16 bytes. */
template <int OUTPUTS, bool VECTOR> void finish_four(const float (&four)[4], int output, const float *bias, const float *residual, float *y) {
  if (VECTOR && (OUTPUTS % 4 == 0 ? output < OUTPUTS : output + 4 <= OUTPUTS)) {
    float4 sum = {four[0], four[1], four[2], four[3]};
    if (bias) {
      const float4 b = *(const float4 *)(bias + output);
      sum.x += b.x, sum.y += b.y, sum.z += b.z, sum.w += b.w;
    }
    if (residual) {
      const float4 r = *(const float4 *)(residual + output);
      sum.x += r.x, sum.y += r.y, sum.z += r.z, sum.w += r.w;
    }
    *(float4 *)(y + output) = sum;
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (output + i < OUTPUTS) {
        float sum = four[i];
        if (bias) sum += bias[output + i];
        if (residual) sum += residual[output + i];
        y[output + i] = sum;
      }
  }
}

/* Tiles of rows that are multiplied side by side are blockIdx.x, groups of these blockIdx.z, outputs blockIdx.y: blocks that run together then
   share weights as well as rows in level 2. */
inline int row_tile() { return blockIdx.z * gridDim.x + blockIdx.x; }

/* A block has TILE_ROWS rows of x and OUTPUT_WARPS * 32 outputs; a warp 32 outputs and TILE_ROWS / ROW_WARPS rows. Rows of x go
   through shared memory in STAGES stages of 32 columns, copied behind the block's back. Weights go from memory to the
   registers of the warps that need them, AHEAD stages early, 128 bits of codes at a time: a lane's are 8 columns of 4 outputs, rows
   g and g + 8 of two A operands. Their codes less their zero are exact in f16; the sums of a group are scaled in f32. */
template <class MATRIX, int TILE_ROWS, int OUTPUT_WARPS, int ROW_WARPS, int PARTS, int Y_STRIDE, int RESIDUAL_STRIDE, bool VECTOR,
          int STAGES>
void linear_many_rows(int rows, const uint16 *x_half, const float *row_scale, const uint8 *weight, const float *bias,
                      const float *residual, float *y) {
  constexpr int DEPTH = divide_up(MATRIX::INPUTS, 32), PADDED = divide_up(MATRIX::INPUTS, 64) * 64;
  /* Products of one half take a stage of 64 rows 410 to 512 clocks on an H100 and an A100, and memory takes 470 to answer. */
  constexpr int AHEAD = PARTS == 1 || MATRIX::QUANTIZED && MATRIX::COLUMNS == 8 ? 2 : 1;
  constexpr int WARP_ROWS = TILE_ROWS / ROW_WARPS, TILES = WARP_ROWS / 8;
  constexpr int BLOCKS = divide_up(MATRIX::OUTPUTS, 16), THREADS = OUTPUT_WARPS * ROW_WARPS * 32;
  static_assert(MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % 32 == 0, "a stage of 32 columns lies in one group");
  const int first_row = row_tile() * TILE_ROWS;
  rows = least(rows - first_row, TILE_ROWS);
  if (rows <= 0) return;
  x_half += (int64)first_row * PARTS * PADDED;

  /* A warp's 16-byte loads of B take 8 rows that lie side by side: they meet no bank twice. */
  __shared__ alignas(16) uint16 tiles[STAGES][PARTS][TILE_ROWS][32];
  /* Each thread copies 8 columns of every (THREADS / 4)-th half row; eight of them two rows of one part, which lie side by side and
     meet no bank twice. Of a half row that isn't there, nothing is read. */
  constexpr int HALF_ROWS = TILE_ROWS * PARTS, APART = THREADS / 4;
  const int four = threadIdx.x / 4, part_of_thread = four / 2 % PARTS, row_of_thread = four / (2 * PARTS) * 2 + four % 2;
  const int first_half_row = row_of_thread * PARTS + part_of_thread;
  uint16 *const to = &tiles[0][part_of_thread][row_of_thread][threadIdx.x % 4 * 8];
  const uint16 *from = x_half + (int64)first_half_row * PADDED + threadIdx.x % 4 * 8;
  auto copy_stage = [&](int depth, int stage) {
    if (depth < DEPTH)
#pragma unroll
      for (int i = 0; i < divide_up(HALF_ROWS, APART); i++) {
        const int half_row = first_half_row + i * APART;
        if (HALF_ROWS % APART == 0 || half_row < HALF_ROWS)
          copy_16_bytes(to + (stage * HALF_ROWS + i * (APART / PARTS)) * 32, from + (int64)i * APART * PADDED, half_row < rows * PARTS);
      }
    from += 32;
    end_copy_group();
  };

  /* Lane (g, t): rows g and g + 8 of A and C, columns 2 t, 2 t + 1 of C; weights of the outputs 4 g ... 4 g + 3 of the warp's. */
  const int g = lane_id() / 4, t = lane_id() % 4, quarter = g % 4;
  const int first_block = (blockIdx.y * OUTPUT_WARPS + warp_id() % OUTPUT_WARPS) * 2;
  const int row_of_warp = warp_id() / OUTPUT_WARPS * WARP_ROWS;
  /* A warp without outputs or rows still copies and meets the barriers; it reads some other warp's weights. */
  const uint8 *block = weight + least(first_block + g / 4, BLOCKS - 1) * MATRIX::BLOCK_BYTES;

  float sums[2][TILES][4] = {}, group_sums[2][TILES][4] = {};
  float scales[4] = {1, 1, 1, 1}, next_scales[4] = {};
  uint32 zeros[2][2] = {}, next_zeros = MATRIX::MIDDLE_ZEROS;
  int group = 0;
  auto load_group = [&](int of_group) {
    if constexpr (MATRIX::QUANTIZED) {
      MATRIX::four_scales(block, of_group, quarter * 4).values(next_scales);
      if (MATRIX::STORED_ZEROS) next_zeros = *(const uint32 *)(block + MATRIX::ZERO_CODES + of_group * 16 + quarter * 4);
    }
  };
  auto begin_group = [&]() {
    if constexpr (MATRIX::QUANTIZED) {
#pragma unroll
      for (int i = 0; i < 4; i++) scales[i] = next_scales[i], zeros[i / 2][i % 2] = MATRIX::zero_halves(next_zeros >> i * 8 & 255);
      if (group + 1 < MATRIX::GROUPS) load_group(group + 1);
    }
  };
  auto end_group = [&]() {
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
      for (int tile = 0; tile < TILES; tile++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          sums[half][tile][i] = fmaf(group_sums[half][tile][i], scales[half * 2 + i / 2], sums[half][tile][i]);
          group_sums[half][tile][i] = 0;
        }
  };

  typename MATRIX::FourOutputs next[AHEAD];
#pragma unroll
  for (int i = 0; i < AHEAD; i++) next[i] = MATRIX::load_four(block, i, quarter, t);
  load_group(0);
  begin_group();
#pragma unroll
  for (int depth = 0; depth < STAGES - 1; depth++) copy_stage(depth, depth);
  for (int depth = 0, stage = 0; depth < DEPTH; depth++) {
    await_copy_groups<STAGES - 2>();
    __syncthreads(); /* this stage has landed for all, and all have done with the one that is filled next */
    copy_stage(depth + STAGES - 1, stage == 0 ? STAGES - 1 : stage - 1);
    const typename MATRIX::FourOutputs now = next[0];
#pragma unroll
    for (int i = 1; i < AHEAD; i++) next[i - 1] = next[i];
    next[AHEAD - 1] = MATRIX::load_four(block, depth + AHEAD, quarter, t);
    if (MATRIX::GROUPS > 1 && depth * 32 / MATRIX::GROUP_COLUMNS != group) {
      end_group();
      group++;
      begin_group();
    }
    uint32 a[2][2][4];
#pragma unroll
    for (int half = 0; half < 2; half++) MATRIX::fragments(now.chunk(half), zeros[half], a[half]);
#pragma unroll
    for (int tile = 0; tile < TILES; tile++)
#pragma unroll
      for (int part = 0; part < PARTS; part++) {
        const uint4 b = *(const uint4 *)&tiles[stage][part][row_of_warp + tile * 8 + g][t * 8];
#pragma unroll
        for (int half = 0; half < 2; half++) {
          multiply_tile(group_sums[half][tile], a[half][0], b.x, b.y);
          multiply_tile(group_sums[half][tile], a[half][1], b.z, b.w);
        }
      }
    stage = stage + 1 == STAGES ? 0 : stage + 1;
  }
  end_group();

  const int output = first_block * 16 + g * 4;
#pragma unroll
  for (int tile = 0; tile < TILES; tile++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int r = row_of_warp + tile * 8 + t * 2 + i;
      if (r >= rows) continue;
      const int64 row = first_row + r;
      const float factor = row_scale[row];
      const float four[4] = {sums[0][tile][i] * factor, sums[0][tile][i + 2] * factor, sums[1][tile][i] * factor,
                             sums[1][tile][i + 2] * factor};
      finish_four<MATRIX::OUTPUTS, VECTOR>(four, output, bias, residual ? residual + row * RESIDUAL_STRIDE : nullptr, y + row * Y_STRIDE);
    }
}
