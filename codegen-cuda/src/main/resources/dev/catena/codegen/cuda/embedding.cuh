/* One row of the table for each key, a token or a position. A table is row after row; a quantized row is its codes, scales of the groups, and
   where they are stored u8 zeros. A packed one lies in blocks of 16 rows as the linear layer wants it whose matrix it is, too
   (weights.cuh). `value` is column c of the row `lane` of those at `rows`. */
template <int VOCABULARY, int WIDTH> struct FloatTable {
  static constexpr int ROWS = VOCABULARY;
  static constexpr int TOGETHER = 1;
  static constexpr int64 ROW_BYTES = WIDTH * 4ll;
  static float value(const uint8 *row, int, int c) { return ((const float *)row)[c]; }
};

template <int VOCABULARY, int WIDTH> struct HalfTable {
  static constexpr int ROWS = VOCABULARY;
  static constexpr int TOGETHER = 1;
  static constexpr int64 ROW_BYTES = WIDTH * 2ll;
  static float value(const uint8 *row, int, int c) { return float_of_half(((const uint16 *)row)[c]); }
};

template <int VOCABULARY, int WIDTH, int GROUP, bool STORED_ZEROS, int BITS, int SCALE_BYTES> struct CodeTable {
  static constexpr int ROWS = VOCABULARY, GROUPS = divide_up(WIDTH, GROUP), TOGETHER = 1;
  static constexpr int SCALES = divide_up(divide_up(WIDTH * BITS, 8), 4) * 4, ZERO_CODES = SCALES + SCALE_BYTES * GROUPS;
  static constexpr int64 ROW_BYTES = divide_up(ZERO_CODES + (STORED_ZEROS ? GROUPS : 0), 4) * 4;

  static float value(const uint8 *row, int, int c) {
    const int bit = c * BITS; /* a stream of bits, from a byte's lowest on; of 3, two bytes may have a code */
    const int bytes = BITS == 3 ? row[bit / 8] | row[(bit + BITS - 1) / 8] << 8 : row[bit / 8];
    const int code = bytes >> bit % 8 & (1 << BITS) - 1;
    const int zero = STORED_ZEROS ? row[ZERO_CODES + c / GROUP] : 1 << (BITS - 1);
    const uint8 *scale = row + SCALES + c / GROUP * SCALE_BYTES;
    return (float)(code - zero) * (SCALE_BYTES == 4 ? *(const float *)scale : float_of_half(*(const uint16 *)scale));
  }
};

template <int VOCABULARY, int WIDTH> struct PackedFloatTable {
  static constexpr int ROWS = VOCABULARY, TOGETHER = 16;
  static constexpr int64 ROW_BYTES = WIDTH * 64ll;
  static float value(const uint8 *rows, int lane, int c) { return ((const float *)rows)[c * 16 + lane]; }
};

template <int VOCABULARY, int WIDTH> struct PackedHalfTable {
  static constexpr int ROWS = VOCABULARY, TOGETHER = 16;
  static constexpr int64 ROW_BYTES = WIDTH * 32ll;
  static float value(const uint8 *rows, int lane, int c) { return float_of_half(((const uint16 *)rows)[c * 16 + lane]); }
};

template <int VOCABULARY, int WIDTH, int GROUP, bool STORED_ZEROS, int BITS, int SCALE_BYTES> struct PackedCodeTable {
  static constexpr int ROWS = VOCABULARY, GROUPS = divide_up(WIDTH, GROUP), TOGETHER = 16, CODES = BITS == 3 ? 32 : 32 / BITS;
  static constexpr int WORDS = BITS == 3 ? 3 : 1, SCALES = divide_up(WIDTH, CODES) * WORDS * 64, ZERO_CODES = SCALES + GROUPS * SCALE_BYTES * 16;
  static constexpr int64 ROW_BYTES = divide_up(ZERO_CODES + (STORED_ZEROS ? GROUPS * 16 : 0), 64) * 64ll;

  static float value(const uint8 *rows, int lane, int c) {
    /* Byte c % 4 of its words has the code; of 3 bits two words have the low ones and a third the high ones. */
    const uint32 *words = (const uint32 *)rows + c / CODES * WORDS * 16 + lane;
    const int byte = c % 4 * 8, of_byte = c % CODES / 4;
    const int code = BITS == 3 ? words[of_byte / 4 * 16] >> byte + of_byte % 4 * 2 & 3 | (words[32] >> byte + of_byte & 1) << 2
                               : words[0] >> byte + of_byte * BITS & (1 << BITS) - 1;
    const int group = c / GROUP * 16 + lane;
    const int zero = STORED_ZEROS ? rows[ZERO_CODES + group] : 1 << (BITS - 1);
    const uint8 *scale = rows + SCALES + group * SCALE_BYTES;
    return (float)(code - zero) * (SCALE_BYTES == 4 ? *(const float *)scale : float_of_half(*(const uint16 *)scale));
  }
};

template <class TABLE, int WIDTH, int Y_STRIDE, int WARPS>
void embedding(int rows, const int *keys, const uint8 *table, float *y) {
  const int64 r = blockIdx.x;
  if (r >= rows) return;
  /* The runtime has checked the keys; a wrong one must still not read elsewhere. */
  const uint32 key = (uint32)keys[r] < TABLE::ROWS ? keys[r] : 0;
  const uint8 *rows_there = table + key / TABLE::TOGETHER * TABLE::ROW_BYTES;
  const int lane = key % TABLE::TOGETHER;
  for (int c = threadIdx.x; c < WIDTH; c += WARPS * 32) y[r * Y_STRIDE + c] = TABLE::value(rows_there, lane, c);
}
