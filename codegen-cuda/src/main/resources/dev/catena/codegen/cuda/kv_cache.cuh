/* Elements of the cache (docs/kv-layout.md). CODES are a head's keys or values within a page, [64][dim]; PAIRS are f16
   (scale, minimum) of each position, where elements are codes: code * scale + minimum. */
struct KvFloat {
  static constexpr int BITS = 32;
  static constexpr bool CODES = false;
  struct Position {};
  static Position position(const uint8 *, int) { return {}; }
  static float element(const uint8 *codes, Position, int index) { return ((const float *)codes)[index]; }
};

struct KvHalf {
  static constexpr int BITS = 16;
  static constexpr bool CODES = false;
  struct Position {};
  static Position position(const uint8 *, int) { return {}; }
  static float element(const uint8 *codes, Position, int index) { return float_of_half(((const uint16 *)codes)[index]); }
};

template <int CODE_BITS> struct KvCode {
  static constexpr int BITS = CODE_BITS;
  static constexpr bool CODES = true;
  struct Position { float scale, minimum; };

  static Position position(const uint8 *pairs, int slot) {
    const uint32 pair = ((const uint32 *)pairs)[slot];
    return {low_half(pair), high_half(pair)};
  }

  static float element(const uint8 *codes, Position position, int index) {
    const int code = BITS == 4 ? codes[index / 2] >> (index % 2 * 4) & 15 : codes[index];
    return fmaf((float)code, position.scale, position.minimum);
  }
};

/* COUNT elements from `index` on, a multiple of COUNT: one load where they are 16 bytes. */
template <class ELEMENT, int COUNT>
void kv_elements(const uint8 *codes, typename ELEMENT::Position position, int index, float (&to)[COUNT]) {
  if constexpr (ELEMENT::BITS == 16 && COUNT == 8) {
    const uint4 eight = *(const uint4 *)((const uint16 *)codes + index);
    to[0] = low_half(eight.x), to[1] = high_half(eight.x), to[2] = low_half(eight.y), to[3] = high_half(eight.y);
    to[4] = low_half(eight.z), to[5] = high_half(eight.z), to[6] = low_half(eight.w), to[7] = high_half(eight.w);
  } else if constexpr (ELEMENT::BITS == 32) {
    load_floats<COUNT, COUNT % 4 == 0>((const float *)codes + index, to);
  } else {
#pragma unroll
    for (int i = 0; i < COUNT; i++) to[i] = ELEMENT::element(codes, position, index + i);
  }
}

/* A warp writes one position; lane l has elements l, l + 32, ... */
template <class ELEMENT, int DIM, int COUNT>
void kv_store(uint8 *codes, uint8 *pairs, int slot, const float (&x)[COUNT]) {
  const int lane = lane_id();
  if constexpr (ELEMENT::BITS >= 16) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      const int d = lane + 32 * i;
      if (d >= DIM) break;
      if constexpr (ELEMENT::BITS == 32) ((float *)codes)[slot * DIM + d] = x[i];
      else ((uint16 *)codes)[slot * DIM + d] = half_of_float(x[i]);
    }
  } else {
    constexpr float LARGEST_CODE = (1 << ELEMENT::BITS) - 1;
    /* The range of the finite elements, as far as f16 goes: a NaN or an infinity takes an end of it and leaves its neighbours
       alone. */
    float low = LARGEST_HALF, high = -LARGEST_HALF;
#pragma unroll
    for (int i = 0; i < COUNT; i++)
      if (lane + 32 * i < DIM && fabsf(x[i]) < infinity()) {
        const float in_range = fmaxf(-LARGEST_HALF, fminf(LARGEST_HALF, x[i]));
        low = fminf(low, in_range), high = fmaxf(high, in_range);
      }
    low = warp_min(low), high = warp_max(high);
    const bool none_finite = low > high;
    /* Rounded to f16 first, so that codes fit the values they will be read with. */
    const uint16 scale = none_finite ? 0 : half_of_float((high - low) / LARGEST_CODE);
    const uint16 minimum = none_finite ? 0 : half_of_float(low);
    if (lane == 0) ((uint32 *)pairs)[slot] = halves(scale, minimum);
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
      const int d = lane + 32 * i;
      const float position = rintf((x[i] - float_of_half(minimum)) / float_of_half(scale));
      const uint32 code = float_of_half(scale) > 0 ? (uint32)fminf(fmaxf(position, 0), LARGEST_CODE) : 0;
      if constexpr (ELEMENT::BITS == 8) {
        if (d < DIM) codes[slot * DIM + d] = code;
      } else {
        const uint32 next = __shfl_down_sync(ALL_LANES, code, 1);
        if (d < DIM && d % 2 == 0) codes[(slot * DIM + d) / 2] = code | next << 4;
      }
    }
  }
}

/* Where the keys and values of POSITIONS positions of one head lie. */
template <class K_ELEMENT, class V_ELEMENT, int DIM, int POSITIONS> struct KvHead {
  using Key = K_ELEMENT;
  using Value = V_ELEMENT;
  static constexpr int code_bytes(int bits) { return divide_up(POSITIONS * DIM * bits / 8, 16) * 16; }
  static constexpr int pair_bytes(int bits) { return bits < 16 ? POSITIONS * 4 : 0; }
  static constexpr int K_PAIRS = code_bytes(Key::BITS);
  static constexpr int V_CODES = K_PAIRS + pair_bytes(Key::BITS);
  static constexpr int V_PAIRS = V_CODES + code_bytes(Value::BITS);
  static constexpr int HEAD_BYTES = V_PAIRS + pair_bytes(Value::BITS);
};

/* Where the parts of a page lie. */
template <class K_ELEMENT, class V_ELEMENT, int KV_HEADS, int DIM> struct KvPages : KvHead<K_ELEMENT, V_ELEMENT, DIM, PAGE> {
  static constexpr int64 PAGE_BYTES = (int64)KV_HEADS * KvPages::HEAD_BYTES;

  /* The ids of a sequence's pages. */
  static const int *of_sequence(const int *step, const int *page_table, int sequence) {
    return page_table + (int64)sequence * step[STEP_PAGE_TABLE_STRIDE];
  }

  /* One KV head's part of a page. */
  static int64 head_offset(int id, int kv_head) { return id * PAGE_BYTES + kv_head * KvPages::HEAD_BYTES; }

  /* One KV head's part of the page that holds a position. */
  static int64 head_offset(const int *step, const int *page_table, int sequence, int position, int kv_head) {
    return head_offset(of_sequence(step, page_table, sequence)[position / PAGE], kv_head);
  }
};
