#define CODE_MASK ((1u << ${bits}) - 1)

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
        const s32x16 code = (s32x16)((word >> ${name}_bit(i)) & CODE_MASK);
        store16(tile + 16 * (k - k0 + i), (to_f32(code) - zero) * scale);
      }
    }
  }
}
