/* ROWS rows of x against one block of weights, over `depth` steps; y is loaded and stored, or begun. */
INLINE void ${name}_micro(const int ROWS, const ${name}_x *x, const ${name}_w *w, int32_t depth, float *y, int32_t begin) {
  f32x16 sums[MICRO_ROWS];
  UNROLL for (int i = 0; i < ROWS; i++) sums[i] = begin ? splat(0) : load16(y + i * Y_TILE_STRIDE);
  for (int32_t k = 0; k < depth; k++) {
    const ${name}_w column = w[k];
    UNROLL for (int i = 0; i < ROWS; i++) sums[i] = ${name}_add(sums[i], x[i * X_TILE_STRIDE + k], column);
  }
  UNROLL for (int i = 0; i < ROWS; i++) store16(y + i * Y_TILE_STRIDE, sums[i]);
}

/* Many rows: a tile of weights is converted once and serves all rows of a panel from the cache. The strides of the tiles
   aren't powers of two, so that their rows don't share cache sets. */
static void ${name}_tiled(int32_t rows, const ${name}_x *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, int32_t first, int32_t end) {
  ${name}_x *x_tile = (${name}_x *)scratch;                       /* [PANEL_ROWS][X_TILE_STRIDE] */
  float *y_tile = (float *)(x_tile + PANEL_ROWS * X_TILE_STRIDE); /* [PANEL_ROWS][Y_TILE_STRIDE] */
  ${name}_w *w_tile = (${name}_w *)(y_tile + PANEL_ROWS * Y_TILE_STRIDE); /* [TILE_DEPTH][16] */
  for (int32_t r0 = 0; r0 < rows; r0 += PANEL_ROWS) {
    const int32_t panel = least(PANEL_ROWS, rows - r0);
    const int32_t padded = (panel + MICRO_TAIL - 1) / MICRO_TAIL * MICRO_TAIL;
    for (int32_t b0 = first; b0 < end; b0 += TILE_BLOCKS) {
      const int32_t b1 = least(b0 + TILE_BLOCKS, end);
      for (int32_t k0 = 0; k0 < STEPS; k0 += TILE_DEPTH) {
        const int32_t depth = least(TILE_DEPTH, STEPS - k0);
        for (int32_t r = 0; r < panel; r++)
          __builtin_memcpy(x_tile + r * X_TILE_STRIDE, x + (int64_t)(r0 + r) * x_stride + k0, depth * sizeof *x);
        for (int32_t r = panel; r < padded; r++)
          __builtin_memset(x_tile + r * X_TILE_STRIDE, 0, depth * sizeof *x);
        for (int32_t block = b0; block < b1; block++) {
          for (int32_t k = 0; k < depth; k++) w_tile[k] = ${name}_column(weight + block * BLOCK_BYTES, k0 + k);
          float *y_block = y_tile + (block - b0) * 16;
          int32_t r = 0;
          for (; r + MICRO_ROWS <= panel; r += MICRO_ROWS)
            ${name}_micro(MICRO_ROWS, x_tile + r * X_TILE_STRIDE, w_tile, depth, y_block + r * Y_TILE_STRIDE, k0 == 0);
          for (; r < panel; r += MICRO_TAIL)
            ${name}_micro(MICRO_TAIL, x_tile + r * X_TILE_STRIDE, w_tile, depth, y_block + r * Y_TILE_STRIDE, k0 == 0);
        }
      }
      for (int32_t r = 0; r < panel; r++)
        for (int32_t block = b0; block < b1; block++)
          ${name}_finish(load16(y_tile + r * Y_TILE_STRIDE + (block - b0) * 16), y + (int64_t)(r0 + r) * y_stride, bias,
                         residual ? residual + (int64_t)(r0 + r) * residual_stride : 0, block);
    }
  }
}
