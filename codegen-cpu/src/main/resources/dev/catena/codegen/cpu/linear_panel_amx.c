#define TILE_GROUPS ${tile_groups} /* groups of columns whose digits stay in the first cache while blocks pass by */
#define TILE_PAIRS ${tile_pairs} /* pairs of blocks whose codes become bytes once for all rows of a panel, in the second cache */
#define PANEL ${panel} /* rows whose digits are made at once, a multiple of 32 */
#define LEAST_TILE_ROWS 9 /* fewer rows are multiplied by vectors: a tile is 16 rows, used or not */
#define TILE_COLUMNS (TILE_GROUPS * GROUP)
#define SEGMENTS (GROUPS * SEGMENTS_IN_GROUP)
#define STEPS (SEGMENT / 64) /* tiles of columns in a segment */
#define SIXTEEN_ROWS (16ll * DIGITS * K) /* bytes of their digits: tiles [K / 64][DIGITS], which lie as the products take them */
#define ROW_LINES (32 / TILE_PAIRS) /* of the next 32 rows' digits, asked for with each four products: all of them while TILE_PAIRS pairs pass by */
#define WORD_BYTES(columns) ((columns) / CODES_TOGETHER * WORDS_TOGETHER * 64ll) /* of a block */

/* A thread's scratch behind the digits. */
typedef struct {
  int32_t sums[2][DIGITS][2][32][16]; /* of a segment and of the one before it: [of 2 blocks][of 32 rows] */
  float groups[32][2][16];            /* what a group's segments gave so far */
  float y[TILE_PAIRS][PANEL][2][16];
  float scales[PANEL / 32][SEGMENTS][32], x_sums[PANEL / 32][GROUPS][32];
  uint8_t codes[TILE_PAIRS][2][CODES_TOGETHER > 4 ? TILE_COLUMNS * 16 : 64];
  char row[PREPARED_BYTES];
} ${name}_tile_scratch;

/* 32 rows, of which `live` are any, meet a pair of blocks in one segment, or the last block alone. */
typedef struct {
  int32_t live, blocks, segment;
  const char *block;
  const float *scales, *x_sums; /* of the rows */
  float(*y)[2][16];
  int32_t (*sums)[2][32][16];   /* [DIGITS] */
} ${name}_meeting;

/* Adds the whole sums of rows from ... to - 1 of a meeting with B blocks to y, in the order of ${name}_dot. */
INLINE void ${name}_add_sums(const int B, const int BEGINS, const int ENDS, const int BEGINS_Y, const ${name}_meeting *of,
                             float (*groups)[2][16], int32_t from, int32_t to) {
  f32x16 scale[2], zero[2];
  UNROLL for (int b = 0; b < B; b++) {
    scale[b] = ${name}_scale(of->block + b * BLOCK_BYTES, of->segment / SEGMENTS_IN_GROUP);
    zero[b] = -${name}_zero(of->block + b * BLOCK_BYTES, of->segment / SEGMENTS_IN_GROUP);
  }
  const float *scales = of->scales, *x_sums = of->x_sums;
  float(*y)[2][16] = of->y;
  int32_t(*all)[2][32][16] = of->sums;
  _Pragma("clang loop unroll_count(2)")
  for (int64_t m = from; m < to; m++) {
    f32x16 x_scale = splat(scales[m]), x_sum = splat(x_sums[m]);
    __asm__("" : "+v"(x_scale), "+v"(x_sum)); /* both blocks take them from a register: loads are what there is most of */
    UNROLL for (int b = 0; b < B; b++) {
      s32x16 sums[DIGITS];
      UNROLL for (int d = 0; d < DIGITS; d++) sums[d] = *(const s32x16 *)all[d][b][m];
      const f32x16 sum = fma16(${name}_join_digits(sums), x_scale, BEGINS ? splat(0) : load16(groups[m][b]));
      if (!ENDS) store16(groups[m][b], sum);
      else store16(y[m][b], fma16(scale[b], fma16(zero[b], x_sum, sum), BEGINS_Y ? splat(0) : load16(y[m][b])));
    }
  }
}

INLINE void ${name}_add_blocks(const int B, const ${name}_meeting *of, float (*groups)[2][16], int32_t from, int32_t to) {
  const int begins = SEGMENTS_IN_GROUP == 1 || of->segment % SEGMENTS_IN_GROUP == 0;
  const int ends = SEGMENTS_IN_GROUP == 1 || (of->segment + 1) % SEGMENTS_IN_GROUP == 0;
  if (begins && ends && of->segment == 0) ${name}_add_sums(B, 1, 1, 1, of, groups, from, to);
  else if (begins && ends) ${name}_add_sums(B, 1, 1, 0, of, groups, from, to);
  else if (begins) ${name}_add_sums(B, 1, 0, 0, of, groups, from, to);
  else if (!ends) ${name}_add_sums(B, 0, 0, 0, of, groups, from, to);
  else if (of->segment < SEGMENTS_IN_GROUP) ${name}_add_sums(B, 0, 1, 1, of, groups, from, to);
  else ${name}_add_sums(B, 0, 1, 0, of, groups, from, to);
}

/* Called in many places, and of some size: not to be copied into them. */
static __attribute__((noinline)) void ${name}_add_rows(const ${name}_meeting *of, float (*groups)[2][16], int32_t from, int32_t to) {
  if (of->blocks == 2) ${name}_add_blocks(2, of, groups, from, least(to, of->live));
  else ${name}_add_blocks(1, of, groups, from, least(to, of->live));
}

/* A segment's whole sums of A times 16 rows with B blocks, digit by digit: the same numbers that vectors come to. Between the
   products of four tiles each, which the AMX unit works on for 64 cycles, a part of the meeting before is added to y. */
INLINE void ${name}_meet(const int A, const int B, amx_tiles *tiles, const char *digits, const char *codes, int64_t codes_stride,
                         const ${name}_meeting *now, const ${name}_meeting *before, float (*groups)[2][16], lines_ahead *next,
                         int32_t ask, lines_ahead *next_rows) {
  UNROLL for (int d = 0; d < DIGITS; d++) {
    tile_zero(tiles, 0);
    if (B > 1) tile_zero(tiles, 1);
    if (A > 1) tile_zero(tiles, 2);
    if (A > 1 && B > 1) tile_zero(tiles, 3);
    UNROLL for (int step = 0; step < STEPS; step++) {
      tile_load(tiles, 4, digits + (step * DIGITS + d) * 1024, 64);
      tile_load(tiles, 6, codes + step * 1024, 64);
      tile_multiply(tiles, 0, 4, 6);
      if (B > 1) {
        tile_load(tiles, 7, codes + codes_stride + step * 1024, 64);
        tile_multiply(tiles, 1, 4, 7);
      }
      if (A > 1) {
        tile_load(tiles, 5, digits + SIXTEEN_ROWS + (step * DIGITS + d) * 1024, 64);
        tile_multiply(tiles, 2, 5, 6);
      }
      if (A > 1 && B > 1) tile_multiply(tiles, 3, 5, 7);
      ask_for(next, ask, 2);
      ask_for(next_rows, ROW_LINES, 1);
      const int part = d * STEPS + step, parts = DIGITS * STEPS;
      ${name}_add_rows(before, groups, 16 * part / parts * 2, 16 * (part + 1) / parts * 2);
    }
    tile_store(tiles, 0, now->sums[d][0][0], 64);
    if (B > 1) tile_store(tiles, 1, now->sums[d][1][0], 64);
    if (A > 1) tile_store(tiles, 2, now->sums[d][0][16], 64);
    if (A > 1 && B > 1) tile_store(tiles, 3, now->sums[d][1][16], 64);
  }
}

/* Codes of columns begin ... end - 1 as bytes. */
INLINE void ${name}_widen(const char *block, int32_t begin, int32_t end, uint8_t *codes) {
  for (int32_t k = begin; k < end; k += CODES_TOGETHER) {
    const ${name}_words words = ${name}_load(block, k);
    UNROLL for (int i = 0; i < CODES_TOGETHER / 4; i++) ((u32x16 *)codes)[(k - begin) / 4 + i] = ${name}_codes(words, i);
  }
}

/* `rows` rows with up to TILE_PAIRS pairs of blocks, from `number` to `end` - 1: tile of columns by tile of columns, of which 32
   rows' digits stay in the first cache for all blocks. */
static void ${name}_tiles(amx_tiles *tiles, int32_t rows, float *y, int32_t y_stride, const char *weight, const float *bias,
                          const float *residual, int32_t residual_stride, const char *digits, ${name}_tile_scratch *s,
                          int32_t number, int32_t end, int32_t last) {
  const char *blocks = weight + number * BLOCK_BYTES;
  const int32_t count = end - number, pairs = (count + 1) / 2;
  ${name}_meeting before = {0, 2, 0, blocks, s->scales[0][0], s->x_sums[0][0], s->y[0], s->sums[1]};
  for (int32_t first = 0; first < GROUPS; first += TILE_GROUPS) {
    const int32_t stop = least(first + TILE_GROUPS, GROUPS), begin = first * GROUP;
    const int over = stop == GROUPS; /* then other blocks come next */
    const int32_t next_columns = least(TILE_COLUMNS, over ? K : K - stop * GROUP);
    const int32_t next_count = over ? least(count, last - end) : count;
    lines_ahead next = lines_of(over ? blocks + count * BLOCK_BYTES : blocks + WORD_BYTES(stop * GROUP), next_count,
                                WORD_BYTES(next_columns), BLOCK_BYTES);
    int32_t lines = next_count * WORD_BYTES(next_columns) / 64;
    /* A third of the next lines is asked for while codes are widened, the rest between products. */
    if (CODES_TOGETHER > 4) {
      for (int32_t b = 0; b < count; b++)
        for (int32_t k = begin; k < stop * GROUP; k += SEGMENT) {
          ask_for(&next, WORD_BYTES(SEGMENT) / 64 / 3, 2);
          ${name}_widen(blocks + b * BLOCK_BYTES, k, k + SEGMENT, s->codes[b / 2][b % 2] + (k - begin) * 16ll);
        }
      lines = lines * 2 / 3;
    }
    const int32_t products = (rows + 31) / 32 * pairs * (stop - first) * SEGMENTS_IN_GROUP * STEPS * DIGITS;
    const int32_t ask = (lines + products - 1) / products;
    for (int32_t r = 0; r < rows; r += 32) {
      const int32_t next_row = r + 32 < rows ? r + 32 : 0, next_first = r + 32 < rows ? first : over ? 0 : stop;
      lines_ahead next_rows = lines_of(digits + next_row / 16 * SIXTEEN_ROWS + next_first * (GROUP / 64 * DIGITS * 1024ll),
                                       next_row + 16 < rows ? 2 : 1, least(TILE_GROUPS, GROUPS - next_first) * (GROUP / 64 * DIGITS * 1024ll),
                                       SIXTEEN_ROWS);
      for (int32_t pair = 0; pair < pairs; pair++)
        for (int32_t segment = first * SEGMENTS_IN_GROUP; segment < stop * SEGMENTS_IN_GROUP; segment++) {
          const char *block = blocks + 2 * pair * BLOCK_BYTES;
          const ${name}_meeting now = {least(32, rows - r), least(2, count - 2 * pair), segment, block, s->scales[r / 32][segment],
                                       s->x_sums[r / 32][segment / SEGMENTS_IN_GROUP], s->y[pair] + r,
                                       before.sums == s->sums[0] ? s->sums[1] : s->sums[0]};
          const char *codes = CODES_TOGETHER > 4 ? (const char *)s->codes[pair][0] + (segment * SEGMENT - begin) * 16ll
                                                 : block + segment * SEGMENT * 16ll;
          const int64_t codes_stride = CODES_TOGETHER > 4 ? sizeof s->codes[0][0] : BLOCK_BYTES;
          const char *these = digits + r / 16 * SIXTEEN_ROWS + segment * (STEPS * DIGITS * 1024ll);
          if (now.live > 16 && now.blocks == 2)
            ${name}_meet(2, 2, tiles, these, codes, codes_stride, &now, &before, s->groups, &next, ask, &next_rows);
          else if (now.live > 16)
            ${name}_meet(2, 1, tiles, these, codes, codes_stride, &now, &before, s->groups, &next, ask, &next_rows);
          else if (now.blocks == 2)
            ${name}_meet(1, 2, tiles, these, codes, codes_stride, &now, &before, s->groups, &next, ask, &next_rows);
          else
            ${name}_meet(1, 1, tiles, these, codes, codes_stride, &now, &before, s->groups, &next, ask, &next_rows);
          before = now;
        }
    }
  }
  ${name}_add_rows(&before, s->groups, 0, 32);
  for (int32_t r = 0; r < rows; r++)
    for (int32_t b = 0; b < count; b++)
      ${name}_finish(load16(s->y[b / 2][r][b % 2]), y + (int64_t)r * y_stride, bias,
                     residual ? residual + (int64_t)r * residual_stride : 0, number + b);
}

/* Rows' digits as tiles, their scales and sums beside each other for 16 rows. */
static void ${name}_lay(int32_t rows, const float *x, int32_t x_stride, char *digits, ${name}_tile_scratch *s) {
  for (int32_t r = 0; r < rows; r++) {
    ${name}_prepare(x + (int64_t)r * x_stride, s->row);
    char *tiles = digits + r / 16 * SIXTEEN_ROWS + r % 16 * 64;
    for (int32_t k = 0; k < K; k += 64)
      UNROLL for (int d = 0; d < DIGITS; d++)
        __builtin_memcpy(tiles + (k / 64 * DIGITS + d) * 1024ll, s->row + d * DIGIT_STRIDE + k, 64);
    const float *scales = (const float *)(s->row + DIGITS * DIGIT_STRIDE), *x_sums = scales + SEGMENTS;
    for (int32_t i = 0; i < SEGMENTS; i++) s->scales[r / 32][i][r % 32] = scales[i];
    for (int32_t i = 0; i < GROUPS; i++) s->x_sums[r / 32][i][r % 32] = x_sums[i];
  }
}

static void ${name}_panel(int32_t rows, const float *x, int32_t x_stride, float *y, int32_t y_stride,
                          const char *weight, const float *bias, const float *residual, int32_t residual_stride,
                          char *scratch, const catena_thread *thread) {
  if (rows < LEAST_TILE_ROWS) {
    for (int32_t r = 0; r < rows; r++) ${name}_prepare(x + (int64_t)r * x_stride, scratch + r * PREPARED_BYTES);
    chunks work = share_work(thread, BLOCKS, BLOCKS_BY_1);
    for (chunk c; next_chunk(&work, thread, &c);)
      ${name}_streamed(rows, y, y_stride, weight, bias, residual, residual_stride, scratch, c.first, c.end,
                       c.of == thread->id ? c.share_end : c.end);
    return;
  }
  ${name}_tile_scratch *s = (${name}_tile_scratch *)(scratch + PANEL / 16 * SIXTEEN_ROWS);
  ${name}_lay(rows, x, x_stride, scratch, s);
  amx_tiles tiles;
  tile_begin(&tiles);
  chunks work = share_work(thread, BLOCKS, 2 * TILE_PAIRS);
  for (chunk c; next_chunk(&work, thread, &c);)
    for (int32_t block = c.first; block < c.end; block += 2 * TILE_PAIRS)
      ${name}_tiles(&tiles, rows, y, y_stride, weight, bias, residual, residual_stride, scratch, s, block,
                    least(block + 2 * TILE_PAIRS, c.end), c.of == thread->id ? c.share_end : c.end);
  tile_end(&tiles);
}
