package dev.catena.sim;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.artifact.CatenaException;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** PTX comes from a file: whatever it holds, loading it ends in one line that says where. */
class HostilePtxTest {
    private static final String HEAD = ".version 7.0\n.target sm_80\n.address_size 64\n";

    private static void load(String text) {
        SimModule module = new SimMachine(SimMachine.Settings.defaults()).load(text);
        module.kernelNames().forEach(module::kernel);
    }

    @ParameterizedTest
    @ValueSource(strings = {".visible .entry k() { add.s32 %r1, %r2, %r3; }", ".entry k() { .reg .b32 %r<1000000000>; ret; }",
            ".entry k() { .shared .align 3 .b8 s[4]; ret; }", ".entry k() { .shared .b8 s[99999999999]; ret; }",
            ".entry k() { .reg .b32 %r; add.s32 %r; }", ".entry k() { .reg .b32 %r; lop3.b32 %r, %r, %r, %r, %r; }",
            ".entry k() { bra nowhere; }", ".entry k() {", ".entry k() { mov.u32", "{", ".file", ".entry k() { .local .b8 l[1000000]; ret; }",
            ".entry k() { .reg .pred %p; .reg .b32 %r; mov.b32 %r, %p; }", ".address_size 32",
            ".section .debug", ".section } {", ".section { {} "})
    void endsInOneLine(String text) {
        CatenaException e = assertThrows(CatenaException.class, () -> load(HEAD + text));
        assertFalse(e.getMessage().contains("\n"));
        assertTrue(e.getMessage().length() > 10, e.getMessage());
    }

    @Test
    void deepNestingIsRefused() {
        assertThrows(CatenaException.class, () -> load(HEAD + ".entry k() " + "{".repeat(100_000)));
        assertThrows(CatenaException.class, () -> load(HEAD + ".entry k() { mov.b32 " + "{".repeat(100_000)));
    }

    @Test
    void mutatedTextLoadsOrIsRefused() {
        String good = NvrtcPtx.of("""
                extern "C" __global__ void kernel(const float* x, float* y) {
                  __shared__ float s[64];
                  s[threadIdx.x] = x[threadIdx.x];
                  __syncthreads();
                  y[threadIdx.x] = __shfl_xor_sync(~0u, s[63 - threadIdx.x], 1) * expf(x[threadIdx.x]);
                }
                """);
        Random random = new Random(11);
        for (int n = 0; n < 2000; n++) {
            StringBuilder text = new StringBuilder(good);
            for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(3)) {
                    case 0 -> text.deleteCharAt(at);
                    case 1 -> text.setCharAt(at, good.charAt(random.nextInt(good.length())));
                    default -> text.insert(at, good.charAt(random.nextInt(good.length())));
                }
            }
            try {
                load(text.toString());
            } catch (CatenaException e) {
                assertFalse(e.getMessage().isEmpty());
            }
        }
    }
}
