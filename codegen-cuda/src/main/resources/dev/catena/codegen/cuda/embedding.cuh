/* One row of the table for each key, a token or a position. A table is row after row; a quantized row is its codes, scales of the groups, and
   where they are stored u8 zeros. */
template <int VOCABULARY, int WIDTH> struct FloatTable {
  static constexpr int ROWS = VOCABULARY;
  static constexpr int64 ROW_BYTES = WIDTH * 4ll;
  static float value(const uint8 *row, int c) { return ((const float *)row)[c]; }
};

template <int VOCABULARY, int WIDTH> struct HalfTable {
  static constexpr int ROWS = VOCABULARY;
  static constexpr int64 ROW_BYTES = WIDTH * 2ll;
  static float value(const uint8 *row, int c) { return float_of_half(((const uint16 *)row)[c]); }
};

template <int VOCABULARY, int WIDTH, int GROUP, bool STORED_ZEROS, int BITS, int SCALE_BYTES> struct CodeTable {
  static constexpr int ROWS = VOCABULARY, GROUPS = divide_up(WIDTH, GROUP);
  static constexpr int SCALES = divide_up(divide_up(WIDTH * BITS, 8), 4) * 4, ZERO_CODES = SCALES + SCALE_BYTES * GROUPS;
  static constexpr int64 ROW_BYTES = divide_up(ZERO_CODES + (STORED_ZEROS ? GROUPS : 0), 4) * 4;

  static float value(const uint8 *row, int c) {
    const int code = BITS == 4 ? row[c / 2] >> (c % 2 * 4) & 15 : row[c];
    const int zero = STORED_ZEROS ? row[ZERO_CODES + c / GROUP] : 1 << (BITS - 1);
    const uint8 *scale = row + SCALES + c / GROUP * SCALE_BYTES;
    return (float)(code - zero) * (SCALE_BYTES == 4 ? *(const float *)scale : float_of_half(*(const uint16 *)scale));
  }
};

template <class TABLE, int WIDTH, int Y_STRIDE, int WARPS>
void embedding(int rows, const int *keys, const uint8 *table, float *y) {
  const int64 r = blockIdx.x;
  if (r >= rows) return;
  /* The runtime has checked the keys; a wrong one must still not read elsewhere. */
  const uint32 key = (uint32)keys[r] < TABLE::ROWS ? keys[r] : 0;
  const uint8 *row = table + key * TABLE::ROW_BYTES;
  for (int c = threadIdx.x; c < WIDTH; c += WARPS * 32) y[r * Y_STRIDE + c] = TABLE::value(row, c);
}
