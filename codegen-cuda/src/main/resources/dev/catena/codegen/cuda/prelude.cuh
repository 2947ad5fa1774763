/* What every kernel uses. NVRTC compiles without headers: half arithmetic, warp reductions and copies are our own. */
typedef unsigned char uint8;
typedef unsigned short uint16;
typedef unsigned int uint32;
typedef long long int64;

constexpr uint32 ALL_LANES = 0xFFFFFFFF;
constexpr int PAGE = 64; /* positions in a page of the cache */

/* Where the step's numbers stand in `step` (docs/cuda-abi.md). */
constexpr int STEP_ROWS = 0, STEP_SELECTED = 2, STEP_PAGE_TABLE_STRIDE = 3;

constexpr int divide_up(int a, int b) { return (a + b - 1) / b; }
constexpr int least(int a, int b) { return a < b ? a : b; }
constexpr int most(int a, int b) { return a > b ? a : b; }

/* Launches that overlap (PTX ISA, griddepcontrol), where they were asked for: the next kernel may begin once all blocks of this one have,
   and what kernels before this one wrote is there when the wait is over. Before that a kernel may load weights. */
inline void let_next_launch_begin() {
#if defined(DEPENDENT_LAUNCHES) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

inline void await_launches_before() {
#if defined(DEPENDENT_LAUNCHES) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

inline int lane_id() { return threadIdx.x % 32; }
inline int warp_id() { return threadIdx.x / 32; }

inline float infinity() { return __int_as_float(0x7F800000); }

/* f16 is kept in 16 bits, two of them in 32: the first in the low half. */
inline float float_of_half(uint16 half) {
  float value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
  return value;
}

inline uint16 half_of_float(float value) {
  uint16 half;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
  return half;
}

constexpr float LARGEST_HALF = 65504;

inline uint32 halves(uint16 low, uint16 high) { return low | (uint32)high << 16; }
inline float low_half(uint32 pair) { return float_of_half((uint16)pair); }
inline float high_half(uint32 pair) { return float_of_half((uint16)(pair >> 16)); }

/* a - b of two pairs of halves. */
inline uint32 subtract_halves(uint32 a, uint32 b) {
  uint32 difference;
  asm("sub.rn.f16x2 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}

/* a & mask | bits, as one instruction. */
inline uint32 and_or(uint32 a, uint32 mask, uint32 bits) {
  uint32 result;
  asm("lop3.b32 %0, %1, %2, %3, 0xEA;" : "=r"(result) : "r"(a), "r"(mask), "r"(bits));
  return result;
}

/* a * b + c of two triples of halves, rounded once. */
inline uint32 multiply_add_halves(uint32 a, uint32 b, uint32 c) {
  uint32 sum;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(sum) : "r"(a), "r"(b), "r"(c));
  return sum;
}

/* A whole number below 2^23 as a float, without the slow conversion: it becomes the mantissa of 2^23. */
inline float float_of_code(uint32 code) { return __uint_as_float(0x4B000000u | code) - 8388608.0f; }

/* 2^exponent, of a normal float. */
inline float power_of_two(int exponent) { return __int_as_float((127 + exponent) << 23); }

inline float warp_sum(float x) {
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
  return x;
}

inline float warp_max(float x) {
  for (int distance = 16; distance > 0; distance /= 2) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, distance));
  return x;
}

inline float warp_min(float x) {
  for (int distance = 16; distance > 0; distance /= 2) x = fminf(x, __shfl_xor_sync(ALL_LANES, x, distance));
  return x;
}

/* A number of each warp. One variable for all that a kernel joins by it: a linker of PTX puts a second one behind the largest variable of all
   kernels, tiles of 48 KiB among them, and that is more than a block may declare. */
template <int WARPS> float *numbers_of_warps() {
  __shared__ float of_warp[WARPS];
  return of_warp;
}

/* Over all threads of a block of WARPS full warps, for all of them; ends with a barrier, so that it may be called again. */
template <int WARPS> float block_sum(float x) {
  float *const of_warp = numbers_of_warps<WARPS>();
  x = warp_sum(x);
  if (lane_id() == 0) of_warp[warp_id()] = x;
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < WARPS; w++) sum += of_warp[w];
  __syncthreads();
  return sum;
}

template <int WARPS> float block_max(float x) {
  float *const of_warp = numbers_of_warps<WARPS>();
  x = warp_max(x);
  if (lane_id() == 0) of_warp[warp_id()] = x;
  __syncthreads();
  float largest = of_warp[0];
  for (int w = 1; w < WARPS; w++) largest = fmaxf(largest, of_warp[w]);
  __syncthreads();
  return largest;
}

/* Whether this is the last of `count` blocks to come here, for which all that the others wrote is there. */
inline bool arrives_last(uint32 *counter, int count, bool &arrived_last) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    arrived_last = atomicInc(counter, count - 1) == count - 1; /* that one takes it back to zero */
    __threadfence();
  }
  __syncthreads();
  return arrived_last;
}

/* COUNT floats from `from` on; with VECTOR they lie at a multiple of 16 bytes. */
template <int COUNT, bool VECTOR> void load_floats(const float *from, float (&to)[COUNT]) {
  if constexpr (VECTOR && COUNT % 4 == 0) {
#pragma unroll
    for (int i = 0; i < COUNT; i += 4) {
      const float4 four = *(const float4 *)(from + i);
      to[i] = four.x, to[i + 1] = four.y, to[i + 2] = four.z, to[i + 3] = four.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < COUNT; i++) to[i] = from[i];
  }
}
