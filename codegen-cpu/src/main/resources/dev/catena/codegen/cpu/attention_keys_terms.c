/* Keys as two terms of bf16, which an f16 is exactly, transposed for tiles: scores of 16 positions are a tile's columns. Elements i and
   i + 16 of 32 are a pair, so that no lane of what is read moves but in turning. Of the terms' four products three are added: what is
   left out is below 2^-16 of a product. */
#define KEY_STEPS ((DIM + 31) / 32) /* tiles of elements */
#define KEY_ROUNDS 1
#define KEY_UNITS (3 * KEY_STEPS) /* low times high, high times high, high times low of each step */
typedef struct { uint32_t terms[2][16 * KEY_STEPS][64]; } ${name}_keys;
typedef struct { uint32_t terms[2][16 * KEY_STEPS]; } ${name}_query;

static void ${name}_load_keys(${name}_keys *keys, const char *head, int32_t count) {
  for (int32_t slot = 0; slot < count; slot += 16)
    for (int32_t d = 0; d < DIM; d += 32) {
      f32x16 high[16], low[16];
      UNROLL for (int i = 0; i < 16; i++) {
        const f32x16 first = kv_load_${k_element}(head, DIM, slot + i, d, DIM % 32 == 0 ? 16 : least(16, DIM - d));
        const f32x16 second = kv_load_${k_element}(head, DIM, slot + i, d + 16, DIM % 32 == 0 ? 16 : least(16, DIM - d - 16));
        const bf16_terms terms = terms_of_pairs(first, second);
        high[i] = (f32x16)terms.high;
        low[i] = (f32x16)terms.low;
      }
      transpose16(high);
      UNROLL for (int i = 0; i < 16; i++) store16((float *)&keys->terms[0][d / 2 + i][slot], high[i]);
      transpose16(low);
      UNROLL for (int i = 0; i < 16; i++) store16((float *)&keys->terms[1][d / 2 + i][slot], low[i]);
    }
}

INLINE void ${name}_take_query(${name}_query *query, const float *x, float scale) {
  for (int32_t d = 0; d < DIM; d += 32) {
    const f32x16 first = load_first(x + d, least(16, DIM - d)) * scale;
    const f32x16 second = DIM - d > 16 ? load_first(x + d + 16, least(16, DIM - d - 16)) * scale : splat(0);
    const bf16_terms terms = terms_of_pairs(first, second);
    *(u32x16 *)&query->terms[0][d / 2] = terms.high;
    *(u32x16 *)&query->terms[1][d / 2] = terms.low;
  }
}

/* Four products: of 16 queries with 64 positions, in one step and of one pair of terms. */
INLINE void ${name}_multiply_keys(amx_tiles *tiles, const ${name}_keys *keys, const ${name}_query *queries, const int round, const int unit) {
  const int step = unit / 3 * 16, low_query = unit % 3 == 0, low_key = unit % 3 == 2;
  if (low_query) tile_load(tiles, 5, queries->terms[1] + step, sizeof *queries);
  if (unit % 3 == 1) tile_load(tiles, 4, queries->terms[0] + step, sizeof *queries);
  const uint32_t *columns = keys->terms[low_key][step];
  if (low_query) MULTIPLY_COLUMNS(tile_multiply_bf16, 5, 4, columns, sizeof keys->terms[0][0])
  else MULTIPLY_COLUMNS(tile_multiply_bf16, 4, 4, columns, sizeof keys->terms[0][0])
}

INLINE void *${name}_scores_place(float (*scores)[64], int32_t (*sums)[16][64], const int round) { return scores; }
INLINE void ${name}_finish_scores(const ${name}_keys *keys, const ${name}_query *queries, int32_t (*sums)[16][64], float (*scores)[64],
                                 int32_t count) {}
