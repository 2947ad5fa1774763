/* ${name}: W ${n} x ${k}, u${bits} codes in groups of ${group}${zeros_note}. A block of 16 rows: 32-bit words of ${codes_per_word} codes
   [K / ${codes_per_word}][16], f16 scales [GROUPS][16]${zeros_layout}. */
#define N ${n}
#define K ${k}
#define GROUP ${group}
#define GROUPS ((K + GROUP - 1) / GROUP)
#define CODES_PER_WORD ${codes_per_word}
#define WORDS ((K + CODES_PER_WORD - 1) / CODES_PER_WORD)
#define K_PADDED (WORDS * CODES_PER_WORD)
#define BLOCKS ((N + 15) / 16)
#define BLOCK_BYTES ${block_bytes}ll

INLINE f32x16 ${name}_scale(const char *block, int32_t group) {
  return load16_f16((const _Float16 *)(block + WORDS * 64ll) + 16 * group);
}

INLINE f32x16 ${name}_zero(const char *block, int32_t group) {
  ${return_zero}
}

/* Where code i of a word begins: nibbles of bytes 0 to 3 first the low, then the high ones. */
INLINE int ${name}_bit(const int i) { return CODES_PER_WORD == 8 ? 8 * (i & 3) + (i & 4) : 8 * i; }

static void ${name}_tile(const char *block, int32_t k0, int32_t k1, float *tile) {
  const u32x16 *words = (const u32x16 *)block;
  for (int32_t k = k0; k < k1;) {
    const int32_t group = k / GROUP;
    const int32_t group_end = least((group + 1) * GROUP, k1);
    const f32x16 scale = ${name}_scale(block, group), zero = ${name}_zero(block, group);
    for (; k < group_end; k += CODES_PER_WORD) {
      const u32x16 word = words[k / CODES_PER_WORD];
      UNROLL for (int i = 0; i < CODES_PER_WORD; i++) {
        const s32x16 code = (s32x16)((word >> ${name}_bit(i)) & ${code_mask}u);
        store16(tile + 16 * (k - k0 + i), (to_f32(code) - zero) * scale);
      }
    }
  }
}
