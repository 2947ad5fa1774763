/* The selected rows, end to end. A block is a row. */
template <int COLUMNS, int X_STRIDE, int Y_STRIDE, int WARPS>
void select_rows(int selected, const int *selected_rows, const float *x, float *y) {
  const int64 i = blockIdx.x;
  if (i >= selected) return;
  x += (int64)selected_rows[i] * X_STRIDE;
  for (int c = threadIdx.x; c < COLUMNS; c += WARPS * 32) y[i * Y_STRIDE + c] = x[c];
}
