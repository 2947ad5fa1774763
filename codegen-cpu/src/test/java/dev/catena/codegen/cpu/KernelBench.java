package dev.catena.codegen.cpu;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearPacker;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Pointer;

/**
 * Measures the kernels: {@code KernelBench TARGET THREADS READ_GB_PER_S [FILTER [SHAPE]]}. Decode rotates over 1.2 GB of weights in 2 MB
 * pages, so that none comes from a cache; figures are medians of seven passes, of one thread in processor time. A line is 64 bytes of
 * weights, and its time that of one thread.
 * On a target with AMX products by tiles are also a share of what tiles alone multiply in the same run; {@code emulated} in place of
 * a target rehearses that without AMX.
 */
public final class KernelBench {
    private static final long WEIGHTS = 1_200_000_000L;
    private static final int PASSES = 7;

    /** A model's decoders. */
    private record Shape(int hidden, int ffn, int layers, int heads, int kvHeads) {
        /** TinyLlama's, of 1.1 B weights. */
        static final Shape TINY_LLAMA = new Shape(2048, 5632, 22, 32, 4);

        /** @param text the numbers as they are declared, with a space between them */
        static Shape parse(String text) {
            int[] numbers = Arrays.stream(text.split(" ")).mapToInt(Integer::parseInt).toArray();
            return new Shape(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]);
        }

        int headSize() {
            return hidden / heads;
        }

        int qkv() {
            return (heads + 2 * kvHeads) * headSize();
        }
    }

    private final CpuTarget target;
    private final int threads;
    private final double readBandwidth;
    private final Shape shape;

    /** Operations a second of tiles alone, on bytes and on bf16; 0 without AMX. */
    private final double byteLimit;
    private final double bf16Limit;

    private KernelBench(CpuTarget target, int threads, double readBandwidth, Shape shape) throws Exception {
        this.target = target;
        this.threads = threads;
        this.readBandwidth = readBandwidth;
        this.shape = shape;
        byteLimit = target.hasTiles() ? AmxLimit.operationsPerSecond(target, threads, false) : 0;
        bf16Limit = target.hasBf16Tiles() ? AmxLimit.operationsPerSecond(target, threads, true) : 0;
    }

    public static void main(String[] arguments) throws Exception {
        CpuTarget target = arguments[0].equals("emulated")
                ? StageFixture.targetsOfThisMachine().stream().filter(CpuTarget::emulatesTiles).findFirst().orElseThrow()
                : CpuTarget.parse(arguments[0]);
        Shape model = arguments.length > 4 ? Shape.parse(arguments[4]) : Shape.TINY_LLAMA;
        KernelBench bench = new KernelBench(target, Integer.parseInt(arguments[1]), Double.parseDouble(arguments[2]), model);
        String filter = arguments.length > 3 ? arguments[3] : "";
        System.out.println(bench.target.name() + ", " + bench.threads + " threads"
                + (target.hasTiles() ? ", tiles alone: %.1f TOP/s of bytes, %.1f TFLOP/s of bf16".formatted(bench.byteLimit * 1e-12,
                        bench.bf16Limit * 1e-12) : ""));
        int[][] matrices = {{model.qkv(), model.hidden()}, {2 * model.ffn(), model.hidden()}, {model.hidden(), model.ffn()}};
        for (int[] size : matrices) {
            for (MatrixType type : List.of(MatrixType.quantized(size[0], size[1], 4, 128, false),
                    MatrixType.quantized(size[0], size[1], 4, 32, true), MatrixType.quantized(size[0], size[1], 8, 128, false),
                    MatrixType.f16(size[0], size[1]))) {
                boolean quantized = type.element().quantized();
                for (Activations activations : List.of(Activations.F32, Activations.BF16, Activations.INT8)) {
                    boolean differs = activations == Activations.F32 || (activations == Activations.INT8 ? quantized
                            : quantized || target.hasTiles() || target.has("avx512bf16"));
                    for (int rows : differs ? new int[] {1, 2, 4, 8, 16, 64, 256} : new int[0]) {
                        bench.linear(type, rows, activations, filter);
                    }
                }
            }
        }
        for (int bits : new int[] {4, 8, 16}) {
            bench.decoders(bits, 1, 100, Activations.F32, KvFormat.Element.F16, filter);
            bench.decoders(bits, 256, 0, Activations.F32, KvFormat.Element.F16, filter);
        }
        for (int bits : new int[] {4, 8}) {
            for (int rows : new int[] {1, 4, 16}) {
                bench.decoders(bits, rows, 100, Activations.INT8, KvFormat.Element.F16, filter);
            }
        }
        for (int bits : new int[] {4, 8}) {
            for (Activations activations : List.of(Activations.F32, Activations.BF16, Activations.INT8)) {
                for (int sequences : new int[] {2, 4, 8, 16}) {
                    bench.batch(bits, sequences, 100, activations, KvFormat.Element.F16, filter);
                }
            }
        }
        bench.decoders(4, 256, 0, Activations.INT8, KvFormat.Element.F16, filter);
        for (KvFormat.Element kv : new KvFormat.Element[] {KvFormat.Element.F16, KvFormat.Element.U8}) {
            bench.decoders(4, 1, 1900, Activations.INT8, kv, filter);
        }
        bench.decoders(8, 256, 0, Activations.INT8, KvFormat.Element.F16, filter);
        for (int bits : new int[] {4, 8, 16}) {
            bench.decoders(bits, 16, 100, Activations.BF16, KvFormat.Element.F16, filter);
            bench.decoders(bits, 256, 0, Activations.BF16, KvFormat.Element.F16, filter);
        }
        for (int kvHeads : new int[] {model.kvHeads(), model.heads()}) {
            for (KvFormat.Element kv : new KvFormat.Element[] {KvFormat.Element.F16, KvFormat.Element.U8}) {
                bench.attention(1, 2048, kvHeads, kv, filter);
                bench.attention(256, 2048, kvHeads, kv, filter);
            }
        }
    }

    private void linear(MatrixType type, int rows, Activations activations, String filter) throws Exception {
        String what = type.element() + " g" + type.group() + " " + type.rows() + "x" + type.columns() + " rows " + rows + " "
                + activations;
        if (!what.contains(filter)) {
            return;
        }
        Launch launch = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), type.columns()),
                View.of(new Buffer.StageOutput(), type.rows()), type, new Buffer.Weight(0), Optional.empty(), Optional.empty(),
                activations);
        long bytes = LinearPacker.packedBytes(type);
        int copies = rows > 16 ? 1 : (int) (WEIGHTS / bytes);
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(List.of(launch)), target); StageFixture stage = loaded.stage(0)) {
            stage.rows(rows);
            GuardedMemory.Block input = stage.memory.of(new float[rows * type.columns()]);
            GuardedMemory.Block output = stage.memory.allocate(4L * rows * type.rows());
            long[] stages = new long[copies];
            GuardedMemory.Block weights = hugePages(stage.memory, copies * bytes);
            for (int i = 0; i < copies; i++) {
                stages[i] = stage.stage(threads, input, output, weights.address() + i * bytes).address();
            }
            double seconds = median(stage.function(), stage.memory.of(stages).address(), copies) / copies;
            double gigabytes = bytes / seconds * 1e-9;
            System.out.printf("%-40s %9.1f us %7.2f ns a line %6.1f GB/s %5.0f %% of read bandwidth %7.1f GFLOP/s%s%n", what,
                    seconds * 1e6, seconds * 1e9 * threads / (bytes / 64.0), gigabytes, 100 * gigabytes / readBandwidth,
                    2e-9 * rows * type.rows() * type.columns() / seconds, shareOfTiles(type, rows, activations, seconds));
        }
    }

    /** Of what tiles alone multiply in that time: the digits' or terms' products, those of rows that fill no tile among them. */
    private String shareOfTiles(MatrixType type, int rows, Activations activations, double seconds) {
        boolean quantized = type.element().quantized();
        boolean tiles = quantized ? rows > 8 && AmxLinear.multipliesCodes(type, Math.min(128, type.group()), target)
                : AmxLinear.terms(type, activations, target) > 0;
        if (!tiles) {
            return "";
        }
        int products = quantized ? activations == Activations.INT8 ? 1 : activations == Activations.BF16 ? 2 : 3
                : activations == Activations.BF16 ? 1 : 3;
        double operations = 2.0 * products * ((rows + 15) / 16 * 16) * type.rows() * type.columns();
        return " %5.1f %% of AMX's limit".formatted(100 * operations / seconds / (quantized ? byteLimit : bf16Limit));
    }

    /** A step of the model's decoders, the weights of each elsewhere in memory. */
    private void decoders(int bits, int rows, int position, Activations activations, KvFormat.Element kv, String filter) throws Exception {
        String what = shape.layers() + " decoders W" + bits + " rows " + rows + " at " + position + " " + activations + " KV " + kv;
        if (what.contains(filter)) {
            int[] positions = new int[rows];
            Arrays.setAll(positions, r -> position + r);
            decoders(what, bits, positions, new int[rows], new int[][] {pages(1, position + rows)}, activations, kv);
        }
    }

    /** The same of as many sequences, each of which has one row at {@code position}. */
    private void batch(int bits, int sequences, int position, Activations activations, KvFormat.Element kv, String filter) throws Exception {
        String what = shape.layers() + " decoders W" + bits + " sequences " + sequences + " at " + position + " " + activations + " KV " + kv;
        if (what.contains(filter)) {
            int[] positions = new int[sequences];
            int[] own = new int[sequences];
            int[][] pages = new int[sequences][];
            Arrays.fill(positions, position);
            Arrays.setAll(own, s -> s);
            Arrays.setAll(pages, s -> pages(1 + s * (position / 64 + 1), position + 1));
            decoders(what, bits, positions, own, pages, activations, kv);
        }
    }

    /** The pages from {@code first} on that hold so many positions. */
    private static int[] pages(int first, int positions) {
        int[] pages = new int[(positions + 63) / 64];
        Arrays.setAll(pages, p -> first + p);
        return pages;
    }

    private void decoders(String what, int bits, int[] positions, int[] rowSequence, int[][] pages, Activations activations,
            KvFormat.Element kv) throws Exception {
        int rows = positions.length;
        int hidden = shape.hidden();
        int ffn = shape.ffn();
        LlamaDecoder decoder = new LlamaDecoder(256, shape.heads(), new KvFormat(kv, kv, shape.kvHeads(), shape.headSize()), 2048,
                matrix(shape.qkv(), hidden, bits), matrix(hidden, hidden, bits), matrix(2 * ffn, hidden, bits), matrix(hidden, ffn, bits),
                activations);
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(decoder.launches()), target);
                StageFixture fixture = loaded.stage(0)) {
            fixture.sequences(positions, rowSequence, pages);
            int pageCount = Arrays.stream(pages).mapToInt(table -> table.length).sum();
            long tables = hugePages(fixture.memory, 4L * 2048 * shape.headSize()).address();
            long bytes = 0;
            long[] stages = new long[shape.layers()];
            for (int i = 0; i < stages.length; i++) {
                long[] weights = {tables, 0, tables, tables, 0, 0, 0};
                MatrixType[] types = {null, decoder.qkv(), null, null, decoder.out(), decoder.gateUp(), decoder.down()};
                for (int w = 0; w < types.length; w++) {
                    if (types[w] != null) {
                        long packed = LinearPacker.packedBytes(types[w]);
                        weights[w] = hugePages(fixture.memory, packed).address();
                        bytes += packed;
                    }
                }
                fixture.cache(hugePages(fixture.memory, (pageCount + 1) * decoder.kv().pageBytes()));
                bytes += pageCount * decoder.kv().pageBytes();
                stages[i] = fixture.stage(threads, fixture.memory.of(new float[rows * hidden]),
                        fixture.memory.allocate(4L * rows * hidden), weights).address();
            }
            double seconds = median(fixture.function(), fixture.memory.of(stages).address(), stages.length);
            System.out.printf("%-55s %9.2f ms %6.1f GB/s %5.0f %% of read bandwidth %7.1f rows/s%n", what, seconds * 1e3,
                    bytes / seconds * 1e-9, 100e-9 * bytes / seconds / readBandwidth, rows / seconds);
        }
    }

    private static MatrixType matrix(int rows, int columns, int bits) {
        return bits == 16 ? MatrixType.f16(rows, columns) : MatrixType.quantized(rows, columns, bits, 128, false);
    }

    private void attention(int rows, int context, int kvHeads, KvFormat.Element element, String filter) throws Exception {
        String what = "attention rows " + rows + " context " + context + " heads " + shape.heads() + "/" + kvHeads + " KV " + element;
        if (!what.contains(filter)) {
            return;
        }
        KvFormat kv = new KvFormat(element, element, kvHeads, shape.headSize());
        int width = shape.hidden();
        Launch launch = new AttentionLaunch(View.of(new Buffer.StageInput(), width), View.of(new Buffer.StageOutput(), width),
                shape.heads(), 0.125f, kv);
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(List.of(launch)), target); StageFixture stage = loaded.stage(0)) {
            int[] positions = new int[rows];
            int[] pages = new int[context / 64];
            Arrays.setAll(positions, r -> context - rows + r);
            Arrays.setAll(pages, p -> p + 1);
            GuardedMemory.Block cache = stage.memory.allocate((pages.length + 1) * kv.pageBytes());
            Pointer.memset(cache.memory(), 0, cache.memory().capacity());
            stage.cache(cache).sequences(positions, new int[rows], new int[][] {pages});
            GuardedMemory.Block own = stage.stage(threads, stage.memory.of(new float[rows * width]),
                    stage.memory.allocate(4L * rows * width));
            double seconds = median(stage.function(), stage.memory.of(new long[] {own.address()}).address(), 1);
            System.out.printf("%-40s %9.1f us %7.1f GFLOP/s%n", what, seconds * 1e6,
                    4e-9 * width * Arrays.stream(positions).mapToLong(p -> p + 1).sum() / seconds);
        }
    }

    /** Zeroed memory in 2 MB pages. */
    private static GuardedMemory.Block hugePages(GuardedMemory memory, long bytes) {
        GuardedMemory.Block block = memory.untouched(bytes);
        NativeLibrary.wantHugePages(block.address(), bytes);
        Pointer.memset(block.memory(), 0, block.memory().capacity());
        return block;
    }

    private double median(long function, long stages, int count) {
        double[] seconds = new double[PASSES];
        for (int i = 0; i < PASSES; i++) {
            seconds[i] = NativeLibrary.runEach(function, stages, count, threads);
        }
        Arrays.sort(seconds);
        // The best beside the median tells how quiet the machine was.
        System.out.printf("[best %4.0f %% of median] ", 100 * seconds[0] / seconds[PASSES / 2]);
        return seconds[PASSES / 2];
    }
}
