/* e^x within 2 ulp: Cephes' expf (Moshier) with fused multiply-adds. 2^n is applied in two halves, so that results
   down to the subnormals and up to infinity come out right. */
INLINE f32x16 exp16(f32x16 x) {
  x = x < -104.0f ? (f32x16)(-104.0f) : x;
  x = x > 89.0f ? (f32x16)(89.0f) : x;
  const f32x16 n = __builtin_elementwise_rint(x * 1.44269504088896341f);
  f32x16 r = fma16(n, splat(-0.693359375f), x);
  r = fma16(n, splat(2.12194440e-4f), r);
  f32x16 p = splat(1.9875691500e-4f);
  p = fma16(p, r, splat(1.3981999507e-3f));
  p = fma16(p, r, splat(8.3334519073e-3f));
  p = fma16(p, r, splat(4.1665795894e-2f));
  p = fma16(p, r, splat(1.6666665459e-1f));
  p = fma16(p, r, splat(5.0000001201e-1f));
  p = fma16(p, r * r, r) + 1.0f;
#ifdef __AVX512F__
  return (f32x16)__builtin_ia32_scalefps512_mask(p, n, p, -1, 4 /* rounding as it is set */);
#else
  const s32x16 whole = __builtin_convertvector(n, s32x16);
  const s32x16 half = whole >> 1;
  return p * (f32x16)((half + 127) << 23) * (f32x16)((whole - half + 127) << 23);
#endif
}

INLINE f32x16 sigmoid16(f32x16 x) { return 1.0f / (1.0f + exp16(-x)); }

/* Cephes' tanhf: an odd polynomial near 0, where 1 - 2 / (e^2x + 1) would cancel. */
INLINE f32x16 tanh16(f32x16 x) {
  const f32x16 z = x * x;
  f32x16 p = splat(-5.70498872745e-3f);
  p = fma16(p, z, splat(2.06390887954e-2f));
  p = fma16(p, z, splat(-5.37397155531e-2f));
  p = fma16(p, z, splat(1.33314422036e-1f));
  p = fma16(p, z, splat(-3.33332819422e-1f));
  const f32x16 near = fma16(p * z, x, x);
  const f32x16 magnitude = __builtin_elementwise_abs(x);
  const f32x16 far = __builtin_elementwise_copysign(1.0f - 2.0f / (exp16(magnitude + magnitude) + 1.0f), x);
  return magnitude < 0.625f ? near : far;
}

/* Cephes' erff: an odd polynomial below 1, 1 - erfc above, with erfc(x) = e^-x^2 / x * P(1 / x^2) in two ranges. */
INLINE f32x16 erf16(f32x16 x) {
  const f32x16 z = x * x;
  f32x16 p = splat(7.853861353153693e-5f);
  p = fma16(p, z, splat(-8.010193625184903e-4f));
  p = fma16(p, z, splat(5.188327685732524e-3f));
  p = fma16(p, z, splat(-2.685381193529856e-2f));
  p = fma16(p, z, splat(1.128358514861418e-1f));
  p = fma16(p, z, splat(-3.761262582423300e-1f));
  p = fma16(p, z, splat(1.128379165726710f));
  const f32x16 magnitude = __builtin_elementwise_abs(x);
  const f32x16 q = 1.0f / magnitude;
  const f32x16 y = q * q;
  f32x16 middle = splat(2.326819970068386e-2f);
  middle = fma16(middle, y, splat(-1.387039388740657e-1f));
  middle = fma16(middle, y, splat(3.687424674597105e-1f));
  middle = fma16(middle, y, splat(-5.824733027278666e-1f));
  middle = fma16(middle, y, splat(6.210004621745983e-1f));
  middle = fma16(middle, y, splat(-4.944515323274145e-1f));
  middle = fma16(middle, y, splat(3.404879937665872e-1f));
  middle = fma16(middle, y, splat(-2.741127028184656e-1f));
  middle = fma16(middle, y, splat(5.638259427386472e-1f));
  f32x16 outer = splat(-1.047766399936249e+1f);
  outer = fma16(outer, y, splat(1.297719955372516e+1f));
  outer = fma16(outer, y, splat(-7.495518717768503f));
  outer = fma16(outer, y, splat(2.921019019210786f));
  outer = fma16(outer, y, splat(-1.015265279202700f));
  outer = fma16(outer, y, splat(4.218463358204948e-1f));
  outer = fma16(outer, y, splat(-2.820767439740514e-1f));
  outer = fma16(outer, y, splat(5.641895067754075e-1f));
  const f32x16 complement = exp16(-z) * q * (magnitude < 2.0f ? middle : outer);
  const f32x16 far = __builtin_elementwise_copysign(1.0f - complement, x);
  return magnitude < 1.0f ? x * p : far;
}

/* log2 of a positive normal double within 1e-15: the exponent, and the series of atanh on [1/sqrt 2, sqrt 2]. */
INLINE f64x16 log2_f64(f64x16 x) {
  const s64x16 bits = (s64x16)x;
  const s64x16 exponent = (bits - 0x3FE6A09E667F3BCDll) >> 52;
  const f64x16 m = (f64x16)(bits - (exponent << 52));
  const f64x16 s = (m - 1.0) / (m + 1.0);
  const f64x16 z = s * s;
  f64x16 p = (f64x16)(1.0 / 21);
  UNROLL for (int odd = 19; odd >= 1; odd -= 2) p = __builtin_elementwise_fma(p, z, (f64x16)(1.0 / odd));
  return __builtin_convertvector(exponent, f64x16) + p * s * (2 * 1.4426950408889634074);
}

/* 2^x in double, for x that f32 can hold the result of. */
INLINE f64x16 exp2_f64(f64x16 x) {
  x = x < -200.0 ? (f64x16)(-200.0) : x;
  x = x > 200.0 ? (f64x16)(200.0) : x;
  const f64x16 n = __builtin_elementwise_rint(x);
  const f64x16 r = (x - n) * 0.69314718055994530942;
  f64x16 p = (f64x16)(1.0);
  UNROLL for (int i = 11; i >= 1; i--) p = __builtin_elementwise_fma(p, r / i, (f64x16)(1.0));
  return p * (f64x16)((__builtin_convertvector(n, s64x16) + 1023) << 52);
}

/* x^y as C's powf has it: by 2^(y log2 |x|) in double; a negative base wants a whole exponent, and gets its sign from it. */
INLINE f32x16 pow16(f32x16 x, f32x16 y) {
  const f32x16 magnitude = __builtin_elementwise_abs(x);
  const f64x16 logarithm = log2_f64(__builtin_convertvector(magnitude, f64x16));
  f32x16 result = __builtin_convertvector(exp2_f64(__builtin_convertvector(y, f64x16) * logarithm), f32x16);
  const f32x16 zero_to_y = y > 0.0f ? splat(0.0f) : splat(__builtin_inff());
  const f32x16 infinity_to_y = y > 0.0f ? splat(__builtin_inff()) : splat(0.0f);
  result = magnitude == 0.0f ? zero_to_y : result;
  result = magnitude == __builtin_inff() ? infinity_to_y : result;
  const f32x16 half = y * 0.5f;
  const s32x16 whole = __builtin_elementwise_trunc(y) == y;
  const s32x16 odd = whole & (__builtin_elementwise_trunc(half) != half);
  const s32x16 negative = (s32x16)x < 0;
  result = (f32x16)((s32x16)result ^ (negative & odd & (s32x16)(u32x16)(0x80000000u)));
  result = ((x < 0.0f) & ~whole & (magnitude != __builtin_inff())) ? splat(__builtin_nanf("")) : result;
  result = ((x != x) | (y != y)) ? x + y : result;
  return ((y == 0.0f) | (x == 1.0f)) ? splat(1.0f) : result;
}

/* NaN where an operand is. */
INLINE f32x16 maximum16(f32x16 a, f32x16 b) { return ((a > b) | (a != a)) ? a : b; }
INLINE f32x16 minimum16(f32x16 a, f32x16 b) { return ((a < b) | (a != a)) ? a : b; }
