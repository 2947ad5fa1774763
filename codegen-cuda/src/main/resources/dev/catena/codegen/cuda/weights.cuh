/* Packed matrices of linear layers (docs/cuda-kernels.md): blocks of 16 rows, which are 16 outputs. Both loops over them,
   for few rows of x and for many, are written once against these structures:

   COLUMNS        columns that `values` reads together
   values         COLUMNS columns from `column` on of 4 outputs; codes where the matrix is quantized
   scale, zero    of an output in a group; a value is (code - zero) * scale
   Chunk          what a lane holds of 32 columns for mma.sync: 8 columns of each of two outputs
   fragments      a chunk as the A operand of two mma.m16n8k16. Which column stands at which k doesn't matter as long as B
                  agrees: lane (g, t) has columns 8 t ... 8 t + 7 of the chunk
   two_outputs    a chunk from shared memory, where a warp has 16 outputs: lane (g, t) loads two of them, as many columns at a time as lie
                  side by side, then every fourth such run, so that no bank is met twice
   FourOutputs    two chunks, of 4 neighbouring outputs, of which two are a chunk's; `load_four` loads them
   MIDDLE_ZEROS, STORED_ZEROS, zero_halves    zeros, as `fragments` takes them
   FourScales     scales of four outputs as they are stored: what may still be on its way */
enum class Zeros { MIDDLE, STORED };
enum class Scales { F16, F32 };

template <Scales TYPE> struct FourScales {
  uint2 halves;

  static FourScales load(const uint8 *scales, int at) { return {*(const uint2 *)(scales + at * 2)}; }
  void values(float (&to)[4]) const {
    to[0] = low_half(halves.x), to[1] = high_half(halves.x), to[2] = low_half(halves.y), to[3] = high_half(halves.y);
  }
};

template <> struct FourScales<Scales::F32> {
  float4 floats;

  static FourScales load(const uint8 *scales, int at) { return {*(const float4 *)(scales + at * 4)}; }
  void values(float (&to)[4]) const { to[0] = floats.x, to[1] = floats.y, to[2] = floats.z, to[3] = floats.w; }
};

template <int N, int K, int GROUP, Zeros ZEROS, Scales SCALE_TYPE, int CODE_BITS> struct QuantizedMatrix {
  static constexpr bool QUANTIZED = true;
  static constexpr int BITS = CODE_BITS;
  static constexpr Scales SCALE = SCALE_TYPE;
  static constexpr int OUTPUTS = N, INPUTS = K, GROUP_COLUMNS = GROUP, GROUPS = divide_up(K, GROUP), COLUMNS = BITS == 8 ? 4 : 8;
  /* Consecutive codes that lie together in WORDS_TOGETHER words; of 3 bits the low two of all, then the high one of all. */
  static constexpr int CODES_TOGETHER = BITS == 3 ? 32 : 32 / BITS, WORDS_TOGETHER = BITS == 3 ? 3 : 1;
  static constexpr int WORDS = divide_up(K, CODES_TOGETHER) * WORDS_TOGETHER, SCALES = WORDS * 64, ZERO_CODES = SCALES + GROUPS * (SCALE_TYPE == Scales::F32 ? 64 : 32);
  static constexpr int64 BLOCK_BYTES = divide_up(ZERO_CODES + (ZEROS == Zeros::STORED ? GROUPS * 16 : 0), 64) * 64ll;

  static constexpr bool STORED_ZEROS = ZEROS == Zeros::STORED;
  static constexpr uint32 MIDDLE_ZEROS = (1u << (BITS - 1)) * 0x01010101u; /* where none are stored, as four stored ones */

  static uint32 code(uint32 word, int i) {
    return BITS == 4 ? word >> (i % 4 * 8 + i / 4 * 4) & 15 : word >> i * 8 & 255;
  }

  static void values(const uint8 *block, int column, int first_output, float (&to)[4][COLUMNS]) {
    static_assert(BITS == 8 || BITS == 4, "groups of other codes are multiples of 32: they go through tensor cores");
    const uint4 words = *(const uint4 *)(block + (column / COLUMNS * 16 + first_output) * 4);
    const uint32 of_output[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
    for (int o = 0; o < 4; o++)
#pragma unroll
      for (int i = 0; i < COLUMNS; i++) to[o][i] = float_of_code(code(of_output[o], i));
  }

  static float scale(const uint8 *block, int group, int output) {
    const int at = group * 16 + output;
    return SCALE_TYPE == Scales::F32 ? ((const float *)(block + SCALES))[at] : float_of_half(((const uint16 *)(block + SCALES))[at]);
  }

  /* Of four outputs from `first_output` on, a multiple of 4. */
  static FourScales<SCALE_TYPE> four_scales(const uint8 *block, int group, int first_output) {
    return FourScales<SCALE_TYPE>::load(block + SCALES, group * 16 + first_output);
  }

  static int zero(const uint8 *block, int group, int output) {
    return ZEROS == Zeros::STORED ? block[ZERO_CODES + group * 16 + output] : 1 << (BITS - 1);
  }

  static void two_scales(const uint8 *block, int group, int first_output, float (&to)[2]) {
    const int at = group * 16 + first_output;
    if constexpr (SCALE_TYPE == Scales::F32) {
      const float2 two = *(const float2 *)(block + SCALES + at * 4);
      to[0] = two.x, to[1] = two.y;
    } else {
      const uint32 two = *(const uint32 *)(block + SCALES + at * 2);
      to[0] = low_half(two), to[1] = high_half(two);
    }
  }

  /* Words that hold 8 codes of a row: of 3 and 2 bits they hold others, too. */
  static constexpr int CHUNK_WORDS = BITS == 8 || BITS == 3 ? 2 : 1;
  static constexpr int COLUMN_BITS = 16 * BITS, CODE_BYTES = WORDS * 64; /* of a block of 16 outputs */
  struct Chunk { uint32 words[2][CHUNK_WORDS]; };

  /* The i-th word of those with the 8 columns from chunk * 32 + t * 8 on. */
  static int chunk_word(int chunk, int t, int i) {
    return BITS == 8   ? (chunk * 4 + t) * 2 + i
           : BITS == 4 ? chunk * 4 + t
           : BITS == 3 ? chunk * 3 + (i == 0 ? t / 2 : 2)
                       : chunk * 2 + t / 2;
  }

  struct FourOutputs {
    uint4 words[CHUNK_WORDS];

    Chunk chunk(int half) const {
      Chunk two;
#pragma unroll
      for (int i = 0; i < CHUNK_WORDS; i++) {
        two.words[0][i] = half == 0 ? words[i].x : words[i].z;
        two.words[1][i] = half == 0 ? words[i].y : words[i].w;
      }
      return two;
    }
  };

  /* Of the outputs 4 * quarter ... 4 * quarter + 3, in 32 columns from chunk * 32 on: the 8 from t * 8 on. Zeros behind the last. */
  static FourOutputs load_four(const uint8 *block, int chunk, int quarter, int t) {
    FourOutputs loaded;
#pragma unroll
    for (int i = 0; i < CHUNK_WORDS; i++) {
      const int word = chunk_word(chunk, t, i);
      loaded.words[i] = {0, 0, 0, 0};
      if (word < WORDS) loaded.words[i] = *(const uint4 *)(block + (word * 16 + quarter * 4) * 4);
    }
    return loaded;
  }

  /* Of the outputs 2 g and 2 g + 1 in `chunk` of the image `tile`, which begins at `first_chunk` of the matrix. Zeros behind the last. */
  static Chunk two_outputs(const uint8 *tile, int first_chunk, int chunk, int g, int t) {
    Chunk two;
#pragma unroll
    for (int i = 0; i < CHUNK_WORDS; i++) {
      const int word = (chunk * CHUNK_WORDS + i) * 4 + t;
      uint2 pair = {0, 0};
      if (K % 64 == 0 || first_chunk * CHUNK_WORDS * 4 + word < WORDS) pair = *(const uint2 *)(tile + (word * 16 + g * 2) * 4);
      two.words[0][i] = pair.x, two.words[1][i] = pair.y;
    }
    return two;
  }

  /* Two codes as halves 1024 + code: in f16, 0x6400 is 1024, whose last place is 1. */
  static uint32 two_codes(uint32 bytes, int selector) { return __byte_perm(bytes, 0x64646464u, selector); }

  /* Of a lane's 8 columns of a row those from 4 * step on, as bytes. */
  static uint32 four_codes(const uint32 (&words)[CHUNK_WORDS], int step) {
    const int t = lane_id() % 4;
    if constexpr (BITS == 8) return words[step];
    if constexpr (BITS == 4) return words[0] >> step * 4 & 0x0F0F0F0Fu;
    const uint32 low = words[0] >> t % 2 * 4 + step * 2 & 0x03030303u;
    if constexpr (BITS == 3) return low | (words[CHUNK_WORDS - 1] >> t * 2 + step & 0x01010101u) << 2;
    return low;
  }

  static uint32 zero_halves(int zero) { return (0x6400u + zero) * 0x10001u; }

  static void fragments(const Chunk &chunk, const uint32 (&zeros)[2], uint32 (&a)[2][4]) {
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
      for (int step = 0; step < 2; step++) {
        const uint32 bytes = four_codes(chunk.words[half], step);
        a[step][half] = subtract_halves(two_codes(bytes, 0x4140), zeros[half]);
        a[step][half + 2] = subtract_halves(two_codes(bytes, 0x4342), zeros[half]);
      }
  }
};

template <int N, int K, int GROUP, Zeros ZEROS, Scales SCALE_TYPE> using Codes4 = QuantizedMatrix<N, K, GROUP, ZEROS, SCALE_TYPE, 4>;
template <int N, int K, int GROUP, Zeros ZEROS, Scales SCALE_TYPE> using Codes8 = QuantizedMatrix<N, K, GROUP, ZEROS, SCALE_TYPE, 8>;
template <int N, int K, int GROUP, Zeros ZEROS, Scales SCALE_TYPE> using Codes3 = QuantizedMatrix<N, K, GROUP, ZEROS, SCALE_TYPE, 3>;
template <int N, int K, int GROUP, Zeros ZEROS, Scales SCALE_TYPE> using Codes2 = QuantizedMatrix<N, K, GROUP, ZEROS, SCALE_TYPE, 2>;

template <int N, int K> struct Halves {
  static constexpr bool QUANTIZED = false;
  static constexpr int OUTPUTS = N, INPUTS = K, GROUP_COLUMNS = K, GROUPS = 1, COLUMNS = 4;
  static constexpr int64 BLOCK_BYTES = K * 32ll;

  static void values(const uint8 *block, int column, int first_output, float (&to)[4][COLUMNS]) {
#pragma unroll
    for (int i = 0; i < COLUMNS; i++) {
      uint2 four = {0, 0};
      if (K % COLUMNS == 0 || column + i < K) four = *(const uint2 *)(block + ((column + i) * 16ll + first_output) * 2);
      to[0][i] = low_half(four.x), to[1][i] = high_half(four.x), to[2][i] = low_half(four.y), to[3][i] = high_half(four.y);
    }
  }

  static constexpr Scales SCALE = Scales::F16; /* it has none */
  static constexpr uint32 MIDDLE_ZEROS = 0;
  static constexpr int COLUMN_BITS = 16 * 16, CODE_BYTES = K * 32;

  struct Chunk { uint32 outputs[8]; }; /* two neighbouring outputs at each of 8 columns */

  struct FourOutputs {
    uint2 columns[8];

    Chunk chunk(int half) const {
      Chunk two;
#pragma unroll
      for (int i = 0; i < 8; i++) two.outputs[i] = half == 0 ? columns[i].x : columns[i].y;
      return two;
    }
  };

  static FourOutputs load_four(const uint8 *block, int chunk, int quarter, int t) {
    FourOutputs loaded;
    const int column = chunk * 32 + t * 8;
    const uint8 *first = block + column * 32 + quarter * 8; /* one address, from which the others are constants away */
#pragma unroll
    for (int i = 0; i < 8; i++) {
      loaded.columns[i] = {0, 0};
      if (K % 32 == 0 ? chunk < K / 32 : column + i < K) loaded.columns[i] = *(const uint2 *)(first + i * 32);
    }
    return loaded;
  }

  static Chunk two_outputs(const uint8 *tile, int first_chunk, int chunk, int g, int t) {
    Chunk two;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const int column = chunk * 32 + i * 4 + t;
      two.outputs[i] = K % 64 == 0 || first_chunk * 32 + column < K ? *(const uint32 *)(tile + column * 32 + g * 4) : 0;
    }
    return two;
  }

  static void fragments(const Chunk &chunk, const uint32 (&)[2], uint32 (&a)[2][4]) {
#pragma unroll
    for (int step = 0; step < 2; step++)
#pragma unroll
      for (int pair = 0; pair < 2; pair++) {
        const uint32 first = chunk.outputs[step * 4 + pair * 2], second = chunk.outputs[step * 4 + pair * 2 + 1];
        a[step][pair * 2] = __byte_perm(first, second, 0x5410);
        a[step][pair * 2 + 1] = __byte_perm(first, second, 0x7632);
      }
  }
};

template <int N, int K> struct Floats {
  static constexpr bool QUANTIZED = false;
  static constexpr int OUTPUTS = N, INPUTS = K, GROUP_COLUMNS = K, GROUPS = 1, COLUMNS = 4;
  static constexpr int64 BLOCK_BYTES = K * 64ll;

  static void values(const uint8 *block, int column, int first_output, float (&to)[4][COLUMNS]) {
#pragma unroll
    for (int i = 0; i < COLUMNS; i++) {
      float4 four = {0, 0, 0, 0};
      if (K % COLUMNS == 0 || column + i < K) four = *(const float4 *)(block + ((column + i) * 16ll + first_output) * 4);
      to[0][i] = four.x, to[1][i] = four.y, to[2][i] = four.z, to[3][i] = four.w;
    }
  }
};
