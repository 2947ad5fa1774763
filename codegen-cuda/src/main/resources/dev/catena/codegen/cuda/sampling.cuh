/* Chooses a token from logits, as the runtime's Sampler does on the CPU, step by step: repeat penalty, temperature, top-k, top-p,
   min-p, a draw. A block has one row of logits. Probabilities are kept in whole numbers, so that sums don't depend on their order. */

/* Parameters of one row (docs/cuda-abi.md). */
struct Sampling {
  double temperature, top_p, min_p, repeat_penalty;
  int64 seed, history_start; /* the row's history lies behind so many ids */
  int top_k, position, history_length, reserved;
};

constexpr int SAMPLING_WARPS = 8, SAMPLING_THREADS = SAMPLING_WARPS * 32;
constexpr int BAD_LOGITS = -1; /* in place of a token: a logit is NaN or +infinity, or all are -infinity */
typedef unsigned long long Weight;
constexpr double WEIGHT_ONE = 274877906944.0; /* 2^38: weights of 2^24 tokens add up below 2^63 */

/* Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): a uniform number below 1
   that belongs to a seed and a position. */
inline double philox_uniform(int64 seed, int position) {
  uint32 c0 = position, c1 = position < 0 ? 0xFFFFFFFFu : 0, c2 = 0, c3 = 0;
  uint32 key0 = (uint32)seed, key1 = (uint32)((unsigned long long)seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint32 high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const uint32 high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ key0, c1 = low1, c2 = high0 ^ c3 ^ key1, c3 = low0;
    key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
  }
  return (double)((Weight)(c0 >> 5) << 26 | c1 >> 6) * 1.1102230246251565e-16; /* 2^-53 */
}

/* Floats in the order of whole numbers; -0 beside 0. */
inline uint32 order_of(float score) {
  const uint32 bits = __float_as_uint(score == 0 ? 0.0f : score);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

template <int VOCABULARY> struct Sampler {
  /* A thread's ids are neighbours, so that sums over threads are sums by rising id. */
  static constexpr int SHARE = divide_up(VOCABULARY, SAMPLING_THREADS);

  struct Shared {
    Weight weight_bins[256];
    Weight of_thread[SAMPLING_THREADS];
    float largest[SAMPLING_WARPS];
    int largest_id[SAMPLING_WARPS];
    uint32 prefix;
    Weight above;
    int token, bad, finite;
  };

  Shared &shared;
  const float *logits;
  float penalty;      /* 1: none */
  const uint32 *seen; /* a bit for each token that the penalty applies to */

  static int first_id() { return least(threadIdx.x * SHARE, VOCABULARY); }
  static int end_id() { return least(first_id() + SHARE, VOCABULARY); }

  /* Whether the logits can be chosen from. */
  bool check_logits() {
    if (threadIdx.x == 0) shared.bad = shared.finite = 0;
    __syncthreads();
    bool bad = false, finite = false;
    for (int id = threadIdx.x; id < VOCABULARY; id += SAMPLING_THREADS) {
      bad |= !(logits[id] < infinity());
      finite |= logits[id] > -infinity();
    }
    if (bad) atomicExch(&shared.bad, 1);
    if (finite) atomicExch(&shared.finite, 1);
    __syncthreads();
    return !shared.bad && shared.finite;
  }

  /* Marks the history in `seen`, a bit for each token. */
  static void mark(const int *history, int length, uint32 *seen) {
    for (int i = threadIdx.x; i < divide_up(VOCABULARY, 32); i += SAMPLING_THREADS) seen[i] = 0;
    __syncthreads();
    for (int i = threadIdx.x; i < length; i += SAMPLING_THREADS) {
      const uint32 id = history[i];
      if (id < VOCABULARY) atomicOr(&seen[id / 32], 1u << id % 32);
    }
    __syncthreads();
  }

  /* A token's logit; where it has been seen, divided by the penalty, or multiplied where negative. The logits themselves stay. */
  float score(int id) const {
    const float logit = logits[id];
    if (penalty == 1 || !(seen[id / 32] >> id % 32 & 1) || logit == -infinity()) return logit;
    constexpr float LARGEST_FLOAT = 3.40282347e38f;
    return fmaxf(-LARGEST_FLOAT, fminf(LARGEST_FLOAT, logit < 0 ? logit * penalty : logit / penalty));
  }

  /* The lowest id with the largest score. */
  int likeliest() {
    float largest = -infinity();
    int id_of_largest = VOCABULARY;
    for (int id = first_id(); id < end_id(); id++)
      if (score(id) > largest) largest = score(id), id_of_largest = id;
    for (int distance = 16; distance > 0; distance /= 2) {
      const float other = __shfl_xor_sync(ALL_LANES, largest, distance);
      const int other_id = __shfl_xor_sync(ALL_LANES, id_of_largest, distance);
      if (other > largest || (other == largest && other_id < id_of_largest)) largest = other, id_of_largest = other_id;
    }
    if (lane_id() == 0) shared.largest[warp_id()] = largest, shared.largest_id[warp_id()] = id_of_largest;
    __syncthreads();
    for (int w = 0; w < SAMPLING_WARPS; w++)
      if (shared.largest[w] > largest || (shared.largest[w] == largest && shared.largest_id[w] < id_of_largest))
        largest = shared.largest[w], id_of_largest = shared.largest_id[w];
    __syncthreads();
    return id_of_largest;
  }

  /* Walking down from the largest score, the score at which the sum of `measure` reaches `wanted`, as its order; `above` is the
     sum over larger scores. By eight bits of the order at a time. */
  template <class MEASURE> uint32 reach(Weight wanted, Weight &above, MEASURE measure) {
    if (threadIdx.x == 0) shared.prefix = 0, shared.above = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
      for (int bin = threadIdx.x; bin < 256; bin += SAMPLING_THREADS) shared.weight_bins[bin] = 0;
      __syncthreads();
      const uint32 prefix = shared.prefix;
      for (int id = threadIdx.x; id < VOCABULARY; id += SAMPLING_THREADS) {
        const uint32 order = order_of(score(id));
        if (shift == 24 || order >> (shift + 8) == prefix) atomicAdd(&shared.weight_bins[order >> shift & 255], measure(id));
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        Weight sum = shared.above;
        int bin = 255;
        for (; bin > 0 && sum + shared.weight_bins[bin] < wanted; bin--) sum += shared.weight_bins[bin];
        shared.above = sum;
        shared.prefix = prefix << 8 | bin;
      }
      __syncthreads();
    }
    above = shared.above;
    const uint32 reached = shared.prefix;
    __syncthreads();
    return reached;
  }

  /* The sum over all threads before this one; `all` is the sum over all of them. */
  Weight sum_before(Weight mine, Weight &all) {
    shared.of_thread[threadIdx.x] = mine;
    __syncthreads();
    Weight before = 0;
    all = 0;
    for (int i = 0; i < SAMPLING_THREADS; i++) {
      if (i < threadIdx.x) before += shared.of_thread[i];
      all += shared.of_thread[i];
    }
    __syncthreads();
    return before;
  }

  int draw(const Sampling &parameters, float largest) {
    /* What is below `floor` is filtered out; of those at `tie_floor` the first `ties` stay. */
    uint32 floor = order_of(-infinity()) + 1;
    Weight above;
    if (parameters.top_k > 0 && parameters.top_k < VOCABULARY)
      floor = most_order(floor, reach(parameters.top_k, above, [](int) { return (Weight)1; }));
    auto weight = [&](int id) {
      const float of_token = score(id);
      return order_of(of_token) < floor ? 0 : (Weight)(exp(((double)of_token - largest) / parameters.temperature) * WEIGHT_ONE + 0.5);
    };
    Weight sum = 0, all;
    uint32 tie_floor = 0;
    Weight ties = VOCABULARY;
    if (parameters.top_p < 1) {
      for (int id = first_id(); id < end_id(); id++) sum += weight(id);
      sum_before(sum, all);
      Weight wanted = (Weight)ceil(parameters.top_p * (double)all);
      wanted = wanted < 1 ? 1 : wanted > all ? all : wanted;
      tie_floor = reach(wanted, above, weight);
      const Weight each = (Weight)(exp(((double)score_of(tie_floor) - largest) / parameters.temperature) * WEIGHT_ONE + 0.5);
      ties = each == 0 ? VOCABULARY : (wanted - above + each - 1) / each;
      floor = most_order(floor, tie_floor);
    }
    Weight my_ties = 0;
    for (int id = first_id(); id < end_id(); id++) my_ties += order_of(score(id)) == tie_floor;
    const Weight ties_before = sum_before(my_ties, all);
    const Weight least_weight = (Weight)ceil(parameters.min_p * WEIGHT_ONE);
    auto kept = [&](int id, Weight &tie) {
      if (order_of(score(id)) == tie_floor && tie++ >= ties) return (Weight)0;
      const Weight w = weight(id);
      return w >= least_weight ? w : 0;
    };
    sum = 0;
    Weight tie = ties_before;
    for (int id = first_id(); id < end_id(); id++) sum += kept(id, tie);
    Weight cumulated = sum_before(sum, all);
    const Weight target = (Weight)(philox_uniform(parameters.seed, parameters.position) * (double)all);
    /* One thread's share holds the target, unless rounding made it the sum of all: then the last token that has a weight. */
    if (threadIdx.x == 0) shared.token = BAD_LOGITS;
    __syncthreads();
    const bool holds = target >= cumulated && target < cumulated + sum;
    const bool is_last = sum > 0 && cumulated + sum == all && target >= all;
    if (holds || is_last) {
      tie = ties_before;
      for (int id = first_id(); id < end_id(); id++) {
        const Weight w = kept(id, tie);
        if (w == 0) continue;
        cumulated += w;
        shared.token = id;
        if (target < cumulated) break;
      }
    }
    __syncthreads();
    return shared.token;
  }

  static uint32 most_order(uint32 a, uint32 b) { return a > b ? a : b; }

  static float score_of(uint32 order) { return __uint_as_float(order >> 31 ? order & 0x7FFFFFFFu : ~order); }
};

template <int VOCABULARY>
void sample(int rows, const float *logits, const Sampling *parameters, const int *history, uint32 *seen, int *sampled) {
  using Chosen = Sampler<VOCABULARY>;
  __shared__ typename Chosen::Shared shared;
  const int64 row = blockIdx.x;
  if (row >= rows) return;
  const Sampling of_row = parameters[row];
  uint32 *seen_of_row = seen + row * divide_up(VOCABULARY, 32);
  Chosen sampler = {shared, logits + row * VOCABULARY, (float)of_row.repeat_penalty, seen_of_row};
  int token = BAD_LOGITS;
  if (sampler.check_logits()) {
    if (sampler.penalty != 1) Chosen::mark(history + of_row.history_start, of_row.history_length, seen_of_row);
    token = sampler.likeliest();
    if (of_row.temperature > 0) token = sampler.draw(of_row, sampler.score(token));
  }
  if (threadIdx.x == 0) sampled[row] = token;
}
