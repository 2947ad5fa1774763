package dev.catena.sim;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.SimMachine;

/** Checked lane instructions a second, on a matrix-vector product with shuffles (a main program, not a test). */
final class MachineBench {
    private MachineBench() {}

    public static void main(String[] arguments) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults());
        int columns = 1024;
        int rows = 1024;
        Allocation matrix = machine.allocateReadOnly("matrix", 4L * rows * columns, (offset, into, length) -> { });
        Allocation x = machine.allocate("x", 4L * columns);
        x.writeFloats(0, new float[columns]);
        Allocation y = machine.allocate("y", 4L * rows);
        var kernel = machine.load(NvrtcPtx.of("""
                extern "C" __global__ void kernel(const float* __restrict__ a, const float* __restrict__ x, float* y) {
                  int row = blockIdx.x * 4 + threadIdx.x / 32;
                  float sum = 0;
                  for (int k = threadIdx.x % 32; k < 1024; k += 32) sum += a[row * 1024 + k] * x[k];
                  for (int d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(~0u, sum, d);
                  if (threadIdx.x % 32 == 0) y[row] = sum;
                }
                """)).kernel("kernel");
        for (int run = 0; run < 15; run++) {
            long before = machine.laneInstructions();
            long start = System.nanoTime();
            machine.launch(kernel, new int[] {rows / 4, 1, 1}, new int[] {128, 1, 1}, 0, matrix.address(), x.address(), y.address());
            double seconds = (System.nanoTime() - start) * 1e-9;
            System.out.printf("%.1f M lane instructions a second%n", (machine.laneInstructions() - before) / seconds * 1e-6);
        }
    }
}
