/* y = (x - mean) / sqrt(variance + epsilon) * weight + bias, which may be null. blockIdx.x: the row; blockIdx.y: which of its parts,
   each of COLUMNS, of which OWN have weights of their own. The variance is taken of differences from the mean: sums of squares would cancel. */
template <int COLUMNS, int OWN, int X_STRIDE, int Y_STRIDE, int WARPS>
void layer_norm(int rows, const float *x, const float *weight, const float *bias, float epsilon, float *y) {
  const int64 r = blockIdx.x;
  if (r >= rows) return;
  x += r * X_STRIDE + blockIdx.y * COLUMNS;
  y += r * Y_STRIDE + blockIdx.y * COLUMNS;
  const int first = blockIdx.y % OWN * COLUMNS;
  float sum = 0, squares = 0;
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32) sum += x[c];
  const float mean = block_sum<WARPS>(sum) / COLUMNS;
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32) squares = fmaf(x[c] - mean, x[c] - mean, squares);
  const float factor = 1.0f / sqrtf(block_sum<WARPS>(squares) / COLUMNS + epsilon);
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32)
    y[c] = (x[c] - mean) * factor * weight[first + c] + (bias == nullptr ? 0.0f : bias[first + c]);
}
