/* A step of a chain takes two columns as a pair of bf16, the first in the lower half: VDPBF16PS adds both products in f32. */
#define STEPS ((K + 1) / 2)
#define PAIRS_STRIDE ((STEPS + 15) / 16 * 16)
typedef uint32_t ${name}_x;
typedef u32x16 ${name}_w;

/* To the nearest, the first's lanes below the second's. */
INLINE bf16x32 ${name}_narrow(f32x16 first, f32x16 second) { return __builtin_ia32_cvtne2ps2bf16_512(second, first); }

INLINE ${name}_w ${name}_column(const char *block, int32_t step) {
  const f32x16 second = K % 2 == 0 || 2 * step + 1 < K ? ${name}_load(block, 2 * step + 1) : splat(0);
  const s16x32 both = (s16x32)${name}_narrow(${name}_load(block, 2 * step), second);
  return (${name}_w)__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23,
                                            8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

INLINE f32x16 ${name}_add(f32x16 sum, ${name}_x x, ${name}_w column) {
  return __builtin_ia32_dpbf16ps_512(sum, (bf16x32)(u32x16)(x), (bf16x32)column);
}

/* Rows of x as pairs, PAIRS_STRIDE apart. */
static void ${name}_pairs(int32_t rows, const float *x, int32_t x_stride, ${name}_x *pairs) {
  for (int32_t r = 0; r < rows; r++)
    for (int32_t k = 0; k < K; k += 32) {
      const float *in = x + (int64_t)r * x_stride + k;
      *(bf16x32 *)(pairs + (int64_t)r * PAIRS_STRIDE + k / 2) =
          ${name}_narrow(load_first(in, least(16, K - k)), k + 16 < K ? load_first(in + 16, least(16, K - k - 16)) : splat(0));
    }
}
