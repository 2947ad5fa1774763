/* y = x / sqrt(mean of x^2 + epsilon) * weight. blockIdx.x: the row; blockIdx.y: which of its parts, each of COLUMNS. */
template <int COLUMNS, int X_STRIDE, int Y_STRIDE, int WARPS>
void rms_norm(int rows, const float *x, const float *weight, float epsilon, float *y) {
  const int64 r = blockIdx.x;
  if (r >= rows) return;
  x += r * X_STRIDE + blockIdx.y * COLUMNS;
  y += r * Y_STRIDE + blockIdx.y * COLUMNS;
  float squares = 0;
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32) squares = fmaf(x[c], x[c], squares);
  const float factor = 1.0f / sqrtf(block_sum<WARPS>(squares) / COLUMNS + epsilon);
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32) y[c] = x[c] * factor * weight[c];
}
