/* Products of small whole numbers, on whatever the target has for them. */
typedef int16_t s16x16 __attribute__((ext_vector_type(16)));
typedef int16_t s16x32 __attribute__((ext_vector_type(32)));
typedef s16x16 s16x16_memory __attribute__((aligned(2)));

/* The nearest whole numbers, ties to even: one instruction where the compiler would take two. */
INLINE s32x16 nearest_whole(f32x16 v) {
#ifdef __AVX512F__
  return (s32x16)__builtin_ia32_cvtps2dq512_mask(v, (s32x16)(0), -1, 4 /* as MXCSR says: to nearest */);
#else
  return __builtin_convertvector(__builtin_elementwise_rint(v), s32x16);
#endif
}

#ifdef __AVX512BW__
typedef char chars64 __attribute__((vector_size(64)));
typedef short shorts32 __attribute__((vector_size(64)));

/* Unsigned bytes times signed ones, neighbours added and kept within 16 bits. */
INLINE s16x32 multiply_bytes(u32x16 codes, u32x16 digits) {
  return (s16x32)__builtin_ia32_pmaddubsw512((chars64)codes, (chars64)digits);
}

/* 16-bit numbers times each other, neighbours added. */
INLINE s32x16 multiply_shorts(s16x32 a, s16x32 b) {
  return (s32x16)__builtin_ia32_pmaddwd512((shorts32)a, (shorts32)b);
}
#else
typedef char chars32 __attribute__((vector_size(32)));
typedef short shorts16 __attribute__((vector_size(32)));

#define LOWER_HALF(v) __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
#define UPPER_HALF(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)
#define JOIN(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
typedef int32_t s32x8 __attribute__((ext_vector_type(8)));

/* Unsigned bytes times signed ones, neighbours added and kept within 16 bits. */
INLINE s16x32 multiply_bytes(u32x16 codes, u32x16 digits) {
  const s32x8 lower = (s32x8)__builtin_ia32_pmaddubsw256((chars32)LOWER_HALF(codes), (chars32)LOWER_HALF(digits));
  const s32x8 upper = (s32x8)__builtin_ia32_pmaddubsw256((chars32)UPPER_HALF(codes), (chars32)UPPER_HALF(digits));
  return (s16x32)JOIN(lower, upper);
}

/* 16-bit numbers times each other, neighbours added. */
INLINE s32x16 multiply_shorts(s16x32 a, s16x32 b) {
  const s32x16 x = (s32x16)a, y = (s32x16)b;
  const s32x8 lower = (s32x8)__builtin_ia32_pmaddwd256((shorts16)LOWER_HALF(x), (shorts16)LOWER_HALF(y));
  const s32x8 upper = (s32x8)__builtin_ia32_pmaddwd256((shorts16)UPPER_HALF(x), (shorts16)UPPER_HALF(y));
  return JOIN(lower, upper);
}
#endif
