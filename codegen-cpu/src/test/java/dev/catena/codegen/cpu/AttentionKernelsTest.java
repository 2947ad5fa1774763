package dev.catena.codegen.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.Float16;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.Launch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Rotation, cache and attention as one stage: what is appended in one step is seen by the next. */
class AttentionKernelsTest {
    private static final int TABLE_ROWS = 300;
    /** Nearly all of the time is clang's. */
    private static final boolean PRODUCT = Boolean.getBoolean("catena.tests.product");

    /** A model's attention, and how far its cache's storage may move the result. */
    private record Shape(int heads, KvFormat kv, int rotary, boolean tablesF16, double tolerance, float slope, float sink, int window,
            float softcap) {
        Shape(int heads, KvFormat kv, int rotary, boolean tablesF16, double tolerance) {
            this(heads, kv, rotary, tablesF16, tolerance, 0, 0);
        }

        Shape(int heads, KvFormat kv, int rotary, boolean tablesF16, double tolerance, float slope, float sink) {
            this(heads, kv, rotary, tablesF16, tolerance, slope, sink, 0, 0);
        }

        /** Nothing is turned, so what is cached is known to the last bit, and what is left is how exactly it is multiplied. */
        static Shape unturned(int heads, KvFormat kv, double tolerance, float slope, float sink, int window, float softcap) {
            return new Shape(heads, kv, 0, false, tolerance, slope, sink, window, softcap);
        }

        /** A head's number, the larger the further back the head stands. */
        float[] ofHeads(float first) {
            float[] numbers = new float[heads];
            for (int h = 0; h < heads; h++) {
                numbers[h] = first * (h + 1);
            }
            return numbers;
        }

        int width() {
            return (heads + 2 * kv.heads()) * kv.dim();
        }

        int outWidth() {
            return heads * kv.dim();
        }

        List<Launch> launches() {
            int dim = kv.dim();
            View qkv = View.of(new Buffer.StageInput(), width());
            View rotated = View.of(new Buffer.Arena(64, 4L * TABLE_ROWS * outWidth()), outWidth());
            return List.of(
                    new RopeAppendLaunch(qkv.slice(0, heads * dim), qkv.slice(heads * dim, kv.heads() * dim),
                            qkv.slice((heads + kv.heads()) * dim, kv.heads() * dim), rotated, new Buffer.Weight(0),
                            new Buffer.Weight(1), tablesF16, TABLE_ROWS, rotary, heads, kv),
                    new AttentionLaunch(rotated, View.of(new Buffer.StageOutput(), outWidth()), heads, scale(), window, softcap,
                            slope == 0 ? Optional.empty() : Optional.of(new Buffer.Weight(2)),
                            sink == 0 ? Optional.empty() : Optional.of(new Buffer.Weight(3)), kv));
        }

        float scale() {
            return (float) (1 / Math.sqrt(kv.dim()));
        }
    }

    private static final List<Shape> SHAPES = List.of(
            new Shape(4, new KvFormat(Element.F32, Element.F32, 2, 64), 64, false, 2e-6),
            new Shape(8, new KvFormat(Element.F32, Element.F32, 4, 8), 8, false, 2e-6),
            new Shape(3, new KvFormat(Element.F32, Element.F32, 3, 20), 12, true, 2e-6),
            new Shape(5, new KvFormat(Element.F16, Element.F16, 1, 80), 80, false, 2e-3),
            new Shape(6, new KvFormat(Element.F16, Element.F32, 2, 256), 0, false, 2e-3),
            new Shape(4, new KvFormat(Element.U8, Element.U8, 2, 20), 20, false, 2e-2),
            new Shape(6, new KvFormat(Element.F32, Element.F32, 2, 16), 0, false, 2e-6, 0.02f, 0),
            new Shape(4, new KvFormat(Element.U8, Element.U8, 2, 20), 20, false, 2e-2, 0.01f, 0.7f),
            new Shape(6, new KvFormat(Element.F16, Element.F16, 3, 24), 24, false, 2e-3, 0, -0.5f),
            new Shape(4, new KvFormat(Element.F16, Element.U4, 4, 48), 48, false, 2e-3),
            Shape.unturned(8, new KvFormat(Element.U8, Element.U8, 1, 64), 2e-4, 0, 0, 0, 0),
            Shape.unturned(6, new KvFormat(Element.U4, Element.U8, 2, 80), 2e-4, 0, 0, 0, 0),
            Shape.unturned(2, new KvFormat(Element.U8, Element.F32, 2, 288), 2e-4, 0, 0, 0, 0),
            // Near f32 also where both operands are two terms of bf16: what is left out is below 2^-16 of a product.
            Shape.unturned(8, new KvFormat(Element.F16, Element.F16, 1, 64), 1e-5, 0, 0, 0, 0),
            Shape.unturned(6, new KvFormat(Element.F16, Element.F16, 2, 80), 1e-5, 0.01f, 0.7f, 40, 0),
            Shape.unturned(20, new KvFormat(Element.F16, Element.F16, 1, 36), 1e-5, 0, 0, 100, 2),
            Shape.unturned(3, new KvFormat(Element.U8, Element.F16, 1, 64), 2e-4, 0, 0, 70, 0));

    static List<CpuTarget> targets() {
        return StageFixture.targetsOfThisMachine();
    }

    @ParameterizedTest
    @MethodSource("targets")
    void sequencesInPagesSeeTheirOwnPast(CpuTarget target) throws Exception {
        // AVX-512's targets share most of this code: they take the shapes by turns. Those of AVX2 and of tiles take all.
        List<CpuTarget> sharing = targets().stream().filter(t -> t.lanes() == 16 && !t.hasTiles()).toList();
        List<Shape> shapes = IntStream.range(0, SHAPES.size())
                .filter(i -> PRODUCT || !sharing.contains(target) || i % sharing.size() == sharing.indexOf(target)).mapToObj(SHAPES::get).toList();
        List<List<Launch>> stages = new ArrayList<>();
        shapes.forEach(shape -> stages.add(shape.launches()));
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < shapes.size(); i++) {
                check(loaded, i, shapes.get(i));
            }
        }
    }

    /** Chunks, single rows and one prefill: what a page's last positions hold, and who shares the page, changes no bit. */
    @ParameterizedTest
    @MethodSource("targets")
    void aRowsResultDoesNotDependOnItsCompany(CpuTarget target) throws Exception {
        List<Shape> shapes = List.of(new Shape(8, new KvFormat(Element.U8, Element.U8, 1, 64), 0, false, 0),
                new Shape(3, new KvFormat(Element.U4, Element.U4, 1, 48), 0, false, 0),
                new Shape(4, new KvFormat(Element.F16, Element.F16, 2, 64), 0, false, 0));
        List<List<Launch>> stages = shapes.stream().map(Shape::launches).toList();
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < shapes.size(); i++) {
                Shape shape = shapes.get(i);
                Random random = new Random(i);
                float[] input = new float[140 * shape.width()];
                for (int j = 0; j < input.length; j++) {
                    // Some positions are far larger than their neighbours, so that scales and maxima differ along a page.
                    input[j] = (float) (random.nextGaussian() * (j / shape.width() % 13 == 0 ? 5 : 1));
                }
                float[] whole = inSteps(loaded.stage(i), shape, input, 140);
                assertArrayEquals(whole, inSteps(loaded.stage(i), shape, input, 50, 1, 1, 1, 9, 3, 60, 1, 14), shape.toString());
            }
        }
    }

    /** Single rows' segments by several threads: the same bits as blocks of rows, and what attention is defined to be. */
    @ParameterizedTest
    @MethodSource("targets")
    void fewRowsAreTakenApart(CpuTarget target) throws Exception {
        List<Shape> shapes = List.of(Shape.unturned(4, new KvFormat(Element.F16, Element.F16, 1, 64), 1e-5, 0, 0.7f, 0, 0),
                Shape.unturned(3, new KvFormat(Element.U8, Element.U8, 3, 48), 2e-4, 0.01f, 0, 0, 0),
                Shape.unturned(2, new KvFormat(Element.F16, Element.F16, 1, 24), 1e-5, 0, -0.5f, 530, 0),
                Shape.unturned(1, new KvFormat(Element.F32, Element.F32, 1, 8), 2e-6, 0, 0, 0, 3));
        int[] lengths = {600, 700, 1500, 4200};
        // Of four pages, or of eight where sixteen of those wouldn't do: 10 and 11 pages; from the 14th to the 23rd; 66 pages.
        int[] segments = {3, 3, 3, 9};
        List<List<Launch>> stages = shapes.stream().map(Shape::launches).toList();
        try (StageFixture.Loaded loaded = StageFixture.load(stages, target)) {
            for (int i = 0; i < shapes.size(); i++) {
                Shape shape = shapes.get(i);
                int length = lengths[i];
                int last = length - 20;
                Random random = new Random(i);
                float[] input = new float[length * shape.width()];
                for (int j = 0; j < input.length; j++) {
                    input[j] = (float) random.nextGaussian();
                }
                Cached cached = new Cached();
                float[] rows = Arrays.copyOfRange(input, last * shape.width(), input.length);
                cache(shape, Arrays.copyOf(input, last * shape.width()), cached);
                double[] expected = expected(shape, rows, IntStream.range(last, length).toArray(), new int[20],
                        new Cached[] {cached}, null, null);
                int[] single = new int[20];
                Arrays.fill(single, 1);
                for (int threads : new int[] {1, 2, 7}) {
                    for (int[] steps : List.of(new int[] {20}, single)) {
                        List<Integer> units = new ArrayList<>();
                        float[] y = lastRows(loaded.stage(i), shape, input, last, steps, threads, units);
                        if (steps == single) {
                            int work = shape.kv().heads() * (threads == 1 ? 1 : segments[i]);
                            assertEquals(Collections.nCopies(20, work), units, shape + ", " + threads + " threads");
                        }
                        for (int j = 0; j < y.length; j++) {
                            assertEquals(expected[j], y[j], 3 * shape.tolerance(), shape + ", element " + j);
                        }
                        assertArrayEquals(lastRows(loaded.stage(i), shape, input, last, new int[] {2, 17, 1}, 3, new ArrayList<>()), y, shape.toString());
                    }
                }
            }
        }
    }

    /** @param units gets each step's units of work */
    private static float[] lastRows(StageFixture unused, Shape shape, float[] input, int first, int[] rowsOfStep, int threads,
            List<Integer> units) throws Exception {
        try (StageFixture stage = unused) {
            int[] pages = IntStream.range(0, input.length / shape.width() / 64 + 1).map(p -> 1 + (p ^ 1)).toArray();
            stage.cache(stage.memory.allocate((pages.length + 2) * shape.kv().pageBytes())).weight(new float[1]).weight(new float[1])
                    .weight(shape.ofHeads(shape.slope())).weight(shape.ofHeads(shape.sink()));
            for (int row = 0; row < first; row += TABLE_ROWS) {
                step(stage, shape, input, row, Math.min(TABLE_ROWS, first - row), pages, threads);
            }
            float[] y = new float[(input.length / shape.width() - first) * shape.outWidth()];
            int at = first;
            for (int rows : rowsOfStep) {
                float[] part = step(stage, shape, input, at, rows, pages, threads);
                units.add(stage.unitsOfWork());
                System.arraycopy(part, 0, y, (at - first) * shape.outWidth(), part.length);
                at += rows;
            }
            return y;
        }
    }

    private static float[] step(StageFixture stage, Shape shape, float[] input, int first, int rows, int[] pages, int threads)
            throws Exception {
        return stage.sequences(IntStream.range(first, first + rows).toArray(), new int[rows], new int[][] {pages})
                .run(threads, Arrays.copyOfRange(input, first * shape.width(), (first + rows) * shape.width()), rows * shape.outWidth());
    }

    /** What runs here in plain C is tile instructions in the real build: three products of four tiles each for 32 elements and for 32 positions. */
    @Test
    void aBuildForAmxMultipliesByTiles() throws Exception {
        Shape terms = new Shape(4, new KvFormat(Element.F16, Element.F16, 1, 64), 0, false, 0);
        Shape codes = new Shape(4, new KvFormat(Element.U8, Element.U8, 1, 64), 0, false, 0);
        byte[] code = CpuLibrary.build(List.of(terms.launches(), codes.launches()), CpuTarget.parse("cpu:sapphirerapids")).library();
        assertEquals(2 * 2 * 3 * 4, TileProducts.in(code, TileProducts.TDPBF16PS));
        assertEquals(2 * 2 * 4, TileProducts.in(code, TileProducts.TDPBSUD)); // of two digits for 64 elements and for 64 positions
    }

    private static float[] inSteps(StageFixture unused, Shape shape, float[] input, int... rowsOfStep) {
        float[] y = new float[input.length / shape.width() * shape.outWidth()];
        try (StageFixture stage = unused) {
            stage.cache(stage.memory.allocate(8 * shape.kv().pageBytes()));
            int first = 0;
            for (int rows : rowsOfStep) {
                int from = first;
                int[] positions = new int[rows];
                Arrays.setAll(positions, r -> from + r);
                float[] part = stage.sequences(positions, new int[rows], new int[][] {{3, 7, 1}})
                        .run(1, Arrays.copyOfRange(input, first * shape.width(), (first + rows) * shape.width()), rows * shape.outWidth());
                System.arraycopy(part, 0, y, first * shape.outWidth(), part.length);
                first += rows;
            }
        }
        return y;
    }

    /** One broken element of a value: its neighbours, and all other positions, are what they would be without it. */
    @ParameterizedTest
    @MethodSource("targets")
    void notANumberCantPoisonACodedCache(CpuTarget target) throws Exception {
        Shape shape = new Shape(1, new KvFormat(Element.U8, Element.U8, 1, 16), 0, false, 2e-2);
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(shape.launches()), target)) {
            for (float broken : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
                Random random = new Random(5);
                float[] input = new float[3 * shape.width()];
                for (int i = 0; i < input.length; i++) {
                    input[i] = (float) random.nextGaussian();
                }
                double[] expected =
                        expected(shape, input, new int[] {0, 1, 2}, new int[3], new Cached[] {new Cached()}, null, null);
                int element = 7;
                input[shape.width() + 2 * 16 + element] = broken; // of the second row's value
                try (StageFixture stage = loaded.stage(0)) {
                    stage.cache(stage.memory.allocate(8 * shape.kv().pageBytes()));
                    float[] y = stage.sequences(new int[] {0, 1, 2}, new int[3], new int[][] {{3}}).run(1, input, 3 * 16);
                    for (int i = 0; i < y.length; i++) {
                        assertTrue(Float.isFinite(y[i]), broken + " gives " + y[i]);
                        assertTrue(i % 16 == element || Math.abs(y[i] - expected[i]) < 2e-2,
                                broken + ", element " + i + ": " + y[i] + ", expected " + expected[i]);
                    }
                }
            }
        }
    }

    /** Two sequences in scattered pages: prefill of both in one step, then chunks and single rows. */
    private static void check(StageFixture.Loaded loaded, int index, Shape shape) {
        Random random = new Random(index);
        int[][] pages = {{3, 7, 1, 6}, {5, 2, 4}};
        float[] cos = table(shape, random);
        float[] sin = table(shape, random);
        Cached[] cached = {new Cached(), new Cached()};
        int[][] steps = {{63, 10}, {1, 1}, {1, 0}, {70, 3}, {0, 1}, {1, 1}, {40, 0}}; // rows of each sequence
        try (StageFixture one = loaded.stage(index); StageFixture three = loaded.stage(index)) {
            // NaN in pages that nobody wrote: the results show it if they are read.
            one.cache(one.memory.allocate(8 * shape.kv().pageBytes()));
            three.cache(three.memory.allocate(8 * shape.kv().pageBytes()));
            for (StageFixture stage : List.of(one, three)) {
                if (shape.tablesF16()) {
                    stage.weight(f16Bytes(cos)).weight(f16Bytes(sin));
                } else {
                    stage.weight(cos).weight(sin);
                }
                stage.weight(shape.ofHeads(shape.slope())).weight(shape.ofHeads(shape.sink()));
            }
            for (int[] step : steps) {
                int rows = step[0] + step[1];
                int[] positions = new int[rows];
                int[] sequence = new int[rows];
                for (int r = 0; r < rows; r++) {
                    sequence[r] = r < step[0] ? 0 : 1;
                    positions[r] = cached[sequence[r]].keys.size() + (r < step[0] ? r : r - step[0]);
                }
                float[] input = new float[rows * shape.width()];
                for (int i = 0; i < input.length; i++) {
                    input[i] = (float) random.nextGaussian();
                }
                double[] expected = expected(shape, input, positions, sequence, cached, cos, sin);
                float[] y = one.sequences(positions, sequence, pages).run(1, input, rows * shape.outWidth());
                for (int i = 0; i < y.length; i++) {
                    assertTrue(Math.abs(y[i] - expected[i]) <= shape.tolerance() * 3,
                            shape + ", step of " + rows + ", element " + i + ": " + y[i] + ", expected " + expected[i]);
                }
                assertArrayEquals(y, three.sequences(positions, sequence, pages).run(3, input, y.length),
                        shape + ": differs with 3 threads");
            }
        }
    }

    /** What a sequence has cached: per position, all KV heads. */
    private static final class Cached {
        final List<double[]> keys = new ArrayList<>();
        final List<double[]> values = new ArrayList<>();
    }

    private static double[] expected(Shape shape, float[] input, int[] positions, int[] sequence, Cached[] cached, float[] cos,
            float[] sin) {
        int dim = shape.kv().dim();
        int kvHeads = shape.kv().heads();
        double[] result = new double[positions.length * shape.outWidth()];
        for (int r = 0; r < positions.length; r++) {
            double[] key = new double[kvHeads * dim];
            double[] value = new double[kvHeads * dim];
            int from = r * shape.width() + shape.heads() * dim;
            for (int i = 0; i < key.length; i++) {
                key[i] = input[from + i];
                value[i] = input[from + kvHeads * dim + i];
            }
            rotate(shape, key, positions[r], cos, sin);
            cached[sequence[r]].keys.add(stored(key, shape.kv().k(), dim));
            cached[sequence[r]].values.add(stored(value, shape.kv().v(), dim));
            double[] query = new double[shape.outWidth()];
            for (int i = 0; i < query.length; i++) {
                query[i] = input[r * shape.width() + i];
            }
            rotate(shape, query, positions[r], cos, sin);
            for (int head = 0; head < shape.heads(); head++) {
                attend(shape, query, head, cached[sequence[r]], result, r * shape.outWidth());
            }
        }
        return result;
    }

    /** Caches keys and values that aren't turned. */
    private static void cache(Shape shape, float[] input, Cached cached) {
        int dim = shape.kv().dim();
        int width = shape.kv().heads() * dim;
        for (int from = shape.heads() * dim; from < input.length; from += shape.width()) {
            double[] key = new double[width];
            double[] value = new double[width];
            for (int i = 0; i < width; i++) {
                key[i] = input[from + i];
                value[i] = input[from + width + i];
            }
            cached.keys.add(stored(key, shape.kv().k(), dim));
            cached.values.add(stored(value, shape.kv().v(), dim));
        }
    }

    /** What is read back of numbers that were cached (docs/kv-layout.md). */
    private static double[] stored(double[] heads, Element element, int dim) {
        double[] result = new double[heads.length];
        for (int i = 0; i < heads.length; i++) {
            if (element == Element.F32 || element == Element.F16) {
                result[i] = element == Element.F32 ? heads[i] : Float16.valueOf(Float16.bitsOf((float) heads[i]));
                continue;
            }
            double[] head = Arrays.copyOfRange(heads, i / dim * dim, i / dim * dim + dim);
            float low = (float) Arrays.stream(head).min().orElseThrow();
            float high = (float) Arrays.stream(head).max().orElseThrow();
            int largest = element == Element.U8 ? 255 : 15;
            float scale = Float16.valueOf(Float16.bitsOf((high - low) / largest));
            float minimum = Float16.valueOf(Float16.bitsOf(low));
            double code = Math.rint(((float) heads[i] - minimum) / scale);
            result[i] = Math.max(0, Math.min(largest, code)) * scale + minimum;
        }
        return result;
    }

    private static void attend(Shape shape, double[] query, int head, Cached cached, double[] result, int offset) {
        int dim = shape.kv().dim();
        int kvHead = head / (shape.heads() / shape.kv().heads());
        double total = shape.sink() == 0 ? 0 : Math.exp(shape.sink() * (head + 1));
        double[] sum = new double[dim];
        for (int p = shape.window() == 0 ? 0 : Math.max(0, cached.keys.size() - shape.window()); p < cached.keys.size(); p++) {
            double score = 0;
            for (int d = 0; d < dim; d++) {
                score += query[head * dim + d] * cached.keys.get(p)[kvHead * dim + d];
            }
            score *= shape.scale();
            score = shape.softcap() == 0 ? score : shape.softcap() * Math.tanh(score / shape.softcap());
            double weight = Math.exp(score - shape.slope() * (head + 1) * (cached.keys.size() - 1 - p));
            total += weight;
            for (int d = 0; d < dim; d++) {
                sum[d] += weight * cached.values.get(p)[kvHead * dim + d];
            }
        }
        for (int d = 0; d < dim; d++) {
            result[offset + head * dim + d] = sum[d] / total;
        }
    }

    private static void rotate(Shape shape, double[] heads, int position, float[] cos, float[] sin) {
        int dim = shape.kv().dim();
        int half = shape.rotary() / 2;
        int row = position * shape.rotary();
        for (int start = 0; start < heads.length; start += dim) {
            for (int i = 0; i < half; i++) {
                double a = heads[start + i];
                double b = heads[start + half + i];
                heads[start + i] = a * cos[row + i] - b * sin[row + i];
                heads[start + half + i] = b * cos[row + half + i] + a * sin[row + half + i];
            }
        }
    }

    /** Not cosines at all: every entry counts. */
    private static float[] table(Shape shape, Random random) {
        float[] table = new float[Math.max(1, TABLE_ROWS * shape.rotary())];
        for (int i = 0; i < table.length; i++) {
            float value = random.nextFloat() * 2 - 1;
            table[i] = shape.tablesF16() ? Float16.valueOf(Float16.bitsOf(value)) : value;
        }
        return table;
    }

    private static byte[] f16Bytes(float[] values) {
        byte[] bytes = new byte[2 * values.length];
        for (int i = 0; i < values.length; i++) {
            short half = Float16.bitsOf(values[i]);
            bytes[2 * i] = (byte) half;
            bytes[2 * i + 1] = (byte) (half >> 8);
        }
        return bytes;
    }
}
