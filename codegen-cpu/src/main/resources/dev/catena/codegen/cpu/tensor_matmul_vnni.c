/*
 * One tile of a product of unsigned codes a and codes b, exact in 32 bits: four products along k an instruction and lane. b is
 * packed as signed bytes${signed_note}.
 */
typedef int32_t ${name}_vector __attribute__((vector_size(64)));
typedef uint8_t ${name}_bytes __attribute__((vector_size(64)));
typedef uint16_t ${name}_shorts __attribute__((vector_size(64)));

/* Four rows of 64 bytes as 64 columns of 4: vector v holds columns 16 L + 4 v + 0 … 3 in its 128-bit lane L. */
INLINE void ${name}_interleave(const ${name}_bytes r[4], ${name}_bytes out[4]) {
#define LOW(X, Y) __builtin_shufflevector(X, Y, 0, 64, 1, 65, 2, 66, 3, 67, 4, 68, 5, 69, 6, 70, 7, 71, 16, 80, 17, 81, 18, 82, 19, \
    83, 20, 84, 21, 85, 22, 86, 23, 87, 32, 96, 33, 97, 34, 98, 35, 99, 36, 100, 37, 101, 38, 102, 39, 103, 48, 112, 49, 113, 50,      \
    114, 51, 115, 52, 116, 53, 117, 54, 118, 55, 119)
#define HIGH(X, Y) __builtin_shufflevector(X, Y, 8, 72, 9, 73, 10, 74, 11, 75, 12, 76, 13, 77, 14, 78, 15, 79, 24, 88, 25, 89, 26,    \
    90, 27, 91, 28, 92, 29, 93, 30, 94, 31, 95, 40, 104, 41, 105, 42, 106, 43, 107, 44, 108, 45, 109, 46, 110, 47, 111, 56, 120, 57,   \
    121, 58, 122, 59, 123, 60, 124, 61, 125, 62, 126, 63, 127)
#define LOW16(X, Y) __builtin_shufflevector(X, Y, 0, 32, 1, 33, 2, 34, 3, 35, 8, 40, 9, 41, 10, 42, 11, 43, 16, 48, 17, 49, 18, 50,  \
    19, 51, 24, 56, 25, 57, 26, 58, 27, 59)
#define HIGH16(X, Y) __builtin_shufflevector(X, Y, 4, 36, 5, 37, 6, 38, 7, 39, 12, 44, 13, 45, 14, 46, 15, 47, 20, 52, 21, 53, 22,   \
    54, 23, 55, 28, 60, 29, 61, 30, 62, 31, 63)
  const ${name}_shorts l01 = (${name}_shorts)LOW(r[0], r[1]), h01 = (${name}_shorts)HIGH(r[0], r[1]);
  const ${name}_shorts l23 = (${name}_shorts)LOW(r[2], r[3]), h23 = (${name}_shorts)HIGH(r[2], r[3]);
  out[0] = (${name}_bytes)LOW16(l01, l23);
  out[1] = (${name}_bytes)HIGH16(l01, l23);
  out[2] = (${name}_bytes)LOW16(h01, h23);
  out[3] = (${name}_bytes)HIGH16(h01, h23);
}

KERNEL void ${name}(int32_t *restrict c, const uint8_t *restrict a, const ${b} *restrict b, int64_t m,
    int64_t k, int64_t n, int64_t row, int64_t column) {
  enum { ROWS = 6, VECTORS = 4, WIDTH = 64, ROW_BLOCK = ${row_block}, DEPTH = 512, SHIFT = ${shift} };
  _Alignas(64) int32_t tile[ROW_BLOCK][WIDTH];
  _Alignas(64) ${name}_bytes panel[DEPTH / 4][VECTORS];
  const int64_t rows = m - row < ROW_BLOCK ? m - row : ROW_BLOCK;
  const int64_t columns = n - column < WIDTH ? n - column : WIDTH;
  for (int64_t r = 0; r < rows; r++) {
    int32_t codes = 0; /* what the shift of b takes away */
    if (SHIFT)
      for (int64_t i = 0; i < k; i++) codes += a[(row + r) * k + i];
    for (int64_t j = 0; j < WIDTH; j++) tile[r][j] = SHIFT * codes;
  }
  for (int64_t r = rows; r < ROW_BLOCK; r++)
    for (int64_t j = 0; j < WIDTH; j++) tile[r][j] = 0;
  for (int64_t k0 = 0; k0 < k; k0 += DEPTH) {
    const int64_t depth = k - k0 < DEPTH ? k - k0 : DEPTH, groups = (depth + 3) / 4, whole = depth / 4;
    for (int64_t g = 0; g < groups; g++) {
      ${name}_bytes four[4];
      UNROLL for (int64_t i = 0; i < 4; i++) {
        const ${b} *from = b + (k0 + 4 * g + i) * n + column;
        four[i] = (${name}_bytes){};
        if (4 * g + i < depth) {
          if (columns == WIDTH) __builtin_memcpy(&four[i], from, WIDTH);
          else __builtin_memcpy(&four[i], from, columns);
        }
        four[i] ^= (uint8_t)SHIFT;
      }
      ${name}_interleave(four, panel[g]);
    }
    for (int64_t r = 0; r < rows; r += ROWS) {
      const uint8_t *line[ROWS];
      UNROLL for (int64_t i = 0; i < ROWS; i++) line[i] = a + (row + (r + i < rows ? r + i : rows - 1)) * k + k0;
      ${name}_vector sum[ROWS][VECTORS];
      UNROLL for (int64_t i = 0; i < ROWS; i++)
        UNROLL for (int64_t v = 0; v < VECTORS; v++) sum[i][v] = *(const ${name}_vector *)&tile[r + i][v * 16];
#define STEP(G, FOUR)                                                                                                       \
  UNROLL for (int64_t i = 0; i < ROWS; i++) {                                                                               \
    int32_t codes = 0;                                                                                                      \
    __builtin_memcpy(&codes, line[i] + 4 * (G), FOUR);                                                                      \
    const ${name}_vector left = (${name}_vector){} + codes;                                                                  \
    UNROLL for (int64_t v = 0; v < VECTORS; v++)                                                                            \
      sum[i][v] = (${name}_vector)__builtin_ia32_vpdpbusd512(sum[i][v], left, (${name}_vector)panel[G][v]);                   \
  }
      for (int64_t g = 0; g < whole; g++) STEP(g, 4)
      if (whole < groups) STEP(whole, depth - 4 * whole)
      UNROLL for (int64_t i = 0; i < ROWS; i++)
        UNROLL for (int64_t v = 0; v < VECTORS; v++) *(${name}_vector *)&tile[r + i][v * 16] = sum[i][v];
    }
  }
  for (int64_t r = 0; r < rows; r++) {
    int32_t *to = c + (row + r) * n + column;
    if (columns == WIDTH)
      for (int64_t v = 0; v < VECTORS; v++)
        for (int64_t l = 0; l < 4; l++) __builtin_memcpy(to + 16 * l + 4 * v, &tile[r][16 * v + 4 * l], 16);
    else
      for (int64_t j = 0; j < columns; j++) to[j] = tile[r][j % 16 / 4 * 16 + j / 16 * 4 + j % 4];
  }
}
