package dev.catena.sim;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceChain;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.Step;
import dev.catena.runtime.sampling.SamplingParameters;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.Kernel;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Stages on a simulated GPU (docs/cuda-abi.md). What a step may not rely on is forgotten before it: the arena and the
 * outputs count as unwritten at the start of every stage, so that a kernel which reads too much, or writes too little, is
 * found.
 */
final class SimChain implements DeviceChain {
    /** A row's sampling parameters (docs/cuda-abi.md). */
    private static final int SAMPLING_BYTES = 64;
    /** Positions in a page (docs/kv-layout.md). */
    private static final int PAGE_POSITIONS = 64;

    /** A kernel with its launch's sizes and pointers. */
    private record Prepared(Kernel kernel, int[] grid, int[] block, int shared, long[] pointers) {}

    private record Bucket(int rows, List<Prepared> launches) {}

    private record PlacedStage(Manifest.Stage stage, Allocation output, Allocation kv, List<Bucket> buckets) {}

    private final SimMachine machine;
    private final Step step;
    private final int pages;
    private final int inputWidth;
    private final Allocation stepValues;
    private final Allocation tokens;
    private final Allocation positions;
    private final Allocation rowSequence;
    private final Allocation pageTable;
    private final Allocation selectedRows;
    private final Allocation arena;
    private final Allocation scratch;
    private final Allocation input;
    private final Allocation sampling;
    private final Allocation history;
    private final Allocation sampled;
    private final ByteBuffer parameters = ByteBuffer.allocate(SAMPLING_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final List<PlacedStage> stages = new ArrayList<>();
    /** Empty where the host samples. */
    private final List<Bucket> samplingBuckets;

    SimChain(SimModel model, SimMachine machine, SimModule module, List<Manifest.Stage> given, Step step, int pages, int liveRows) {
        this.machine = machine;
        this.step = step;
        this.pages = pages;
        inputWidth = given.get(0).input().kind().equals("tokens") ? 0 : given.get(0).input().width();
        stepValues = machine.allocate("step", 16);
        tokens = machine.allocate("tokens", 4L * step.maxRows());
        positions = machine.allocate("positions", 4L * step.maxRows());
        rowSequence = machine.allocate("row_sequence", 4L * step.maxRows());
        pageTable = machine.allocate("page_table", 4L * step.maxSequences() * step.pageTableStride());
        selectedRows = machine.allocate("selected_rows", 4L * step.maxRows());
        arena = machine.allocate("arena", given.stream().mapToLong(s -> model.codeOf(s).arenaBytes()).max().orElse(0));
        scratch = machine.allocate("scratch", given.stream().mapToLong(s -> model.codeOf(s).scratchBytes()).max().orElse(0));
        scratch.zero();
        input = machine.allocate("input", 4L * inputWidth * step.maxRows());
        Allocation previous = input;
        for (Manifest.Stage stage : given) {
            int rows = stage.output().kind().equals("selected") ? liveRows : step.maxRows();
            Allocation output = machine.allocate("output of " + stage.name(), 4L * rows * stage.output().width());
            Allocation kv = stage.kv() == null ? null
                    : machine.allocate("cache of " + stage.name(), Math.multiplyExact(stage.kv().pageBytes(), (long) pages));
            stages.add(new PlacedStage(stage, output, kv, buckets(model, module, stage, previous, output, kv)));
            previous = output;
        }
        sampling = machine.allocate("sampling", SAMPLING_BYTES);
        history = machine.allocate("history", 4L * PAGE_POSITIONS * step.pageTableStride());
        sampled = machine.allocate("sampled", 4);
        samplingBuckets = samplingBuckets(model, module, previous);
    }

    private List<Bucket> buckets(SimModel model, SimModule module, Manifest.Stage stage, Allocation in, Allocation out,
            Allocation kv) {
        Map<String, Long> places = new HashMap<>();
        places.put("step", stepValues.address());
        places.put("tokens", tokens.address());
        places.put("positions", positions.address());
        places.put("row_sequence", rowSequence.address());
        places.put("page_table", pageTable.address());
        places.put("selected_rows", selectedRows.address());
        places.put("arena", arena.address());
        places.put("scratch", scratch.address());
        places.put("input", in.address());
        places.put("output", out.address());
        if (kv != null) {
            places.put("kv", kv.address());
        }
        for (int i = 0; i < stage.weights().size(); i++) {
            Manifest.Weight weight = stage.weights().get(i);
            places.put("weight:" + i, machine.allocateReadOnly(weight.name(), weight.bytes(), model.contents(weight)).address());
        }
        return prepare(model.program(stage), module, places, "stage '" + stage.name() + "'");
    }

    private List<Bucket> samplingBuckets(SimModel model, SimModule module, Allocation logits) {
        KernelProgram program = model.samplingProgram();
        if (program == null || !outputSelected()) {
            return List.of();
        }
        return prepare(program, module, Map.of("step", stepValues.address(), "scratch", scratch.address(), "logits",
                logits.address(), "sampling", sampling.address(), "history", history.address(), "sampled", sampled.address()),
                "sampling");
    }

    private static List<Bucket> prepare(KernelProgram program, SimModule module, Map<String, Long> places, String what) {
        List<Bucket> buckets = new ArrayList<>();
        for (KernelProgram.Bucket bucket : program.buckets()) {
            List<Prepared> launches = new ArrayList<>();
            for (KernelProgram.Launch launch : bucket.launches()) {
                long[] pointers = launch.args().stream().mapToLong(argument -> pointer(places, argument, what, launch)).toArray();
                launches.add(new Prepared(module.kernel(launch.kernel()), ints(launch.grid()), ints(launch.block()),
                        launch.shared(), pointers));
            }
            buckets.add(new Bucket(bucket.rows(), launches));
        }
        return buckets;
    }

    private static long pointer(Map<String, Long> places, String argument, String what, KernelProgram.Launch launch) {
        int plus = argument.indexOf('+');
        Long base = places.get(plus < 0 ? argument : argument.substring(0, plus));
        if (base == null) {
            throw new DeviceException(what + ", kernel " + launch.kernel() + ": there is no " + argument);
        }
        return base + (plus < 0 ? 0 : Long.parseLong(argument.substring(plus + 1)));
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }

    @Override
    public long memoryBytes() {
        long bytes = Stream.of(stepValues, tokens, positions, rowSequence, pageTable, selectedRows, arena, scratch, input)
                .mapToLong(Allocation::bytes).sum();
        for (PlacedStage placed : stages) {
            bytes += placed.output().bytes() + (placed.kv() == null ? 0 : placed.kv().bytes());
        }
        return bytes;
    }

    @Override
    public void submit() {
        for (Allocation a : List.of(tokens, positions, rowSequence, pageTable, selectedRows)) {
            a.forget();
        }
        stepValues.writeInts(0, step.rows(), step.sequences(), step.selected(), step.pageTableStride());
        tokens.write(0, step.tokens(), 4L * step.rows());
        positions.write(0, step.positions(), 4L * step.rows());
        rowSequence.write(0, step.rowSequence(), 4L * step.rows());
        pageTable.write(0, step.pageTable(), 4L * step.sequences() * step.pageTableStride());
        selectedRows.write(0, step.selectedRows(), 4L * step.selected());
        for (PlacedStage placed : stages) {
            if (step.selected() > 0 || placed.stage.output().kind().equals("rows")) {
                run(placed);
            }
        }
    }

    private void run(PlacedStage placed) {
        arena.forget();
        placed.output.forget();
        launch(placed.buckets, step.rows(), placed.stage.name());
    }

    private void launch(List<Bucket> buckets, int rows, String what) {
        Bucket bucket = buckets.stream().filter(b -> b.rows >= rows).findFirst().orElseThrow(() ->
                new DeviceException(what + " has no launches for " + rows + " rows"));
        for (Prepared launch : bucket.launches) {
            machine.launch(launch.kernel, launch.grid, launch.block, launch.shared, launch.pointers);
        }
    }

    @Override
    public boolean samples() {
        return !samplingBuckets.isEmpty();
    }

    @Override
    public int sample(SamplingParameters p, int[] ids, int count, int position) {
        if (step.selected() != 1) {
            throw new IllegalStateException("a step with one selected row, not " + step.selected());
        }
        int historyLength = p.repeatPenalty() == 1 ? 0 : count; // it serves nothing else
        history.forget();
        history.writeInts(0, Arrays.copyOf(ids, historyLength));
        parameters.clear();
        parameters.putDouble(p.temperature()).putDouble(p.topP()).putDouble(p.minP()).putDouble(p.repeatPenalty())
                .putLong(p.seed()).putLong(0).putInt(p.topK()).putInt(position).putInt(historyLength).putInt(0).flip();
        sampling.write(0, parameters, SAMPLING_BYTES);
        sampled.forget();
        launch(samplingBuckets, step.selected(), "sampling");
        return sampled.readInts(0, 1)[0];
    }

    /** A step has ended when {@link #submit} returns. */
    @Override
    public void await() {
    }

    @Override
    public int inputWidth() {
        return inputWidth;
    }

    @Override
    public int outputWidth() {
        return last().output().width();
    }

    @Override
    public boolean outputSelected() {
        return last().output().kind().equals("selected");
    }

    private Manifest.Stage last() {
        return stages.get(stages.size() - 1).stage;
    }

    @Override
    public void writeInput(ByteBuffer from, int rows) {
        input.forget();
        input.write(0, from, 4L * inputWidth * rows);
    }

    @Override
    public void readOutput(int first, int rows, ByteBuffer into) {
        long row = 4L * outputWidth();
        stages.get(stages.size() - 1).output.read(row * first, into, row * rows);
    }

    @Override
    public void copyPage(int from, int to) {
        if (from < 1 || to < 1 || from >= pages || to >= pages) {
            throw new IndexOutOfBoundsException("page " + from + " to " + to + " of " + pages);
        }
        for (PlacedStage placed : stages) {
            if (placed.kv != null) {
                long bytes = placed.stage.kv().pageBytes();
                placed.kv.copy(to * bytes, from * bytes, bytes);
            }
        }
    }

    @Override
    public void close() {
        stages.clear();
    }
}
