package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.FaultKind;
import dev.catena.sim.machine.Kernel;
import dev.catena.sim.machine.SimFault;
import dev.catena.sim.machine.SimMachine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Kernels that may begin before the launch in front of them has ended: what they may touch before they wait for it. */
class DependentLaunchTest {
    private static final String SOURCE = """
            #define WAIT asm volatile("griddepcontrol.wait;" ::: "memory")
            extern "C" __global__ void first(const float *weight, float *x, float *y) { x[threadIdx.x] = weight[threadIdx.x]; }
            extern "C" __global__ void good(const float *weight, float *x, float *y) {
              asm volatile("griddepcontrol.launch_dependents;");
              const float w = weight[threadIdx.x];
              WAIT;
              y[threadIdx.x] = w * x[threadIdx.x];
            }
            extern "C" __global__ void reads_early(const float *weight, float *x, float *y) {
              const float w = x[threadIdx.x];
              WAIT;
              y[threadIdx.x] = w;
            }
            extern "C" __global__ void writes_early(const float *weight, float *x, float *y) {
              y[threadIdx.x] = weight[threadIdx.x];
              WAIT;
            }
            extern "C" __global__ void one_warp_waits(const float *weight, float *x, float *y) {
              if (threadIdx.x < 32) WAIT;
              y[threadIdx.x] = weight[threadIdx.x] * x[threadIdx.x];
            }
            extern "C" __global__ void copies_early(const float *weight, float *x, float *y) {
              __shared__ float copied[64];
              asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" :: "r"((unsigned)__cvta_generic_to_shared(copied + threadIdx.x)), "l"(x + threadIdx.x));
              WAIT;
              asm volatile("cp.async.wait_all;" ::: "memory");
              y[threadIdx.x] = copied[threadIdx.x];
            }
            extern "C" __global__ void copies_in_bulk_early(const float *weight, float *x, float *y) {
              __shared__ alignas(16) float copied[64];
              __shared__ alignas(8) unsigned long long landed;
              const unsigned at = (unsigned)__cvta_generic_to_shared(&landed);
              if (threadIdx.x == 0) {
                asm volatile("mbarrier.init.shared::cta.b64 [%0], 1; fence.mbarrier_init.release.cluster;" :: "r"(at) : "memory");
                asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 256;" :: "r"(at) : "memory");
                asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 256, [%2];"
                             :: "r"((unsigned)__cvta_generic_to_shared(copied)), "l"(x), "r"(at) : "memory");
              }
              WAIT;
              __syncthreads();
              asm volatile("{.reg .pred p; AGAIN: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], 0; @!p bra AGAIN; }" :: "r"(at) : "memory");
              y[threadIdx.x] = copied[threadIdx.x];
            }
            extern "C" __global__ void counts_early(const float *weight, float *x, float *y) {
              atomicAdd(x, weight[threadIdx.x]);
              WAIT;
            }
            extern "C" __global__ void nobody_waits(const float *weight, float *x, float *y) {
              if (weight[threadIdx.x] < 0) WAIT;
            }
            """;
    private static final int THREADS = 64;

    @ParameterizedTest
    @CsvSource({"first,", "good,", "reads_early,DEPENDENT", "writes_early,DEPENDENT", "one_warp_waits,DEPENDENT",
        "copies_early,DEPENDENT", "copies_in_bulk_early,DEPENDENT", "counts_early,DEPENDENT", "nobody_waits,DEPENDENT"})
    void touchesNothingOfEarlierLaunchesBeforeItWaits(String name, FaultKind fault) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withArchitecture(90));
        Allocation weight = machine.allocate("weight", 4 * THREADS);
        float[] values = new float[THREADS];
        for (int i = 0; i < THREADS; i++) {
            values[i] = i;
        }
        weight.writeFloats(0, values);
        Allocation x = machine.allocate("x", 4 * THREADS);
        Allocation y = machine.allocate("y", 4 * THREADS);
        var module = machine.load(NvrtcPtx.of(SOURCE, "compute_90"));
        launch(machine, module.kernel("first"), weight, x, y);
        Kernel second = module.kernel(name);
        if (fault != null) {
            assertEquals(fault, assertThrows(SimFault.class, () -> launch(machine, second, weight, x, y)).kind());
            return;
        }
        launch(machine, second, weight, x, y);
        for (int i = 0; i < THREADS && name.equals("good"); i++) {
            assertEquals((float) i * i, y.readFloats(4L * i, 1)[0]);
        }
    }

    @Test
    void aKernelThatNeverWaitsMayNotBeginEarly() {
        var module = new SimMachine(SimMachine.Settings.defaults().withArchitecture(90)).load(NvrtcPtx.of(SOURCE, "compute_90"));
        SimMachine.requireWait(module.kernel("good"));
        assertEquals(FaultKind.DEPENDENT, assertThrows(SimFault.class, () -> SimMachine.requireWait(module.kernel("first"))).kind());
    }

    private static void launch(SimMachine machine, Kernel kernel, Allocation... memory) {
        machine.launch(kernel, new int[] {1, 1, 1}, new int[] {THREADS, 1, 1}, 0, memory[0].address(), memory[1].address(), memory[2].address());
    }
}
