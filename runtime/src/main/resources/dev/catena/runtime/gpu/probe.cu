/* What `catena devices --measure` runs: reading, copying, and nothing. */
extern "C" __global__ void nothing(const int *unused) {}

extern "C" __global__ void read_all(const uint4 *from, const long long *count, uint4 *sums) {
  const long long threads = (long long)gridDim.x * blockDim.x, first = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  uint4 sum = {0, 0, 0, 0};
#pragma unroll 8
  for (long long i = first; i < *count; i += threads) {
    const uint4 x = from[i];
    sum.x ^= x.x, sum.y ^= x.y, sum.z ^= x.z, sum.w ^= x.w;
  }
  sums[first] = sum;
}

// The count is read once: a store could change it, and each load would wait for the store before.
extern "C" __global__ void copy_all(const uint4 *__restrict__ from, const long long *__restrict__ count, uint4 *__restrict__ to) {
  const long long threads = (long long)gridDim.x * blockDim.x, first = (long long)blockIdx.x * blockDim.x + threadIdx.x, end = *count;
#pragma unroll 8
  for (long long i = first; i < end; i += threads) to[i] = from[i];
}
