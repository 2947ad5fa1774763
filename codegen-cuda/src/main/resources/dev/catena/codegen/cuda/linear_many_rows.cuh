/* y = x W^T (+ bias) (+ residual) for many rows, on tensor cores: f16 products, f32 sums. An element of x is the sum of PARTS
   halves: two hold 22 bits of it, so that products are as fine as f32's; one is faster. */

/* Rows of x as [rows][PARTS][PADDED] halves, each row scaled by a power of two so that its largest element is near 2^14:
   nothing overflows, and what is small beside the row's largest stays normal down to 2^-28 of it. Columns are padded with
   zeros. A block is a row. */
template <int COLUMNS, int PADDED, int PARTS, int X_STRIDE, int WARPS>
void rows_to_half(int rows, const float *x, uint16 *x_half, float *row_scale) {
  const int64 r = blockIdx.x;
  if (r >= rows) return;
  x += r * X_STRIDE;
  x_half += r * PARTS * PADDED;
  float largest = 0;
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32) largest = fmaxf(largest, fabsf(x[c]));
  const int exponent = (__float_as_int(block_max<WARPS>(largest)) >> 23) - 127;
  /* Rows of zeros or subnormals, and rows that hold an infinity, stay as they are. */
  const int shift = exponent == -127 || exponent == 128 ? 0 : 13 - exponent;
  const float factor = power_of_two(shift / 2), rest_of_factor = power_of_two(shift - shift / 2);
  for (int c = threadIdx.x; c < PADDED; c += WARPS * 32) {
    float rest = c < COLUMNS ? x[c] * factor * rest_of_factor : 0;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      const uint16 half = half_of_float(rest);
      x_half[part * PADDED + c] = half;
      rest -= float_of_half(half);
    }
  }
  if (threadIdx.x == 0) row_scale[r] = power_of_two(-shift / 2) * power_of_two(shift / 2 - shift);
}

/* sums += a b: a [16 outputs][16 columns], b [16 columns][8 rows of x] of f16. sm_75 has half the depth. */
inline void multiply_tile(float (&sums)[4], const uint32 (&a)[4], uint32 b0, uint32 b1) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3]) : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
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

/* A block has TILE_ROWS rows of x and 16 outputs a warp. Rows of x go through shared memory in stages of 64 columns;
   weights go from memory straight to the registers of the one warp that needs them. Codes less their zero are exact in f16;
   the sums of a group are scaled in f32. */
template <class MATRIX, int TILE_ROWS, int PARTS, int Y_STRIDE, int RESIDUAL_STRIDE, int WARPS, int STAGES>
void linear_many_rows(int rows, const uint16 *x_half, const float *row_scale, const uint8 *weight, const float *bias,
                      const float *residual, float *y) {
  constexpr int DEPTH = divide_up(MATRIX::INPUTS, 64), PADDED = DEPTH * 64, TILES = TILE_ROWS / 8;
  constexpr int BLOCKS = divide_up(MATRIX::OUTPUTS, 16), THREADS = WARPS * 32;
  static_assert(MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % 32 == 0, "a chunk of 32 columns lies in one group");
  const int first_row = blockIdx.y * TILE_ROWS;
  rows = least(rows - first_row, TILE_ROWS);
  if (rows <= 0) return;
  x_half += (int64)first_row * PARTS * PADDED;

  /* Each half of a stage's part is [TILE_ROWS][32 columns]: a warp's 16-byte loads of B meet no bank twice. */
  __shared__ alignas(16) uint16 tiles[STAGES][PARTS][2][TILE_ROWS][32];
  auto copy_stage = [&](int depth) {
    if (depth < DEPTH)
      for (int i = threadIdx.x; i < TILE_ROWS * PARTS * 8; i += THREADS) {
        const int r = i / 8 / PARTS, part = i / 8 % PARTS, eight = i % 8;
        copy_16_bytes(&tiles[depth % STAGES][part][eight / 4][r][eight % 4 * 8],
                      x_half + ((int64)(r < rows ? r : 0) * PARTS + part) * PADDED + depth * 64 + eight * 8, r < rows);
      }
    end_copy_group();
  };

  /* Lane (g, t): rows g and g + 8 of A and C, columns 2 t, 2 t + 1 of C. */
  const int g = lane_id() / 4, t = lane_id() % 4;
  const int block_index = blockIdx.x * WARPS + warp_id();
  const bool works = block_index < BLOCKS; /* a warp without outputs still copies and meets the barriers */
  const uint8 *block = weight + (works ? block_index : 0) * MATRIX::BLOCK_BYTES;

  float sums[TILES][4] = {}, group_sums[TILES][4] = {};
  float scales[2] = {1, 1};
  uint32 zeros[2] = {};
  int group = 0;
  auto begin_group = [&]() {
    if constexpr (MATRIX::QUANTIZED) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        scales[half] = MATRIX::scale(block, group, MATRIX::output(g, half));
        zeros[half] = MATRIX::zero_halves(MATRIX::zero(block, group, MATRIX::output(g, half)));
      }
    }
  };
  auto end_group = [&]() {
#pragma unroll
    for (int tile = 0; tile < TILES; tile++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sums[tile][i] = fmaf(group_sums[tile][i], scales[i / 2], sums[tile][i]);
        group_sums[tile][i] = 0;
      }
  };

  for (int depth = 0; depth < STAGES - 1; depth++) copy_stage(depth);
  begin_group();
  typename MATRIX::Chunk next[2] = {MATRIX::load(block, 0, g, t), MATRIX::load(block, 1, g, t)};
  for (int depth = 0; depth < DEPTH; depth++) {
    await_copy_groups<STAGES - 2>();
    __syncthreads(); /* this stage has landed for all, and all have done with the one that is filled next */
    copy_stage(depth + STAGES - 1);
    const typename MATRIX::Chunk now[2] = {next[0], next[1]};
    if (depth + 1 < DEPTH) {
      next[0] = MATRIX::load(block, 2 * depth + 2, g, t);
      next[1] = MATRIX::load(block, 2 * depth + 3, g, t);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const int column = depth * 64 + half * 32;
      if (MATRIX::GROUPS > 1 && column < MATRIX::INPUTS && column / MATRIX::GROUP_COLUMNS != group) {
        end_group();
        group = column / MATRIX::GROUP_COLUMNS;
        begin_group();
      }
      uint32 a[2][4];
      MATRIX::fragments(now[half], zeros, a);
#pragma unroll
      for (int tile = 0; tile < TILES; tile++)
#pragma unroll
        for (int part = 0; part < PARTS; part++) {
          const uint4 b = *(const uint4 *)&tiles[depth % STAGES][part][half][tile * 8 + g][t * 8];
          multiply_tile(group_sums[tile], a[0], b.x, b.y);
          multiply_tile(group_sums[tile], a[1], b.z, b.w);
        }
    }
  }
  end_group();

  if (!works) return;
#pragma unroll
  for (int tile = 0; tile < TILES; tile++)
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const int r = tile * 8 + t * 2 + i % 2, output = block_index * 16 + MATRIX::output(g, i / 2);
      if (r < rows && output < MATRIX::OUTPUTS) {
        const int64 row = first_row + r;
        float sum = sums[tile][i] * row_scale[row];
        if (bias) sum += bias[output];
        if (residual) sum += residual[row * RESIDUAL_STRIDE + output];
        y[row * Y_STRIDE + output] = sum;
      }
    }
}
