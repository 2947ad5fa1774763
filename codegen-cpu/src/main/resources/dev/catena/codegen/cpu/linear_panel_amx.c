#define TILE_GROUPS ${tile_groups} /* groups whose codes become bytes once for all rows of a panel */
#define TILE_COLUMNS (TILE_GROUPS * GROUP)
#define PANEL ${panel} /* rows whose digits are made at once, a multiple of 32 */
#define LEAST_TILE_ROWS 9 /* fewer rows are multiplied by vectors: a tile is 16 rows, used or not */

/* A thread's scratch behind the digits. */
typedef struct {
  float y[PANEL][2][16];
  float groups[32][2][16];             /* what a group's segments gave so far */
  int32_t sums[2][2][DIGITS][16][16];  /* of a segment: [of 32 rows][of 2 blocks] */
  uint8_t codes[2][TILE_COLUMNS * 16];
} ${name}_tile_scratch;

/* A segment's whole sums of A times 16 rows with B blocks, digit by digit: the same numbers that vectors come to. */
INLINE void ${name}_whole_sums(const int A, const int B, amx_tiles *tiles, const char *codes, int64_t codes_stride,
                               const char *prepared, int32_t begin, ${name}_tile_scratch *s) {
  UNROLL for (int d = 0; d < DIGITS; d++) {
    const char *digits = prepared + d * DIGIT_STRIDE;
    tile_zero(tiles, 0);
    if (B > 1) tile_zero(tiles, 1);
    if (A > 1) tile_zero(tiles, 2);
    if (A > 1 && B > 1) tile_zero(tiles, 3);
    for (int32_t k = begin; k < begin + SEGMENT; k += 64) {
      tile_load(tiles, 4, digits + k, PREPARED_BYTES);
      tile_load(tiles, 6, codes + k * 16ll, 64);
      tile_multiply(tiles, 0, 4, 6);
      if (B > 1) {
        tile_load(tiles, 7, codes + codes_stride + k * 16ll, 64);
        tile_multiply(tiles, 1, 4, 7);
      }
      if (A > 1) {
        tile_load(tiles, 5, digits + 16 * PREPARED_BYTES + k, PREPARED_BYTES);
        tile_multiply(tiles, 2, 5, 6);
      }
      if (A > 1 && B > 1) tile_multiply(tiles, 3, 5, 7);
    }
    tile_store(tiles, 0, s->sums[0][0][d], 64);
    if (B > 1) tile_store(tiles, 1, s->sums[0][1][d], 64);
    if (A > 1) tile_store(tiles, 2, s->sums[1][0][d], 64);
    if (A > 1 && B > 1) tile_store(tiles, 3, s->sums[1][1][d], 64);
  }
}

/* Adds groups first ... end - 1 to y, of A times 16 rows from r on with B blocks, in the order of ${name}_dot. */
INLINE void ${name}_tile_rows(const int A, const int B, amx_tiles *tiles, const char *blocks, const char *codes,
                              int64_t codes_stride, const char *panel, int32_t r, int32_t first, int32_t end,
                              ${name}_tile_scratch *s) {
  const char *prepared = panel + r * PREPARED_BYTES;
  for (int32_t group = first; group < end; group++) {
    for (int32_t j = 0; j < SEGMENTS_IN_GROUP; j++) {
      ${name}_whole_sums(A, B, tiles, codes, codes_stride, prepared, group * GROUP + j * SEGMENT, s);
      for (int32_t m = 0; m < 16 * A; m++) {
        const float *scales = (const float *)(prepared + m * PREPARED_BYTES + DIGITS * DIGIT_STRIDE);
        const float x_sum = (scales + GROUPS * SEGMENTS_IN_GROUP)[group];
        UNROLL for (int b = 0; b < B; b++) {
          s32x16 sums[DIGITS];
          UNROLL for (int d = 0; d < DIGITS; d++) sums[d] = *(const s32x16 *)s->sums[m / 16][b][d][m % 16];
          f32x16 sum = j == 0 ? splat(0) : load16(s->groups[m][b]);
          sum = fma16(${name}_join_digits(sums), splat(scales[group * SEGMENTS_IN_GROUP + j]), sum);
          if (j + 1 < SEGMENTS_IN_GROUP) {
            store16(s->groups[m][b], sum);
            continue;
          }
          const char *block = blocks + b * BLOCK_BYTES;
          const f32x16 y = group == 0 ? splat(0) : load16(s->y[r + m][b]);
          store16(s->y[r + m][b],
                  fma16(${name}_scale(block, group), fma16(-${name}_zero(block, group), splat(x_sum), sum), y));
        }
      }
    }
  }
}

/* `rows` rows, of which those that fill the last tile may hold anything, with B blocks from `number` on. */
INLINE void ${name}_tiles(const int B, amx_tiles *tiles, int32_t rows, float *y, int32_t y_stride, const char *weight,
                          const float *bias, const float *residual, int32_t residual_stride, const char *panel,
                          ${name}_tile_scratch *s, int32_t number) {
  const char *blocks = weight + number * BLOCK_BYTES;
  for (int32_t first = 0; first < GROUPS; first += TILE_GROUPS) {
    const int32_t end = least(first + TILE_GROUPS, GROUPS), begin = first * GROUP;
    const char *codes = blocks;
    int64_t codes_stride = BLOCK_BYTES;
    if (CODES_TOGETHER > 4) {
      codes = (const char *)s->codes - begin * 16ll;
      codes_stride = sizeof s->codes[0];
      for (int b = 0; b < B; b++)
        for (int32_t k = begin; k < end * GROUP; k += CODES_TOGETHER) {
          const ${name}_words words = ${name}_load(blocks + b * BLOCK_BYTES, k);
          UNROLL for (int i = 0; i < CODES_TOGETHER / 4; i++)
            ((u32x16 *)s->codes[b])[(k - begin) / 4 + i] = ${name}_codes(words, i);
        }
    }
    int32_t r = 0;
    for (; r + 16 < rows; r += 32) ${name}_tile_rows(2, B, tiles, blocks, codes, codes_stride, panel, r, first, end, s);
    if (r < rows) ${name}_tile_rows(1, B, tiles, blocks, codes, codes_stride, panel, r, first, end, s);
  }
  for (int32_t r = 0; r < rows; r++)
    for (int b = 0; b < B; b++)
      ${name}_finish(load16(s->y[r][b]), y + (int64_t)r * y_stride, bias,
                     residual ? residual + (int64_t)r * residual_stride : 0, number + b);
}

/* A panel of rows, whose digits the caches hold: by tiles as many as fill them, the few others by vectors. */
static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, int32_t first, int32_t end) {
  for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
  const int32_t tiled = rows % 16 < LEAST_TILE_ROWS ? rows / 16 * 16 : rows;
  if (tiled > 0) {
    ${name}_tile_scratch *s = (${name}_tile_scratch *)(scratch + PANEL * PREPARED_BYTES);
    amx_tiles tiles;
    tile_begin(&tiles);
    int32_t block = first;
    for (; block + 2 <= end; block += 2)
      ${name}_tiles(2, &tiles, tiled, y, y_stride, weight, bias, residual, residual_stride, scratch, s, block);
    if (block < end)
      ${name}_tiles(1, &tiles, tiled, y, y_stride, weight, bias, residual, residual_stride, scratch, s, block);
    tile_end(&tiles);
  }
  if (tiled < rows)
    ${name}_streamed(rows - tiled, y + (int64_t)tiled * y_stride, y_stride, weight, bias,
                     residual ? residual + (int64_t)tiled * residual_stride : 0, residual_stride, scratch + tiled * PREPARED_BYTES,
                     first, end, end);
}
