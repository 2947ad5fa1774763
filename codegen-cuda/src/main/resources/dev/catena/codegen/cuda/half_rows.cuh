/* Rows of x as the halves that tensor cores multiply. x lies in memory, or is made on the way: what comes before a linear layer then costs no
   launch of its own and no way through memory. */

/* The threads that make a row together: a block of full warps, or a warp. */
template <int WARPS> struct BlockTeam {
  static constexpr int THREADS = WARPS * 32;
  static int thread() { return threadIdx.x; }
  static float sum(float x) { return block_sum<WARPS>(x); }
  static float max(float x) { return block_max<WARPS>(x); }
};

struct WarpTeam {
  static constexpr int THREADS = 32;
  static int thread() { return lane_id(); }
  static float sum(float x) { return warp_sum(x); }
  static float max(float x) { return warp_max(x); }
};

/* What rows are made of. All threads of a Team call begin; from then on [c] is column c of that row. */
template <int STRIDE> struct GivenRow {
  const float *__restrict__ x;
  template <class Team> void begin(int64 r) { x += r * STRIDE; }
  float operator[](int c) const { return x[c]; }
};

template <int STRIDE, int COLUMNS> struct NormedRow {
  const float *__restrict__ x, *__restrict__ weight;
  float epsilon, factor;
  template <class Team> void begin(int64 r) {
    x += r * STRIDE;
    float squares = 0;
    for (int c = Team::thread(); c < COLUMNS; c += Team::THREADS) squares = fmaf(x[c], x[c], squares);
    factor = 1.0f / sqrtf(Team::sum(squares) / COLUMNS + epsilon);
  }
  float operator[](int c) const { return x[c] * factor * weight[c]; }
};

/* Each element by itself: element(row, column). */
template <class Element> struct ComputedRow {
  Element element;
  int64 row;
  template <class Team> void begin(int64 r) { row = r; }
  float operator[](int c) const { return element(row, c); }
};

template <class Element> ComputedRow<Element> computed_row(Element element) { return {element, 0}; }

template <int COLUMNS, class Team, class Row> RowScaling scaling_of_row(const Row &row) {
  float largest = 0;
  for (int c = Team::thread(); c < COLUMNS; c += Team::THREADS) largest = fmaxf(largest, fabsf(row[c]));
  return scaling_of(Team::max(largest));
}

/* [rows][PARTS][PADDED] halves, each row scaled by a power of two so that its largest element is near 2^14: nothing overflows, and what is
   small beside the row's largest stays normal down to 2^-28 of it. Columns are padded with zeros. A block is a row. */
template <int COLUMNS, int PADDED, int PARTS, int WARPS, class Row>
void rows_to_half(int rows, Row row, uint16 *x_half, float *row_scale) {
  using Team = BlockTeam<WARPS>;
  const int64 r = blockIdx.x;
  if (r >= rows) return;
  row.template begin<Team>(r);
  x_half += r * PARTS * PADDED;
  const RowScaling scaling = scaling_of_row<COLUMNS, Team>(row);
  for (int c = threadIdx.x; c < PADDED; c += WARPS * 32) {
    float rest = c < COLUMNS ? scaling.scaled(row[c]) : 0;
#pragma unroll
    for (int part = 0; part < PARTS; part++) {
      const uint16 half = half_of_float(rest);
      x_half[part * PADDED + c] = half;
      rest -= float_of_half(half);
    }
  }
  if (threadIdx.x == 0) row_scale[r] = scaling.back;
}
