package dev.catena.codegen.cpu;

import dev.catena.codegen.Launch;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** One stage with its weights, cache and step in native memory, to be run as the runtime would. */
final class StageFixture implements AutoCloseable {
    final GuardedMemory memory = new GuardedMemory();
    private final long function;
    private final StageFacts facts;
    private final List<GuardedMemory.Block> weights = new ArrayList<>();
    private GuardedMemory.Block kv;
    private int[] tokens = {};
    private int[] positions = {};
    private int[] sequenceOfRow = {};
    private int[][] pageTables = {{}};
    private int[] selected = {};
    private int rows;
    private int unitsOfWork;

    StageFixture(NativeLibrary library, StageFacts facts) {
        this.function = library.function(facts.symbol());
        this.facts = facts;
    }

    /** The known targets that this machine runs. */
    static List<CpuTarget> targetsOfThisMachine() {
        List<CpuTarget> targets =
                new ArrayList<>(CpuTarget.known().subList(0, CpuTarget.known().indexOf(CpuTarget.host()) + 1));
        CpuTarget vnni = CpuTarget.parse("cpu:icelake-server");
        if (targets.contains(vnni)) {
            targets.add(new CpuTarget(vnni.name() + " with emulated tiles", vnni.features(), vnni.tuning(), true));
        }
        if (targets.contains(CpuTarget.parse("cpu:znver4"))) {
            targets.remove(vnni);   // the same code but for bf16
        }
        return targets;
    }

    StageFixture weight(byte[] packed) {
        weights.add(memory.of(packed));
        return this;
    }

    StageFixture weight(float[] values) {
        weights.add(memory.of(values));
        return this;
    }

    StageFixture rows(int count) {
        rows = count;
        return this;
    }

    StageFixture tokens(int... ids) {
        tokens = ids;
        return rows(ids.length);
    }

    StageFixture select(int... indices) {
        selected = indices;
        return this;
    }

    StageFixture sequences(int[] positionOfRow, int[] sequence, int[][] pages) {
        positions = positionOfRow;
        sequenceOfRow = sequence;
        pageTables = pages;
        return rows(positionOfRow.length);
    }

    StageFixture cache(GuardedMemory.Block pages) {
        kv = pages;
        return this;
    }

    /** Runs the stage on {@code input}; gives {@code outputFloats} floats of its output. */
    float[] run(int threads, float[] input, int outputFloats) {
        GuardedMemory.Block output = memory.allocate(4L * outputFloats);
        long[] addresses = weights.stream().mapToLong(GuardedMemory.Block::address).toArray();
        GuardedMemory.Block stage = stage(threads, memory.of(input), output, addresses);
        unitsOfWork = NativeLibrary.run(function, stage.address(), threads);
        memory.checkGuards();
        float[] result = new float[outputFloats];
        output.buffer().asFloatBuffer().get(result);
        return result;
    }

    /** Into how many units the last run's work was cut, by the last launch that is shared out in chunks. */
    int unitsOfWork() {
        return unitsOfWork;
    }

    /** Runs the stage's single launch while thread {@code late} waits for all others to end theirs; what was taken of each share. */
    int[][] runWithOneLate(int threads, int late, float[] input, float[] y) {
        GuardedMemory.Block output = memory.allocate(4L * y.length);
        long[] addresses = weights.stream().mapToLong(GuardedMemory.Block::address).toArray();
        GuardedMemory.Block stage = stage(threads, memory.of(input), output, addresses);
        int[][] taken = NativeLibrary.runWithOneLate(function, stage.address(), threads, late);
        memory.checkGuards();
        output.buffer().asFloatBuffer().get(y);
        return taken;
    }

    /** The native structure of a stage instance. */
    GuardedMemory.Block stage(int threads, GuardedMemory.Block input, GuardedMemory.Block output,
            long... weightAddresses) {
        GuardedMemory.Block block = memory.allocate(64);
        block.buffer()
                .putLong(memory.allocate(Math.max(64, facts.arenaBytes())).address())
                .putLong(kv == null ? 0 : kv.address())
                .putLong(memory.of(weightAddresses).address())
                .putLong(step().address())
                .putLong(memory.allocate(Math.max(64, threads * facts.scratchBytes())).address())
                .putLong(facts.scratchBytes())
                .putLong(input.address())
                .putLong(output.address());
        return block;
    }

    long function() {
        return function;
    }

    private GuardedMemory.Block step() {
        int stride = 0;
        for (int[] table : pageTables) {
            stride = Math.max(stride, table.length);
        }
        int[] pages = new int[Math.max(1, stride * pageTables.length)];
        for (int s = 0; s < pageTables.length; s++) {
            System.arraycopy(pageTables[s], 0, pages, s * stride, pageTables[s].length);
        }
        GuardedMemory.Block step = memory.allocate(56);
        ByteBuffer fields = step.buffer();
        fields.putInt(rows).putInt(pageTables.length).putInt(selected.length).putInt(stride);
        for (int[] array : List.of(tokens, positions, sequenceOfRow, pages, selected)) {
            fields.putLong(memory.of(array).address());
        }
        return step;
    }

    @Override
    public void close() {
        memory.close();
    }

    /** Compiles each list of launches for a target and loads the code. */
    static Loaded load(List<List<Launch>> stages, CpuTarget target) throws Exception {
        CpuLibrary library = CpuLibrary.build(stages, target);
        return new Loaded(NativeLibrary.load(library), library);
    }

    /** A loaded library. */
    record Loaded(NativeLibrary code, CpuLibrary library) implements AutoCloseable {
        StageFixture stage(int index) {
            return new StageFixture(code, library.stages().get(index));
        }

        @Override
        public void close() {
            code.close();
        }
    }
}
