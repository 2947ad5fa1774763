/* One tile of a product of 8-bit codes, exact in 32 bits: pairs along k as 16-bit numbers, two products an instruction and lane. */
typedef int32_t ${name}_vector __attribute__((vector_size(${vector_bytes})));
typedef int16_t ${name}_pairs __attribute__((vector_size(${vector_bytes})));
KERNEL void ${name}(int32_t *restrict c, const ${a} *restrict a, const ${b} *restrict b, int64_t m, int64_t k,
    int64_t n, int64_t row, int64_t column) {
  enum { ROWS = 6, VECTORS = 2, LANES = ${vector_bytes} / 4, WIDTH = VECTORS * LANES, ROW_BLOCK = ${row_block}, DEPTH = 256 };
  _Alignas(64) int32_t tile[ROW_BLOCK][WIDTH];
  _Alignas(64) int16_t panel[DEPTH / 2][WIDTH][2];
  _Alignas(64) int16_t left[ROW_BLOCK][DEPTH / 2][2];
  const int64_t rows = m - row < ROW_BLOCK ? m - row : ROW_BLOCK;
  const int64_t columns = n - column < WIDTH ? n - column : WIDTH;
  for (int64_t r = 0; r < ROW_BLOCK; r++)
    for (int64_t j = 0; j < WIDTH; j++) tile[r][j] = 0;
  for (int64_t k0 = 0; k0 < k; k0 += DEPTH) {
    const int64_t depth = k - k0 < DEPTH ? k - k0 : DEPTH, groups = (depth + 1) / 2;
    for (int64_t g = 0; g < groups; g++) {
      const ${b} *even = b + (k0 + 2 * g) * n + column, *odd = 2 * g + 1 < depth ? even + n : even;
      const int16_t last = 2 * g + 1 < depth;
      if (columns == WIDTH)
        for (int64_t j = 0; j < WIDTH; j++) panel[g][j][0] = even[j], panel[g][j][1] = (int16_t)(odd[j] * last);
      else
        for (int64_t j = 0; j < WIDTH; j++)
          panel[g][j][0] = j < columns ? even[j] : 0, panel[g][j][1] = j < columns ? (int16_t)(odd[j] * last) : 0;
    }
    for (int64_t r = 0; r < rows; r++) {
      const ${a} *from = a + (row + r) * k + k0;
      for (int64_t i = 0; i < depth; i++) (&left[r][0][0])[i] = from[i];
      if (depth & 1) left[r][groups - 1][1] = 0;
    }
    for (int64_t r = 0; r < rows; r += ROWS) {
      ${name}_vector sum[ROWS][VECTORS];
      UNROLL for (int64_t i = 0; i < ROWS; i++)
        UNROLL for (int64_t v = 0; v < VECTORS; v++) sum[i][v] = *(const ${name}_vector *)&tile[r + i][v * LANES];
      for (int64_t g = 0; g < groups; g++)
        UNROLL for (int64_t i = 0; i < ROWS; i++) {
          const int64_t at = r + i < rows ? r + i : rows - 1;
          int32_t two;
          __builtin_memcpy(&two, left[at][g], 4);
          const ${name}_vector pair = (${name}_vector){} + two;
          UNROLL for (int64_t v = 0; v < VECTORS; v++)
            sum[i][v] += (${name}_vector)${multiply_add}((${name}_pairs)pair, *(const ${name}_pairs *)panel[g][v * LANES]);
        }
      UNROLL for (int64_t i = 0; i < ROWS; i++)
        UNROLL for (int64_t v = 0; v < VECTORS; v++) *(${name}_vector *)&tile[r + i][v * LANES] = sum[i][v];
    }
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < columns; j++) c[(row + r) * n + column + j] = tile[r][j];
}
