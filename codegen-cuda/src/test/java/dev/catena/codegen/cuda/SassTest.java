package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The reader of machine code, on kernels whose source says what must be in it. */
class SassTest {
    private static final String PROBES = """
            extern "C" __global__ void plain(float *x) { x[threadIdx.x] += 1.0f; }
            extern "C" __global__ void wide(float4 *x, const float4 *__restrict__ y) { x[threadIdx.x] = y[threadIdx.x]; }
            extern "C" __global__ void pairs(float2 *x, const float2 *__restrict__ y) { x[threadIdx.x] = y[threadIdx.x]; }
            extern "C" __global__ void bytes(unsigned char *x, const unsigned short *y) { x[threadIdx.x] = y[threadIdx.x] % 1000 / 7; }
            extern "C" __global__ void in_local_memory(float *x, int n) {
              float a[256];
              for (int i = 0; i < 256; i++) a[i] = x[i];
              for (int i = 0; i < n; i++) a[(int)x[i]] += 1.0f;
              x[threadIdx.x] = a[n];
            }
            extern "C" __global__ void in_shared_memory(float *x, int n) {
              __shared__ float s[1024];
              s[threadIdx.x * 4] = x[n];
              __syncthreads();
              x[threadIdx.x] = s[threadIdx.x + n];
            }
            extern "C" __global__ void on_tensor_cores(float *d, const unsigned *a) {
              float d0 = 0, d1 = 0, d2 = 0, d3 = 0;
              asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
                  : "+f"(d0), "+f"(d1), "+f"(d2), "+f"(d3) : "r"(a[0]), "r"(a[1]), "r"(a[2]));
              d[threadIdx.x] = d0 + d1 + d2 + d3;
            }
            extern "C" __global__ void loop(float *x, int n) {
              float s = 0;
            #pragma unroll 1
              for (int i = 0; i < n; i++) s = fmaf(s, x[i * 7], 1.5f);
              x[threadIdx.x] = s;
            }
            extern "C" __global__ void four_at_a_time(float *x, const float4 *__restrict__ y, int n) {
              float s = 0;
            #pragma unroll 1
              for (int i = threadIdx.x; i < n; i += 512) {
                const float4 a = y[i], b = y[i + 128], c = y[i + 256], d = y[i + 384];
                s += a.x * b.y + a.y * b.z + a.z * b.w + a.w * b.x + c.x * d.y + c.y * d.z + c.z * d.w + c.w * d.x;
              }
              x[threadIdx.x] = s;
            }
            """;

    static Stream<CudaTarget> targets() {
        return CudaTarget.known().stream();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void findsWhatTheSourceSays(CudaTarget target) throws IOException {
        byte[] code = new NvrtcCompiler(CodeStore.none()).cubin("probes.cu", new CudaSource(PROBES, List.of(), List.of()), target).code();
        Cubin cubin = new Cubin(code, target.capability());
        assertEquals(List.of(32), widths(cubin, "plain", Opcode.LDG));
        assertEquals(List.of(128), widths(cubin, "wide", Opcode.LDG));
        assertEquals(List.of(128), widths(cubin, "wide", Opcode.STG));
        assertEquals(List.of(64), widths(cubin, "pairs", Opcode.LDG));
        assertEquals(List.of(16), widths(cubin, "bytes", Opcode.LDG));
        assertEquals(List.of(8), widths(cubin, "bytes", Opcode.STG));
        for (String name : List.of("plain", "wide", "loop", "in_shared_memory", "on_tensor_cores")) {
            assertEquals(name.equals("in_shared_memory"), has(cubin, name, Opcode.LDS, Opcode.STS), name);
            assertEquals(name.equals("in_shared_memory"), has(cubin, name, Opcode.BAR), name);
            assertEquals(name.equals("on_tensor_cores"), has(cubin, name, Opcode.HMMA), name);
            assertEquals(name.equals("loop"), !cubin.kernel(name).loops().isEmpty(), name);
            assertTrue(!has(cubin, name, Opcode.LDL, Opcode.STL), name);
        }
        assertTrue(has(cubin, "in_local_memory", Opcode.LDL) && has(cubin, "in_local_memory", Opcode.STL));
        List<SassInstruction> loop = cubin.kernel("loop").mainLoop(Opcode.LDG);
        assertEquals(1, SassKernel.count(loop, Opcode.LDG));
        assertEquals(1, SassKernel.count(loop, Opcode.FFMA));
        assertEquals(4, SassKernel.bytesInFlight(loop));
        assertEquals(64, SassKernel.bytesInFlight(cubin.kernel("four_at_a_time").mainLoop(Opcode.LDG)));
    }

    /** What only sm_90a has. */
    @Test
    void findsWhatUnitsDoByThemselves() throws IOException {
        String probes = """
                extern "C" __global__ void multiplies(float *y) {
                  __shared__ alignas(1024) char s[4096];
                  unsigned at = (unsigned)__cvta_generic_to_shared(s);
                  float a = 0, b = 0, c = 0, d = 0;
                  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
                  asm volatile("wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%0,%1,%2,%3}, {%4,%5,%4,%5}, %6, 1, 1, 1, 0;"
                      : "+f"(a), "+f"(b), "+f"(c), "+f"(d) : "r"(at), "r"(at + 1), "l"((unsigned long long)(at >> 4)));
                  asm volatile("wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;" ::: "memory");
                  y[threadIdx.x] = a + b + c + d;
                }
                extern "C" __global__ void copies(float *y) {
                  __shared__ alignas(1024) char s[4096];
                  unsigned at = (unsigned)__cvta_generic_to_shared(s);
                  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 512, [%2];"
                      :: "r"(at), "l"(y), "r"(at + 1024) : "memory");
                }
                extern "C" __global__ void awaits(float *y) {
                  __shared__ alignas(1024) char s[4096];
                  unsigned at = (unsigned)__cvta_generic_to_shared(s);
                  asm volatile("{.reg .pred p; AGAIN: mbarrier.try_wait.parity.shared::cta.b64 p, [%0], 0; @!p bra AGAIN;}" :: "r"(at) : "memory");
                }
                """;
        CudaTarget target = CudaTarget.parse("sm_90a");
        Cubin cubin = new Cubin(new NvrtcCompiler(CodeStore.none()).cubin("probes.cu", new CudaSource(probes, List.of(), List.of()), target).code(),
                target.capability());
        assertTrue(has(cubin, "multiplies", Opcode.HGMMA) && !has(cubin, "multiplies", Opcode.UBLKCP));
        assertTrue(has(cubin, "copies", Opcode.UBLKCP) && !has(cubin, "copies", Opcode.HGMMA, Opcode.SYNCS));
        assertTrue(has(cubin, "awaits", Opcode.SYNCS) && !has(cubin, "awaits", Opcode.UBLKCP));
    }

    private static List<Integer> widths(Cubin cubin, String kernel, Opcode opcode) {
        return cubin.kernel(kernel).all(opcode).stream().map(SassInstruction::accessBits).toList();
    }

    private static boolean has(Cubin cubin, String kernel, Opcode... opcodes) {
        return Arrays.stream(opcodes).anyMatch(opcode -> !cubin.kernel(kernel).all(opcode).isEmpty());
    }
}
