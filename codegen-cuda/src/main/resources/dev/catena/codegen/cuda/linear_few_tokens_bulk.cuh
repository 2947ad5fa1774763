/* A warp's ring of weights that come in bulk, for linear_few_tokens on sm_90 and later: its first lane asks, an mbarrier for each stage tells.
   No GPU has run this yet.

   A block of 16 outputs has its columns one after the other, so that 128 of them are one copy. Lanes t of four read four words (of f16: eight
   columns) at a time, which lie 64 bytes apart: of such, every second one meets the same banks. So a turn lies in two halves, PAD bytes
   further apart than in memory, lanes 0 and 1 have columns of the first half and lanes 2 and 3 of the second, and no bank is met twice. For that a
   stage is not a turn but goes from the middle of one to the middle of the next; the run's first stage and its last one are half empty. */
template <class MATRIX, int WARP_COUNT, int STAGES> struct BulkRing {
  using Weights = TokenWeights<MATRIX>;
  static constexpr int WARPS = WARP_COUNT, SLICES = Weights::SLICES, HALF_COLUMNS = TURN / 2, HALF = MATRIX::COLUMN_BITS * HALF_COLUMNS / 8;
  static constexpr int PAD = MATRIX::QUANTIZED ? 32 : 16, STAGE = 2 * HALF + PAD, OF_BLOCK = STAGES * STAGE, OF_WARP = 2 * OF_BLOCK;
  static constexpr int BYTES = WARPS * OF_WARP;
  static constexpr bool DYNAMIC = true;
  static_assert(MATRIX::INPUTS % TURN == 0 && (MATRIX::GROUPS == 1 || MATRIX::GROUP_COLUMNS % TURN == 0), "a turn is whole, and of one group");
  static_assert(STAGES % 2 == 0 && STAGES < 32 && HALF % 128 == 0, "halves of a turn that go round the ring's end stay apart by PAD's odd multiple");

  const uint8 *const first_source, *const second_source; /* of each block of outputs, the columns from the turn 0 on less half a stage */
  const uint32 ring, in_stage;                           /* shared memory: of the warp; of what a lane reads first in a stage */
  const int begin_turns, end;
  const bool reads_second;
  int turn;
  uint32 now, next; /* where the stage is in which the turn begins, and the one in which it ends */
  int parity = 0;      /* of phases of the latter */

  static int column_of(int t, int slice) { return t / 2 * HALF_COLUMNS + slice / SLICES * (SLICES * 8) + t % 2 * (SLICES * 4) + slice % SLICES * 4; }
  /* f16: eight columns of 32 bytes meet each bank twice but for lanes that take the second and the fourth of theirs before the first and the third. */
  static bool second_first(int t) { return !MATRIX::QUANTIZED && t % 2; }

  static int warp() { return uniform_warp_id(); }

  /* The lane of four whose columns this one reads: of f16 ldmatrix is told where rows are that go to others. */
  static int owner(int t) { return MATRIX::QUANTIZED ? t : lane_id() % 8 / 2; }

  static uint32 place_in_stage(int g, int t) {
    if constexpr (MATRIX::QUANTIZED) return (g < 4 ? 0 : OF_BLOCK) + t % 2 * (Weights::LOADS * 64) + g % 4 * 16;
    const int lane = lane_id(), odd = owner(t) % 2, column = odd * 4 + lane % 2 * 2 + (lane / 16 ^ odd), eight = lane / 8 % 2;
    return column * 32 + eight * 16;
  }

  BulkRing(uint8 *shared, const uint8 *first_block, const uint8 *second_block, int begin, int end, int g, int t)
      : first_source(first_block - HALF), second_source(second_block - HALF), ring(__shfl_sync(ALL_LANES, shared_address(shared), 0) + warp() * OF_WARP),
        in_stage(place_in_stage(g, t) + (owner(t) < 2 ? HALF : 0)), begin_turns(begin), end(end),
        reads_second(owner(t) >= 2), turn(begin), now(ring), next(ring) {
    if (elected()) {
#pragma unroll
      for (int i = 0; i < STAGES; i++) begin_phases(barrier(ring + i * STAGE), 1);
      show_barriers_to_copies();
      if (begin < end) ask(ring, begin, HALF, HALF);
#pragma unroll
      for (int i = 1; i < STAGES; i++)
        if (begin + i <= end && begin < end) ask(ring + i * STAGE, begin + i, 0, begin + i < end ? 2 * HALF : HALF);
    }
    __syncwarp();
  }

  /* A stage's mbarrier lies in what keeps the stages apart. */
  static uint32 barrier(uint32 stage) { return stage + 2 * HALF; }

  /* Asks for `bytes` of both blocks, from `behind` the middle of the turn before `of` on. */
  void ask(uint32 stage, int of, int behind, int bytes) {
    arrive_and_announce(barrier(stage), 2 * bytes);
    copy_in_bulk(stage + behind, first_source + (int64)of * (2 * HALF) + behind, bytes, barrier(stage));
    copy_in_bulk(stage + behind + OF_BLOCK, second_source + (int64)of * (2 * HALF) + behind, bytes, barrier(stage));
  }

  /* Nothing may be under way when the block ends. */
  void abandon() {
    for (int i = 0; begin_turns < end && i < STAGES && begin_turns + i <= end; i++) await_phase(barrier(ring + i * STAGE), 0);
  }

  void begin() {
    if (begin_turns < end) await_phase(barrier(ring), 0);
  }

  /* A turn is the end of a stage and the beginning of the next. */
  void begin_turn() {
    next = now + STAGE;
    if (next == ring + OF_BLOCK) next = ring, parity ^= 1;
    await_phase(barrier(next), parity);
  }

  typename Weights::Held hold(int slice) {
    typename Weights::Held held;
    const uint32 from = (reads_second ? next : now) + in_stage + slice * (HALF / 8);
    if constexpr (MATRIX::QUANTIZED) {
#pragma unroll
      for (int i = 0; i < Weights::LOADS; i++) held.words[i] = load_shared(from + i * 64);
    } else {
#pragma unroll
      for (int tile = 0; tile < 2; tile++) load_turned(from + tile * OF_BLOCK, held.a[tile]);
    }
    return held;
  }

  void release(int) {}

  void end_turn() {
    if (turn + STAGES <= end && elected()) ask(now, turn + STAGES, 0, turn + STAGES < end ? 2 * HALF : HALF);
    turn++;
    now = next;
  }

  /* The ring becomes the sums of all warps. */
  void finish() {
    if (elected())
#pragma unroll
      for (int i = 0; i < STAGES; i++) end_barrier(barrier(ring + i * STAGE));
  }
};
