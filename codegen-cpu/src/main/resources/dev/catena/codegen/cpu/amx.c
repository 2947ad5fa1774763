/* AMX: eight tiles of 16 rows of 64 bytes. The same in plain C for machines that lack it, so that tests can prove what uses it. */
#ifdef EMULATED_TILES
typedef struct { int32_t cells[8][16][16]; } amx_tiles;

INLINE void tile_begin(amx_tiles *tiles) { __builtin_memset(tiles, 0xA5, sizeof *tiles); }
INLINE void tile_end(amx_tiles *tiles) {}
INLINE void tile_zero(amx_tiles *tiles, const int t) { __builtin_memset(tiles->cells[t], 0, sizeof tiles->cells[t]); }

INLINE void tile_load(amx_tiles *tiles, const int t, const void *from, int64_t stride) {
  for (int r = 0; r < 16; r++) __builtin_memcpy(tiles->cells[t][r], (const char *)from + r * stride, 64);
}

INLINE void tile_store(amx_tiles *tiles, const int t, void *to, int64_t stride) {
  for (int r = 0; r < 16; r++) __builtin_memcpy((char *)to + r * stride, tiles->cells[t][r], 64);
}

/* sums[m][n] += signed bytes of row m times the unsigned ones of column n, four of which lie together. */
INLINE void tile_multiply(amx_tiles *tiles, const int sums, const int rows, const int columns) {
  for (int m = 0; m < 16; m++)
    for (int n = 0; n < 16; n++)
      for (int k = 0; k < 16; k++)
        for (int byte = 0; byte < 4; byte++)
          tiles->cells[sums][m][n] += ((const int8_t *)tiles->cells[rows][m])[4 * k + byte]
                                    * ((const uint8_t *)tiles->cells[columns][k])[4 * n + byte];
}
#else
typedef struct { char none; } amx_tiles;

/* Palette 1 of Intel's manual (volume 2, LDTILECFG): bytes a row at 16, rows at 48. */
static const struct { uint8_t palette, start_row, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; }
    amx_shapes __attribute__((aligned(64))) =
        {1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

#define tile_begin(tiles) __builtin_ia32_tile_loadconfig(&amx_shapes)
#define tile_end(tiles) __builtin_ia32_tilerelease()
#define tile_zero(tiles, t) __builtin_ia32_tilezero(t)
#define tile_load(tiles, t, from, stride) __builtin_ia32_tileloadd64(t, from, stride)
#define tile_store(tiles, t, to, stride) __builtin_ia32_tilestored64(t, to, stride)
#define tile_multiply(tiles, sums, rows, columns) __builtin_ia32_tdpbsud(sums, rows, columns)
#endif
