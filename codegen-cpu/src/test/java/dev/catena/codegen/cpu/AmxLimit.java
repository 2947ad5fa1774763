package dev.catena.codegen.cpu;

import java.util.ArrayList;
import java.util.List;

/** What AMX's tiles multiply when nothing is loaded, stored or waited for: the limit that a kernel's speed is a share of. */
final class AmxLimit {
    private static final int PASSES = 5;

    private AmxLimit() {}

    /** Operations a second (two for each product) of all threads together, on bytes or on bf16. */
    static double operationsPerSecond(CpuTarget target, int threads, boolean bf16) throws Exception {
        int rounds = target.emulatesTiles() ? 200 : 1_000_000;
        String multiply = bf16 ? "tile_multiply_bf16" : "tile_multiply";
        String source = String.join("\n", CTemplate.text("abi.c"), CTemplate.text("vectors.c"), CTemplate.text("amx.c"), """
                __attribute__((visibility("default"))) void limit(const catena_stage *stage, const catena_thread *thread) {
                  amx_tiles tiles;
                  tile_begin(&tiles);
                  tile_zero(&tiles, 0); tile_zero(&tiles, 1); tile_zero(&tiles, 2); tile_zero(&tiles, 3);
                  tile_zero(&tiles, 4); tile_zero(&tiles, 5); tile_zero(&tiles, 6); tile_zero(&tiles, 7);
                  for (int i = 0; i < %d; i++) {
                    %s(&tiles, 0, 4, 6); %s(&tiles, 1, 4, 7); %s(&tiles, 2, 5, 6); %s(&tiles, 3, 5, 7);
                  }
                  tile_end(&tiles);
                }
                """.formatted(rounds, multiply, multiply, multiply, multiply));
        byte[] library = new CpuToolchain().compile(List.of(new CSource("limit.c", source)), target);
        List<Double> seconds = new ArrayList<>();
        try (NativeLibrary code = NativeLibrary.load(new CpuLibrary(target, source, library, List.of()));
                GuardedMemory memory = new GuardedMemory()) {
            long stages = memory.of(new long[] {0}).address();
            for (int i = 0; i < PASSES; i++) {
                seconds.add(NativeLibrary.runEach(code.function("limit"), stages, 1, threads));
            }
        }
        return 4.0 * rounds * threads * 16 * 16 * (bf16 ? 32 : 64) * 2 / seconds.stream().sorted().toList().get(0);
    }
}
