/* One tile of a matrix product: ${row_block} rows, ${width} columns, all of k. b is packed into panels as the sum has it. */
typedef ${sum} ${name}_vector __attribute__((vector_size(${vector_bytes})));
typedef ${sum} ${name}_loaded __attribute__((vector_size(${vector_bytes}), aligned(sizeof(${sum}))));
KERNEL void ${name}(${c} *restrict c, const ${a} *restrict a, const ${b} *restrict b, int64_t m, int64_t k,
    int64_t n, int64_t row, int64_t column) {
  enum { ROWS = ${rows}, VECTORS = ${vectors}, WIDTH = ${width}, LANES = WIDTH / VECTORS, ROW_BLOCK = ${row_block}, DEPTH = ${depth} };
  _Alignas(64) ${sum} tile[ROW_BLOCK][WIDTH];
  _Alignas(64) ${sum} panel[DEPTH][WIDTH];
  const int64_t rows = m - row < ROW_BLOCK ? m - row : ROW_BLOCK;
  const int64_t columns = n - column < WIDTH ? n - column : WIDTH;
  for (int64_t r = 0; r < ROW_BLOCK; r++)
    for (int64_t j = 0; j < WIDTH; j++) tile[r][j] = 0;
  for (int64_t k0 = 0; k0 < k; k0 += DEPTH) {
    const int64_t depth = k - k0 < DEPTH ? k - k0 : DEPTH;
    /* Few rows: packing would take as long as multiplying, so b is read where it lies. */
    const int32_t direct = ${as_it_lies} && rows <= 2 * ROWS && columns == WIDTH;
    const ${sum} *const right_part = direct ? (const ${sum} *)(const void *)(b + k0 * n + column) : panel[0];
    const int64_t stride = direct ? n : WIDTH;
    for (int64_t i = 0; i < (direct ? 0 : depth); i++) {
      const ${b} *from = b + (k0 + i) * n + column;
      if (columns == WIDTH) {
        for (int64_t j = 0; j < WIDTH; j++) {
          const ${b} x = from[j];
          panel[i][j] = ${load_b};
        }
      } else {
        for (int64_t j = 0; j < WIDTH; j++) panel[i][j] = 0;
        for (int64_t j = 0; j < columns; j++) {
          const ${b} x = from[j];
          panel[i][j] = ${load_b};
        }
      }
    }
    for (int64_t r = 0; r < rows; r += ROWS) {
      const ${a} *line[ROWS];
      UNROLL for (int64_t i = 0; i < ROWS; i++) {
        const int64_t at = r + i < rows ? r + i : rows - 1;
        line[i] = a + (row + at) * k + k0;
      }
      ${name}_vector sum[ROWS][VECTORS];
      UNROLL for (int64_t i = 0; i < ROWS; i++)
        UNROLL for (int64_t v = 0; v < VECTORS; v++) sum[i][v] = *(const ${name}_vector *)&tile[r + i][v * LANES];
      for (int64_t p = 0; p < depth; p++) {
        ${name}_vector right[VECTORS];
        UNROLL for (int64_t v = 0; v < VECTORS; v++) right[v] = *(const ${name}_loaded *)(right_part + p * stride + v * LANES);
        UNROLL for (int64_t i = 0; i < ROWS; i++) {
          const ${a} x = line[i][p];
          const ${name}_vector left = ((${name}_vector){} + ${load_a});
          UNROLL for (int64_t v = 0; v < VECTORS; v++) sum[i][v] = ${multiply_add};
        }
      }
      UNROLL for (int64_t i = 0; i < ROWS; i++)
        UNROLL for (int64_t v = 0; v < VECTORS; v++) *(${name}_vector *)&tile[r + i][v * LANES] = sum[i][v];
    }
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < columns; j++) {
      const ${sum} x = tile[r][j];
      c[(row + r) * n + column + j] = ${store};
    }
}
