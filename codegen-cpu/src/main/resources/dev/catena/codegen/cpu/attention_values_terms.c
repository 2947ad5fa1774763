/* Values as two terms of bf16, which an f16 is exactly, in rows of tiles: positions i and i + 16 of 32 are a pair. Weights are split as
   well, and three of the four products are added. */
#define VALUE_ROUNDS 1
#define VALUE_UNITS 6 /* low times high, high times high, high times low of each 32 positions */
typedef struct { uint32_t terms[2][32][DIM_PADDED]; } ${name}_values;
typedef struct { uint32_t terms[2][32]; } ${name}_weights;

INLINE f32x16 ${name}_value(const char *head, int32_t slot, int32_t d, int32_t count) {
  if (slot >= count) return splat(0); /* nobody wrote it: 0 times NaN would count */
  return kv_load_${v_element}(head + ${v_codes}, DIM, slot, d, DIM % 16 == 0 ? 16 : least(16, DIM - d));
}

static void ${name}_load_values(${name}_values *values, const char *head, int32_t count) {
  for (int32_t pair = 0; pair < 32; pair++) {
    const int32_t slot = pair / 16 * 32 + pair % 16;
    for (int32_t d = 0; d < DIM; d += 16) {
      const bf16_terms terms = terms_of_pairs(${name}_value(head, slot, d, count), ${name}_value(head, slot + 16, d, count), 0);
      *(u32x16 *)&values->terms[0][pair][d] = terms.high;
      *(u32x16 *)&values->terms[1][pair][d] = terms.low;
    }
  }
}

/* Weights of 64 positions for Q queries, 0 beyond a query's sight. */
INLINE void ${name}_take_weights(const int Q, ${name}_weights *to, const ${name}_values *values, const f32x16 weights[][4],
                                const s32x16 within[][4], const float *factor, const float *rescale) {
  UNROLL for (int q = 0; q < Q; q++)
    UNROLL for (int step = 0; step < 2; step++) {
      const bf16_terms terms = terms_of_pairs(weights[q][2 * step] * factor[q], weights[q][2 * step + 1] * factor[q], 0);
      *(u32x16 *)&to[q].terms[0][16 * step] = terms.high;
      *(u32x16 *)&to[q].terms[1][16 * step] = terms.low;
    }
}

INLINE void ${name}_begin_sums(${name}_weights *weights) {}
INLINE float ${name}_offset(const ${name}_weights *weights) { return 0; }

/* What `count` queries have summed up is brought to their new maximum; tiles add to it. */
INLINE void ${name}_rescale_sums(float (*sums)[DIM_PADDED], const float *rescale, int32_t count) {
  for (int32_t q = 0; q < count; q++) {
    if (rescale[q] == 1) continue;
    for (int32_t d = 0; d < DIM_PADDED; d += 16) store16(&sums[q][d], load16(&sums[q][d]) * rescale[q]);
  }
}

INLINE void *${name}_sums_place(float (*sums)[DIM_PADDED], int32_t (*whole)[16][DIM_PADDED], const int round) { return sums; }
#define BEGIN_VALUES(columns, from) \
  { tile_load(tiles, 0, from, 4 * DIM_PADDED); if (columns > 1) tile_load(tiles, 1, from + 16, 4 * DIM_PADDED); \
    if (columns > 2) tile_load(tiles, 2, from + 32, 4 * DIM_PADDED); if (columns > 3) tile_load(tiles, 3, from + 48, 4 * DIM_PADDED); }

/* Products of 16 queries' weights with N times 16 elements from d on, in 32 positions and of one pair of terms. */
INLINE void ${name}_multiply_values(amx_tiles *tiles, const int N, const ${name}_values *values, const ${name}_weights *weights,
                                   const int d, const int round, const int unit) {
  const int step = unit / 3 * 16, low_weight = unit % 3 == 0, low_value = unit % 3 == 2;
  if (low_weight) tile_load(tiles, 5, weights->terms[1] + step, sizeof *weights);
  if (unit % 3 == 1) tile_load(tiles, 4, weights->terms[0] + step, sizeof *weights);
  const uint32_t *columns = values->terms[low_value][step] + d;
  if (low_weight) MULTIPLY_COLUMNS(tile_multiply_bf16, 5, N, columns, sizeof values->terms[0][0])
  else MULTIPLY_COLUMNS(tile_multiply_bf16, 4, N, columns, sizeof values->terms[0][0])
}

INLINE void ${name}_finish_values(const ${name}_weights *weights, const float *rescale, int32_t (*whole)[16][DIM_PADDED],
                                 float (*sums)[DIM_PADDED], int32_t count) {}
