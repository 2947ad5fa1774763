/* AMX: eight tiles of 16 rows of 64 bytes. The same in plain C for machines that lack it, so that tests can prove what uses it. */
#ifdef EMULATED_TILES
#define OUTLINE static __attribute__((noinline)) /* many calls, each a hundred instructions or more */
typedef struct { int32_t cells[8][16][16] __attribute__((aligned(64))); } amx_tiles;

OUTLINE void tile_begin(amx_tiles *tiles) { __builtin_memset(tiles, 0xA5, sizeof *tiles); }
OUTLINE void tile_end(amx_tiles *tiles) {}
OUTLINE void tile_zero(amx_tiles *tiles, const int t) { __builtin_memset(tiles->cells[t], 0, sizeof tiles->cells[t]); }

OUTLINE void tile_load(amx_tiles *tiles, const int t, const void *from, int64_t stride) {
  for (int r = 0; r < 16; r++) __builtin_memcpy(tiles->cells[t][r], (const char *)from + r * stride, 64);
}

OUTLINE void tile_store(amx_tiles *tiles, const int t, void *to, int64_t stride) {
  for (int r = 0; r < 16; r++) __builtin_memcpy((char *)to + r * stride, tiles->cells[t][r], 64);
}

/* sums[m][n] += signed bytes of row m times the unsigned ones of column n, four of which lie together. */
OUTLINE void tile_multiply(amx_tiles *tiles, const int sums, const int rows, const int columns) {
  for (int m = 0; m < 16; m++)
    for (int n = 0; n < 16; n++)
      for (int k = 0; k < 16; k++)
        for (int byte = 0; byte < 4; byte++)
          tiles->cells[sums][m][n] += ((const int8_t *)tiles->cells[rows][m])[4 * k + byte]
                                    * ((const uint8_t *)tiles->cells[columns][k])[4 * n + byte];
}

/* The same of bf16, two of which lie together: pairs' first and second products add up in sums of their own (Intel, TDPBF16PS). */
OUTLINE void tile_multiply_bf16(amx_tiles *tiles, const int sums, const int rows, const int columns) {
  for (int m = 0; m < 16; m++) {
    f32x16 first = splat(0), second = splat(0);
    for (int k = 0; k < 16; k++) {
      const uint32_t pair = (uint32_t)tiles->cells[rows][m][k];
      const u32x16 pairs = *(const u32x16 *)tiles->cells[columns][k];
      first = fma16((f32x16)(u32x16)(pair << 16), (f32x16)(pairs << 16), first);
      second = fma16((f32x16)(u32x16)(pair & 0xFFFF0000u), (f32x16)(pairs & 0xFFFF0000u), second);
    }
    *(f32x16 *)tiles->cells[sums][m] += first + second;
  }
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
#define tile_multiply_bf16(tiles, sums, rows, columns) __builtin_ia32_tdpbf16ps(sums, rows, columns)
#endif

typedef uint16_t u16x16 __attribute__((ext_vector_type(16)));
typedef u16x16 u16x16_memory __attribute__((aligned(2)));

/* The nearest number that bf16 has, ties to even; a NaN stays one. */
INLINE f32x16 nearest_bf16(f32x16 v) {
  const u32x16 bits = (u32x16)v, rounded = bits + 0x7FFFu + (bits >> 16 & 1u) & 0xFFFF0000u;
  return (f32x16)(v != v ? (bits | 0x00400000u) & 0xFFFF0000u : rounded);
}

/* Sixteen numbers side by side, or beside those of another column as pairs; what bf16 hasn't is cut off. */
INLINE void store_bf16(char *to, f32x16 v) {
  *(u16x16_memory *)to = __builtin_convertvector((u32x16)v >> 16, u16x16);
}
INLINE u32x16 bf16_pairs(f32x16 first, f32x16 second) {
  u32x16 lower = (u32x16)first >> 16;
  __asm__("" : "+v"(lower)); /* else clang makes both a permutation of words, which takes Intel's CPUs three operations, not two */
  return lower | ((u32x16)second & 0xFFFF0000u);
}

/* Pairs of numbers as two terms each: the nearest of eight bits, and of what that leaves the nearest, or what isn't cut off where it is
   not ROUNDED; an f16 is both exactly. A NaN is one in the low term at least. */
typedef struct { u32x16 high, low; } bf16_terms;

INLINE bf16_terms terms_of_pairs(f32x16 first, f32x16 second, const int ROUNDED) {
  const f32x16 high_first = (f32x16)((u32x16)first + 0x8000u & 0xFFFF0000u);
  const f32x16 high_second = (f32x16)((u32x16)second + 0x8000u & 0xFFFF0000u);
  f32x16 low_first = first - high_first, low_second = second - high_second;
  if (ROUNDED) {
    low_first = low_first == low_first ? (f32x16)((u32x16)low_first + 0x8000u) : low_first;
    low_second = low_second == low_second ? (f32x16)((u32x16)low_second + 0x8000u) : low_second;
  }
  return (bf16_terms){bf16_pairs(high_first, high_second), bf16_pairs(low_first, low_second)};
}

/* The tile `rows` times up to four tiles of columns, which lie side by side in lines of `stride` bytes: added to tiles 0 to 3. */
#define MULTIPLY_COLUMNS(multiply, rows, count, columns, stride) \
  { tile_load(tiles, 6, (const char *)(columns), stride); multiply(tiles, 0, rows, 6); \
    if (count > 1) { tile_load(tiles, 7, (const char *)(columns) + 64, stride); multiply(tiles, 1, rows, 7); } \
    if (count > 2) { tile_load(tiles, 6, (const char *)(columns) + 128, stride); multiply(tiles, 2, rows, 6); } \
    if (count > 3) { tile_load(tiles, 7, (const char *)(columns) + 192, stride); multiply(tiles, 3, rows, 7); } }

/* Rows of each panel of at most `most`, a multiple of 32: the last is to be no small rest, which takes as long as a large one. */
INLINE int32_t even_panel(int32_t rows, int32_t most) {
  const int32_t panels = rows > 0 ? (rows + most - 1) / most : 1;
  return rows > 0 ? ((rows + panels - 1) / panels + 31) / 32 * 32 : most;
}

/* Stretches of `bytes` bytes, `stride` apart, of which the first `stretches` from `at` on are still to be asked for: `stop` is where
   the first of them ends. */
typedef struct { const char *at, *stop; int64_t bytes, stride; int32_t stretches; } lines_ahead;

INLINE lines_ahead lines_of(const char *blocks, int32_t count, int64_t bytes, int64_t stride) {
  return (lines_ahead){blocks, blocks + bytes, bytes, stride, bytes > 0 ? count : 0};
}

/* Asks for the next `lines` lines, to come to the first or the second cache. */
INLINE void ask_for(lines_ahead *ahead, int32_t lines, const int cache) {
  for (; lines > 0 && ahead->stretches > 0; lines--) {
    if (cache == 1) __builtin_prefetch(ahead->at, 0, 3);
    else __builtin_prefetch(ahead->at, 0, 2);
    ahead->at += 64;
    if (ahead->at >= ahead->stop) {
      ahead->at = ahead->stop + ahead->stride - ahead->bytes;
      ahead->stop += ahead->stride;
      ahead->stretches--;
    }
  }
}
