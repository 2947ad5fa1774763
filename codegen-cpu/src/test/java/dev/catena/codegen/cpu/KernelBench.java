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
 * Measures the kernels: {@code KernelBench TARGET THREADS READ_GB_PER_S [FILTER]}. Decode rotates over 1.2 GB of weights in 2 MB pages, so that
 * none comes from a cache; figures are medians of seven passes. A line is 64 bytes of weights, and its time that of one thread.
 * On a target with AMX products by tiles are also a share of what tiles alone multiply in the same run; {@code emulated} in place of
 * a target rehearses that without AMX.
 */
public final class KernelBench {
    private static final long WEIGHTS = 1_200_000_000L;
    private static final int PASSES = 7;

    private final CpuTarget target;
    private final int threads;
    private final double readBandwidth;

    /** Operations a second of tiles alone, on bytes and on bf16; 0 without AMX. */
    private final double byteLimit;
    private final double bf16Limit;

    private KernelBench(CpuTarget target, int threads, double readBandwidth) throws Exception {
        this.target = target;
        this.threads = threads;
        this.readBandwidth = readBandwidth;
        byteLimit = target.hasTiles() ? AmxLimit.operationsPerSecond(target, threads, false) : 0;
        bf16Limit = target.hasBf16Tiles() ? AmxLimit.operationsPerSecond(target, threads, true) : 0;
    }

    public static void main(String[] arguments) throws Exception {
        CpuTarget target = arguments[0].equals("emulated")
                ? StageFixture.targetsOfThisMachine().stream().filter(CpuTarget::emulatesTiles).findFirst().orElseThrow()
                : CpuTarget.parse(arguments[0]);
        KernelBench bench = new KernelBench(target, Integer.parseInt(arguments[1]), Double.parseDouble(arguments[2]));
        String filter = arguments.length > 3 ? arguments[3] : "";
        System.out.println(bench.target.name() + ", " + bench.threads + " threads"
                + (target.hasTiles() ? ", tiles alone: %.1f TOP/s of bytes, %.1f TFLOP/s of bf16".formatted(bench.byteLimit * 1e-12,
                        bench.bf16Limit * 1e-12) : ""));
        int[][] shapes = {{6144, 2048}, {11264, 2048}, {2048, 5632}};
        for (int[] shape : shapes) {
            for (MatrixType type : List.of(MatrixType.quantized(shape[0], shape[1], 4, 128, false),
                    MatrixType.quantized(shape[0], shape[1], 4, 32, true), MatrixType.quantized(shape[0], shape[1], 8, 128, false),
                    MatrixType.f16(shape[0], shape[1]))) {
                boolean quantized = type.element().quantized();
                for (Activations activations : List.of(Activations.F32, Activations.BF16, Activations.INT8)) {
                    boolean differs = activations == Activations.F32 || (activations == Activations.INT8 ? quantized
                            : target.hasTiles() || !quantized && target.has("avx512bf16"));
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
        bench.decoders(4, 256, 0, Activations.INT8, KvFormat.Element.F16, filter);
        for (KvFormat.Element kv : new KvFormat.Element[] {KvFormat.Element.F16, KvFormat.Element.U8}) {
            bench.decoders(4, 1, 1900, Activations.INT8, kv, filter);
        }
        bench.decoders(8, 256, 0, Activations.INT8, KvFormat.Element.F16, filter);
        for (int bits : new int[] {4, 8, 16}) {
            bench.decoders(bits, 16, 100, Activations.BF16, KvFormat.Element.F16, filter);
            bench.decoders(bits, 256, 0, Activations.BF16, KvFormat.Element.F16, filter);
        }
        for (int kvHeads : new int[] {4, 32}) {
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

    /** A step of 22 decoders of TinyLlama's shape (1.1 B), the weights of each elsewhere in memory. */
    private void decoders(int bits, int rows, int position, Activations activations, KvFormat.Element kv, String filter) throws Exception {
        String what = "22 decoders W" + bits + " rows " + rows + " at " + position + " " + activations + " KV " + kv;
        if (!what.contains(filter)) {
            return;
        }
        LlamaDecoder decoder = new LlamaDecoder(256, 32, new KvFormat(kv, kv, 4, 64), 2048,
                matrix(2560, 2048, bits), matrix(2048, 2048, bits), matrix(11264, 2048, bits), matrix(2048, 5632, bits), activations);
        try (StageFixture.Loaded loaded = StageFixture.load(List.of(decoder.launches()), target);
                StageFixture fixture = loaded.stage(0)) {
            int[] positions = new int[rows];
            int[] pages = new int[(position + rows) / 64 + 1];
            Arrays.setAll(positions, r -> position + r);
            Arrays.setAll(pages, p -> p + 1);
            fixture.sequences(positions, new int[rows], new int[][] {pages});
            long tables = hugePages(fixture.memory, 4L * 2048 * 64).address();
            long bytes = 0;
            long[] stages = new long[22];
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
                fixture.cache(hugePages(fixture.memory, (pages.length + 1) * decoder.kv().pageBytes()));
                bytes += (position + rows) / 64 * decoder.kv().pageBytes();
                stages[i] = fixture.stage(threads, fixture.memory.of(new float[rows * 2048]),
                        fixture.memory.allocate(4L * rows * 2048), weights).address();
            }
            double seconds = median(fixture.function(), fixture.memory.of(stages).address(), stages.length);
            System.out.printf("%-50s %9.2f ms %6.1f GB/s %5.0f %% of read bandwidth %7.1f rows/s%n", what, seconds * 1e3,
                    bytes / seconds * 1e-9, 100e-9 * bytes / seconds / readBandwidth, rows / seconds);
        }
    }

    private static MatrixType matrix(int rows, int columns, int bits) {
        return bits == 16 ? MatrixType.f16(rows, columns) : MatrixType.quantized(rows, columns, bits, 128, false);
    }

    private void attention(int rows, int context, int kvHeads, KvFormat.Element element, String filter) throws Exception {
        String what = "attention rows " + rows + " context " + context + " heads 32/" + kvHeads + " KV " + element;
        if (!what.contains(filter)) {
            return;
        }
        KvFormat kv = new KvFormat(element, element, kvHeads, 64);
        int width = 32 * 64;
        Launch launch = new AttentionLaunch(View.of(new Buffer.StageInput(), width), View.of(new Buffer.StageOutput(), width), 32,
                0.125f, kv);
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
