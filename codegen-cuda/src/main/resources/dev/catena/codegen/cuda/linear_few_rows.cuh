/* y = x W^T (+ bias) (+ residual) for up to ROWS rows of x a block, in f32. A block has 16 outputs; its warps share the
   columns. A lane has 4 outputs and every eighth group of COLUMNS columns of its warp, so that a warp's loads of codes are
   512 bytes in a row. Codes are multiplied as they are; scale and zero come in once for COLUMNS columns. */
template <class MATRIX, int ROWS, int X_STRIDE, int Y_STRIDE, int RESIDUAL_STRIDE, bool VECTOR, int WARPS>
void linear_few_rows(int rows, const float *x, const uint8 *weight, const float *bias, const float *residual, float *y) {
  constexpr int K = MATRIX::INPUTS, COLUMNS = MATRIX::COLUMNS;
  const int first_row = blockIdx.y * ROWS;
  rows = least(rows - first_row, ROWS);
  if (rows <= 0) return;
  x += (int64)first_row * X_STRIDE;
  const uint8 *block = weight + blockIdx.x * MATRIX::BLOCK_BYTES;
  const int quarter = lane_id() % 4;

  float sums[ROWS][4] = {};
  for (int column = (warp_id() * 8 + lane_id() / 4) * COLUMNS; column < K; column += WARPS * 8 * COLUMNS) {
    float w[4][COLUMNS];
    MATRIX::values(block, column, quarter * 4, w);
    float scale[4], zero[4];
    if constexpr (MATRIX::QUANTIZED) {
      const int group = column / MATRIX::GROUP_COLUMNS;
#pragma unroll
      for (int o = 0; o < 4; o++) {
        scale[o] = MATRIX::scale(block, group, quarter * 4 + o);
        zero[o] = MATRIX::zero(block, group, quarter * 4 + o);
      }
    }
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      if (r >= rows) break;
      float of_x[COLUMNS];
      if (K % COLUMNS == 0 || column + COLUMNS <= K) {
        load_floats<COLUMNS, VECTOR>(x + (int64)r * X_STRIDE + column, of_x);
      } else {
#pragma unroll
        for (int i = 0; i < COLUMNS; i++) of_x[i] = column + i < K ? x[(int64)r * X_STRIDE + column + i] : 0;
      }
      if constexpr (MATRIX::QUANTIZED) {
        float sum_of_x = 0;
#pragma unroll
        for (int i = 0; i < COLUMNS; i++) sum_of_x += of_x[i];
#pragma unroll
        for (int o = 0; o < 4; o++) {
          float product = -zero[o] * sum_of_x;
#pragma unroll
          for (int i = 0; i < COLUMNS; i++) product = fmaf(w[o][i], of_x[i], product);
          sums[r][o] = fmaf(product, scale[o], sums[r][o]);
        }
      } else {
#pragma unroll
        for (int o = 0; o < 4; o++)
#pragma unroll
          for (int i = 0; i < COLUMNS; i++) sums[r][o] = fmaf(w[o][i], of_x[i], sums[r][o]);
      }
    }
  }

  __shared__ float of_warp[WARPS][ROWS][16];
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int o = 0; o < 4; o++) {
      float sum = sums[r][o];
      for (int distance = 4; distance < 32; distance *= 2) sum += __shfl_xor_sync(ALL_LANES, sum, distance);
      if (lane_id() < 4) of_warp[warp_id()][r][quarter * 4 + o] = sum;
    }
  __syncthreads();
  for (int i = threadIdx.x; i < rows * 16; i += WARPS * 32) {
    const int r = i / 16, of_block = i % 16, output = blockIdx.x * 16 + of_block;
    if (output >= MATRIX::OUTPUTS) continue;
    float sum = 0;
    for (int w = 0; w < WARPS; w++) sum += of_warp[w][r][of_block];
    if (bias) sum += bias[output];
    if (residual) sum += residual[(int64)(first_row + r) * RESIDUAL_STRIDE + output];
    y[(int64)(first_row + r) * Y_STRIDE + output] = sum;
  }
}
