/* Products of a cache's codes with numbers of 15 bits and a sign, exact in 32 bits. Codes lie in words: four as bytes where the
   target multiplies bytes (VNNI), and the numbers are two digits then; else two as 16 bits. */
typedef uint8_t u8x32 __attribute__((ext_vector_type(32)));
typedef uint8_t u8x64 __attribute__((ext_vector_type(64)));
typedef uint8_t u8x8 __attribute__((ext_vector_type(8)));
typedef uint16_t u16x8 __attribute__((ext_vector_type(8)));
typedef uint16_t u16x16 __attribute__((ext_vector_type(16)));
typedef uint16_t u16x32 __attribute__((ext_vector_type(32)));
#define LARGEST_NUMBER (127 * 256) /* rounding may exceed it by one */

#ifdef __AVX512VNNI__
#define CODES_IN_WORD 4
#define NUMBER_DIGITS 2
typedef u8x64 code_row;
typedef u8x32 half_code_row;
typedef u16x32 half_code_row_shorts;

INLINE s32x16 multiply_words(s32x16 sums, u32x16 codes, uint32_t digits) {
  return (s32x16)__builtin_ia32_vpdpbusd512(sums, (s32x16)codes, (s32x16)(u32x16)(digits));
}

INLINE f32x16 join_digits(const s32x16 *sums) { return to_f32((sums[0] << 8) + sums[1]); }

/* Sixteen words of codes that lie one after the other. */
INLINE u32x16 words_of_row(code_row codes) { return (u32x16)codes; }

/* Number i ... i + 15 of `count`, as the words of each digit. */
INLINE void store_numbers(uint32_t *digits, int32_t count, int32_t i, s32x16 whole) {
  const s8x16 low = __builtin_convertvector(whole, s8x16);
  *(s8x16_memory *)((char *)digits + i) = __builtin_convertvector((whole - __builtin_convertvector(low, s32x16)) >> 8, s8x16);
  *(s8x16_memory *)((char *)digits + count + i) = low;
}
#else
#define CODES_IN_WORD 2
#define NUMBER_DIGITS 1
typedef u8x32 code_row;
typedef u8x16 half_code_row;
typedef u16x16 half_code_row_shorts;

INLINE s32x16 multiply_words(s32x16 sums, u32x16 codes, uint32_t digits) {
  return sums + multiply_shorts((s16x32)codes, (s16x32)(u32x16)(digits));
}

INLINE f32x16 join_digits(const s32x16 *sums) { return to_f32(sums[0]); }

INLINE u32x16 words_of_row(code_row codes) { return (u32x16)__builtin_convertvector(codes, s16x32); }

INLINE void store_numbers(uint32_t *digits, int32_t count, int32_t i, s32x16 whole) {
  *(s16x16_memory *)((char *)digits + 2 * i) = __builtin_convertvector(whole, s16x16);
}
#endif

/* Words of one code of each of CODES_IN_WORD rows, the first lowest. */
INLINE u32x16 words_of_columns(const u8x16 *rows) {
#ifdef __AVX512VNNI__
  const u8x32 first = __builtin_shufflevector(rows[0], rows[1], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                              16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  const u8x32 second = __builtin_shufflevector(rows[2], rows[3], 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                               16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  return (u32x16)__builtin_shufflevector(first, second, 0, 16, 32, 48, 1, 17, 33, 49, 2, 18, 34, 50, 3, 19, 35, 51,
                                         4, 20, 36, 52, 5, 21, 37, 53, 6, 22, 38, 54, 7, 23, 39, 55,
                                         8, 24, 40, 56, 9, 25, 41, 57, 10, 26, 42, 58, 11, 27, 43, 59,
                                         12, 28, 44, 60, 13, 29, 45, 61, 14, 30, 46, 62, 15, 31, 47, 63);
#else
  return __builtin_convertvector(rows[0], u32x16) | __builtin_convertvector(rows[1], u32x16) << 16;
#endif
}
