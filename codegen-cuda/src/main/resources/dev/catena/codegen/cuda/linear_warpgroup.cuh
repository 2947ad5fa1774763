/* y = x W^T (+ bias) (+ residual) for many rows by wgmma, whose code only sm_90a takes (PTX ISA 9.7.15). No GPU has run this yet. One warp
   copies x and weights to shared memory, stage by stage, in bulk; two groups of four warps wait for stages by mbarrier. A is the weights, made
   halves of in registers; B is x in shared memory. */
constexpr int STAGE_COLUMNS = 64, WARPGROUP_ROWS = 128, WARPGROUP_OUTPUTS = 128;

/* What one copy brings: x of a tile of 128 rows in 64 columns, as [part][8 columns][row][8 halves] (core matrices of 8 rows, without a swizzle). */
template <int PARTS> constexpr int TILE_BYTES = PARTS * STAGE_COLUMNS * WARPGROUP_ROWS * 2;

/* Rows of x as images of shared memory, [tile of 128 rows][64 columns], scaled as rows_to_half does it. Rows behind the last one are zeros up
   to the tile's end. Of 32 columns, lane t of four multiplies every fourth run of WORD_COLUMNS (two_outputs of the matrix). A warp has a row. */
template <int COLUMNS, int WORD_COLUMNS, int PARTS, int X_STRIDE, int WARPS>
void rows_to_tiles(int rows, const float *x, uint16 *tiles, float *row_scale) {
  constexpr int DEPTH = divide_up(COLUMNS, STAGE_COLUMNS);
  const int r = blockIdx.x * WARPS + warp_id();
  if (r >= divide_up(rows, WARPGROUP_ROWS) * WARPGROUP_ROWS) return;
  const bool present = r < rows;
  x += (int64)r * X_STRIDE;
  float largest = 0;
  if (present)
    for (int c = lane_id(); c < COLUMNS; c += 32) largest = fmaxf(largest, fabsf(x[c]));
  const RowScaling scaling = scaling_of(warp_max(largest));
  tiles += ((int64)(r / WARPGROUP_ROWS) * DEPTH * PARTS * STAGE_COLUMNS * WARPGROUP_ROWS) + r % WARPGROUP_ROWS * 8;
  for (int eight = lane_id(); eight < DEPTH * 8; eight += 32) {
    float rest[8];
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const int of_lane = eight % 4 * 2 + i % 2; /* of the 8 columns that lane t of four multiplies */
      const int c = eight / 4 * 32 + (of_lane / WORD_COLUMNS * 4 + i / 2) * WORD_COLUMNS + of_lane % WORD_COLUMNS;
      rest[i] = present && c < COLUMNS ? scaling.scaled(x[c]) : 0;
    }
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      uint32 pairs[4];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        pairs[i] = halves_of_floats(rest[i * 2], rest[i * 2 + 1]);
        rest[i * 2] -= low_half(pairs[i]), rest[i * 2 + 1] -= high_half(pairs[i]);
      }
      *(uint4 *)(tiles + ((int64)(eight / 8 * PARTS + part) * 8 + eight % 8) * (WARPGROUP_ROWS * 8)) = {pairs[0], pairs[1], pairs[2], pairs[3]};
    }
  }
  if (present && lane_id() == 0) row_scale[r] = scaling.back;
}

#define SUMS_OF(S, O) "+f"(S[O]), "+f"(S[O + 1]), "+f"(S[O + 2]), "+f"(S[O + 3]), "+f"(S[O + 4]), "+f"(S[O + 5]), "+f"(S[O + 6]), "+f"(S[O + 7])
#define ALL_SUMS(S) SUMS_OF(S, 0), SUMS_OF(S, 8), SUMS_OF(S, 16), SUMS_OF(S, 24), SUMS_OF(S, 32), SUMS_OF(S, 40), SUMS_OF(S, 48), SUMS_OF(S, 56)

/* Before products: what threads did with their registers comes first. */
inline void products_begin(float (&sums)[64], uint32 (&a)[2][4]) {
  asm volatile("wgmma.fence.sync.aligned;"
               : ALL_SUMS(sums), "+r"(a[0][0]), "+r"(a[0][1]), "+r"(a[0][2]), "+r"(a[0][3]), "+r"(a[1][0]), "+r"(a[1][1]), "+r"(a[1][2]), "+r"(a[1][3])
               :: "memory");
}

/* sums [64 outputs][128 rows] = a [64][16] b (+ sums). */
inline void multiply_warpgroup(float (&sums)[64], const uint32 (&a)[4], uint64 b, bool add) {
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\nwgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
               "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, "
               "%28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, "
               "%54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, {%64, %65, %66, %67}, %68, p, 1, 1, 0;\n}"
               : ALL_SUMS(sums) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((uint32)add));
}

inline void end_product_group() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/* The compiler makes the sums before it and uses them behind it: it may neither copy them while products are under way nor put off
   what is computed of them until the next products need their registers. */
inline void settle(float (&sums)[64]) { asm volatile("" : ALL_SUMS(sums) :: "memory"); }

/* Waits until at most PENDING groups of products are under way; with 0 the sums may be used. */
template <int PENDING> void await_products(float (&sums)[64]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
  if constexpr (PENDING == 0) settle(sums);
}

/* Writes two neighbouring outputs of a row, with what is added to them. With VECTOR they lie at multiples of 8 bytes. */
template <int OUTPUTS, bool VECTOR> void finish_two(float first, float second, int output, const float *bias, const float *residual, float *y) {
  if (output >= OUTPUTS) return;
  const bool both = OUTPUTS % 2 == 0 || output + 1 < OUTPUTS;
  if (bias) first += bias[output], second += both ? bias[output + 1] : 0;
  if (residual) first += residual[output], second += both ? residual[output + 1] : 0;
  if (VECTOR && both) {
    *(float2 *)(y + output) = {first, second};
  } else {
    y[output] = first;
    if (both) y[output + 1] = second;
  }
}

/* A block has 128 outputs, 64 for each group of four warps, 16 a warp, and 128 rows of x. */
template <class MATRIX, int PARTS, int Y_STRIDE, int RESIDUAL_STRIDE, bool VECTOR, int STAGES>
void linear_warpgroup(int rows, const uint16 *x_tiles, const float *row_scale, const uint8 *weight, const float *bias, const float *residual,
                      float *y) {
  constexpr int DEPTH = divide_up(MATRIX::INPUTS, STAGE_COLUMNS), BLOCKS = divide_up(MATRIX::OUTPUTS, 16), OF_BLOCK = WARPGROUP_OUTPUTS / 16;
  constexpr int WEIGHT_BYTES = MATRIX::COLUMN_BITS * STAGE_COLUMNS / 8, X_BYTES = TILE_BYTES<PARTS>;
  constexpr int STAGE_BYTES = X_BYTES + OF_BLOCK * WEIGHT_BYTES;
  static_assert(MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % 32 == 0, "half a stage lies in one group");
  alignas(128) extern __shared__ uint8 stages[];
  __shared__ alignas(8) uint64 full[STAGES], empty[STAGES];
  const BlockTile place = tile_of_block();
  const int first_row = place.rows * WARPGROUP_ROWS;
  rows = least(rows - first_row, WARPGROUP_ROWS);
  if (rows <= 0) return;
  if (threadIdx.x == 0) {
    for (int i = 0; i < STAGES; i++) begin_phases(shared_address(full + i), 1), begin_phases(shared_address(empty + i), 8);
    show_barriers_to_copies();
  }
  __syncthreads();

  if (warp_id() < 4) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x != 0) return;
    x_tiles += (int64)place.rows * DEPTH * (X_BYTES / 2);
    for (int depth = 0, stage = 0, round = 0; depth < DEPTH; depth++) {
      if (round > 0) await_phase(shared_address(empty + stage), round - 1 & 1);
      const int bytes = least(WEIGHT_BYTES, MATRIX::CODE_BYTES - depth * WEIGHT_BYTES);
      const uint32 to = shared_address(stages + stage * STAGE_BYTES), landed = shared_address(full + stage);
      arrive_and_announce(landed, X_BYTES + OF_BLOCK * bytes);
      copy_in_bulk(to, x_tiles + (int64)depth * (X_BYTES / 2), X_BYTES, landed);
      for (int b = 0; b < OF_BLOCK; b++)
        copy_in_bulk(to + X_BYTES + b * WEIGHT_BYTES, weight + least(place.outputs * OF_BLOCK + b, BLOCKS - 1) * MATRIX::BLOCK_BYTES + depth * WEIGHT_BYTES,
                     bytes, landed);
      if (++stage == STAGES) stage = 0, round++;
    }
    return;
  }

  asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
  /* Lane (g, t): rows g and g + 8 of A and C are the outputs 2 g and 2 g + 1 of the warp's; columns 2 t, 2 t + 1 of C. */
  const int g = lane_id() / 4, t = lane_id() % 4, warp = warp_id() - 4;
  const int block_of_warp = place.outputs * OF_BLOCK + warp;
  const uint8 *block = weight + least(block_of_warp, BLOCKS - 1) * MATRIX::BLOCK_BYTES;
  float sums[64], group_sums[64];
#pragma unroll
  for (int i = 0; i < 64; i++) sums[i] = 0, group_sums[i] = 0;
  float scales[2] = {1, 1}, next_scales[2] = {1, 1};
  uint32 zeros[2] = {}, next_zeros = MATRIX::MIDDLE_ZEROS;
  int group = 0;
  auto load_group = [&](int of_group) {
    if constexpr (MATRIX::QUANTIZED) {
      MATRIX::two_scales(block, of_group, g * 2, next_scales);
      if (MATRIX::STORED_ZEROS) next_zeros = *(const uint16 *)(block + MATRIX::ZERO_CODES + of_group * 16 + g * 2);
    }
  };
  auto begin_group = [&]() {
    if constexpr (MATRIX::QUANTIZED) {
#pragma unroll
      for (int i = 0; i < 2; i++) scales[i] = next_scales[i], zeros[i] = MATRIX::zero_halves(next_zeros >> i * 8 & 255);
      if (group + 1 < MATRIX::GROUPS) load_group(group + 1);
    }
  };
  load_group(0);
  begin_group();
  bool add = false;
  for (int depth = 0, stage = 0, round = 0; depth < DEPTH; depth++) {
    await_phase(shared_address(full + stage), round & 1);
    const uint8 *const tile = stages + stage * STAGE_BYTES;
    /* Start, the next 8 columns behind 128 rows, the next 8 rows behind 128 bytes; no swizzle. */
    const uint64 b = shared_address(tile) >> 4 | (uint64)WARPGROUP_ROWS << 16 | (uint64)(128 >> 4) << 32;
#pragma unroll
    for (int chunk = 0; chunk < 2; chunk++) {
      uint32 a[2][4];
      MATRIX::fragments(MATRIX::two_outputs(tile + X_BYTES + warp * WEIGHT_BYTES, depth * 2, chunk, g, t), zeros, a);
      products_begin(group_sums, a);
#pragma unroll
      for (int step = 0; step < 2; step++)
#pragma unroll
        for (int part = 0; part < PARTS; part++) {
          multiply_warpgroup(group_sums, a[step], b + (part * 8 + chunk * 4 + step * 2) * WARPGROUP_ROWS, add);
          add = true;
        }
      end_product_group();
      const int columns = depth * STAGE_COLUMNS + (chunk + 1) * 32;
      if (MATRIX::GROUPS > 1 && columns % MATRIX::GROUP_COLUMNS == 0) {
        await_products<0>(group_sums);
#pragma unroll
        for (int i = 0; i < 64; i++) sums[i] = fmaf(group_sums[i], scales[i / 2 % 2], sums[i]);
        settle(sums);
        add = false;
        if (columns < MATRIX::INPUTS) {
          group++;
          begin_group();
        }
      } else {
        await_products<1>(group_sums);
      }
      /* The stage before this one has been multiplied. */
      if (chunk == 0 && depth > 0) {
        __syncwarp();
        if (lane_id() == 0) arrive(shared_address(empty + (stage == 0 ? STAGES - 1 : stage - 1)));
      }
    }
    if (++stage == STAGES) stage = 0, round++;
  }
  await_products<0>(group_sums);
  if (MATRIX::GROUPS == 1 || DEPTH * STAGE_COLUMNS % MATRIX::GROUP_COLUMNS != 0)
#pragma unroll
    for (int i = 0; i < 64; i++) sums[i] = fmaf(group_sums[i], scales[i / 2 % 2], sums[i]);

  const int output = block_of_warp * 16 + g * 2;
#pragma unroll
  for (int tile = 0; tile < WARPGROUP_ROWS / 8; tile++)
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int r = tile * 8 + t * 2 + i;
      if (r >= rows) continue;
      const int64 row = first_row + r;
      const float factor = row_scale[row];
      finish_two<MATRIX::OUTPUTS, VECTOR>(sums[tile * 4 + i] * factor, sums[tile * 4 + i + 2] * factor, output, bias,
                                          residual ? residual + row * RESIDUAL_STRIDE : nullptr, y + row * Y_STRIDE);
    }
}

#undef SUMS_OF
#undef ALL_SUMS
