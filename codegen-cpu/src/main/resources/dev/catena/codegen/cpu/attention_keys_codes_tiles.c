/* The same scores by tiles: the whole numbers are those that vectors come to. */
#define KEY_ROUNDS NUMBER_DIGITS
#define KEY_UNITS (QUERY_PADDED / ROW_CODES)

/* Four products: of one digit of 16 queries with 64 positions, in 64 elements. */
INLINE void ${name}_multiply_keys(amx_tiles *tiles, const ${name}_keys *keys, const ${name}_query *queries, const int round, const int unit) {
  tile_load(tiles, 4, queries->digits[round] + 16 * unit, sizeof *queries);
  MULTIPLY_COLUMNS(tile_multiply, 4, 4, keys->words[16 * unit], sizeof keys->words[0])
}

INLINE void *${name}_scores_place(float (*scores)[64], int32_t (*sums)[16][64], const int round) { return sums[round]; }

INLINE void ${name}_finish_scores(const ${name}_keys *keys, const ${name}_query *queries, int32_t (*sums)[16][64], float (*scores)[64],
                                 int32_t count) {
  for (int32_t slot = 0; slot < 64; slot += 16) {
    const f32x16 scale = load16(keys->scale + slot), minimum = load16(keys->minimum + slot);
    for (int32_t q = 0; q < count; q++) {
      const s32x16 digits[] = {*(const s32x16 *)&sums[0][q][slot], *(const s32x16 *)&sums[1][q][slot]};
      store16(&scores[q][slot], ${name}_score(&queries[q], scale, minimum, digits));
    }
  }
}
