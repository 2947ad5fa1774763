package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.View;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The machine code for Sapphire Rapids itself, whose tile instructions a CPU with AMX runs, and any other of AVX-512 traps, against
 * what all other tests prove: the same kernels with tiles in plain C.
 */
class AmxCodeTest {
    private static final int ROWS = 45;
    private static final int HEADS = 6;
    private static final int DIM = 32;
    private static final int HIDDEN = HEADS * DIM;
    private static final int FFN = 320;
    private static final CpuTarget REAL = CpuTarget.parse("cpu:sapphirerapids");

    @Test
    void machineCodeComputesWhatTilesInCDo() throws Exception {
        List<String> needed = new ArrayList<>(REAL.features());
        needed.removeIf(feature -> feature.startsWith("amx-"));
        boolean runs = CpuTarget.featuresOf(Files.readString(Path.of("/proc/cpuinfo"))).containsAll(needed);
        if (!runs) {
            System.err.println("SKIPPED: code for AMX also needs " + needed + ", which this machine lacks");
        }
        assumeTrue(runs, "no AVX-512 with bf16");
        CpuTarget inC = new CpuTarget("cpu:sapphirerapids in C", needed, REAL.tuning(), true);
        // Between them all kinds of keys and values, 8-bit codes as they lie, 4-bit codes widened, f16 in one term.
        LlamaDecoder decoder = new LlamaDecoder(ROWS, HEADS, new KvFormat(Element.F16, Element.U8, 1, DIM), ROWS,
                MatrixType.quantized(HIDDEN + 2 * DIM, HIDDEN, 8, 64, false), MatrixType.f16(HIDDEN, HIDDEN),
                MatrixType.quantized(2 * FFN, HIDDEN, 4, 192, true), MatrixType.f16(HIDDEN, FFN), Activations.BF16);
        KvFormat kv = new KvFormat(Element.U4, Element.F16, 1, DIM);
        View q = View.of(new Buffer.StageInput(), HIDDEN);
        Launch append = new RopeAppendLaunch(q, q.slice(0, DIM), q.slice(DIM, DIM), View.of(new Buffer.Arena(0, 4L * ROWS * HIDDEN), HIDDEN),
                new Buffer.Weight(0), new Buffer.Weight(0), false, ROWS, 0, HEADS, kv);
        Launch attention = new AttentionLaunch(q, View.of(new Buffer.StageOutput(), HIDDEN), HEADS, 0.2f, kv);
        List<List<Launch>> stages = List.of(decoder.launches(), List.of(append, attention));
        List<MatrixType> weights = Arrays.asList(decoder.qkv(), null, null, decoder.out(), decoder.gateUp(), decoder.down());
        try (StageFixture.Loaded real = StageFixture.load(stages, REAL); StageFixture.Loaded c = StageFixture.load(stages, inC)) {
            for (int i = 0; i < stages.size(); i++) {
                float[] expected = run(c, i, weights);
                float[] y;
                try (TrappedTiles tiles = new TrappedTiles()) {
                    y = run(real, i, weights);
                }
                if (TrappedTiles.instructions() == 0) {
                    assertEquals(REAL, CpuTarget.host(), "no tile was used");
                    // The CPU itself: should it add in another order than the manual says, it is right all the same.
                    assertArrayEquals(expected, y, 1e-5f * largest(expected), "stage " + i);
                } else {
                    assertArrayEquals(expected, y, "stage " + i);
                    assertEquals(0, TrappedTiles.faults());
                }
            }
        }
    }

    /** 37 rows, one, and seven more. */
    private static float[] run(StageFixture.Loaded loaded, int index, List<MatrixType> weights) throws Exception {
        Random random = new Random(7 + index);
        float[] y = {};
        try (StageFixture stage = loaded.stage(index)) {
            stage.weight(gaussian(HIDDEN, random));
            for (MatrixType type : weights) {
                if (type == null) {
                    stage.weight(gaussian(ROWS * DIM, random));
                } else {
                    stage.weight(TestMatrix.random(type, random).linear());
                }
            }
            stage.cache(stage.memory.allocate(2L * 64 * 4 * 2 * DIM));
            int first = 0;
            for (int rows : new int[] {37, 1, 7}) {
                int begin = first;
                int[] positions = new int[rows];
                Arrays.setAll(positions, r -> begin + r);
                float[] part = stage.sequences(positions, new int[rows], new int[][] {{1}}).run(1, gaussian(rows * HIDDEN, random), rows * HIDDEN);
                y = Arrays.copyOf(y, y.length + part.length);
                System.arraycopy(part, 0, y, y.length - part.length, part.length);
                first += rows;
            }
        }
        return y;
    }

    private static float largest(float[] values) {
        float largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    private static float[] gaussian(int count, Random random) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
