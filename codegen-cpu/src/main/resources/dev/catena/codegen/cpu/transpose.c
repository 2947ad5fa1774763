/* Swaps the off-diagonal blocks of `step` lanes between a and b, for lanes and rows whose bit `step` differs. */
#define SWAP_BLOCKS(a, b, ...) \
  { const f32x16 upper = a, lower = b; \
    a = __builtin_shufflevector(upper, lower, SWAP_UPPER_##__VA_ARGS__); \
    b = __builtin_shufflevector(upper, lower, SWAP_LOWER_##__VA_ARGS__); }
#define SWAP_UPPER_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define SWAP_LOWER_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define SWAP_UPPER_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define SWAP_LOWER_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define SWAP_UPPER_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define SWAP_LOWER_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define SWAP_UPPER_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define SWAP_LOWER_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31

/* Transposes 16 x 16 floats in four rounds of block swaps. */
INLINE void transpose16(f32x16 rows[16]) {
  UNROLL for (int i = 0; i < 16; i++) if ((i & 1) == 0) SWAP_BLOCKS(rows[i], rows[i + 1], 1)
  UNROLL for (int i = 0; i < 16; i++) if ((i & 2) == 0) SWAP_BLOCKS(rows[i], rows[i + 2], 2)
  UNROLL for (int i = 0; i < 16; i++) if ((i & 4) == 0) SWAP_BLOCKS(rows[i], rows[i + 4], 4)
  UNROLL for (int i = 0; i < 16; i++) if ((i & 8) == 0) SWAP_BLOCKS(rows[i], rows[i + 8], 8)
}

/* The largest of each of 16 rows, no NaN among them, by the same rounds: rows that have swapped their blocks are one from then on. */
INLINE f32x16 largest_of_rows(f32x16 rows[16]) {
#define MERGE_ROWS(step) \
  UNROLL for (int i = 0; i < 16; i += 2 * step) { \
    SWAP_BLOCKS(rows[i], rows[i + step], step) \
    rows[i] = rows[i] > rows[i + step] ? rows[i] : rows[i + step]; \
  }
  MERGE_ROWS(1)
  MERGE_ROWS(2)
  MERGE_ROWS(4)
  MERGE_ROWS(8)
  return rows[0];
}
