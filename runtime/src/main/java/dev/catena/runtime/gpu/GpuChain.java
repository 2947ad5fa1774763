package dev.catena.runtime.gpu;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceChain;
import dev.catena.runtime.LaunchCost;
import dev.catena.runtime.RowSampling;
import dev.catena.runtime.Step;
import dev.catena.runtime.sampling.SamplingParameters;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Stages on a GPU (docs/cuda-abi.md). All work goes into one stream, and {@link #submit} only puts it there: the host may
 * prepare the next step while this one runs. Where all weights are on the GPU a step is one graph; where some pass through
 * it, stages that stay are one together, and each other one is a graph that waits for its weights.
 */
final class GpuChain implements DeviceChain {
    /** What a copy to or from the host's buffers takes at a time. */
    private static final int LARGEST_BOUNCE = 4 << 20;

    private final Gpu gpu;
    private final Step step;
    private final List<Manifest.Stage> stages;
    private final int pages;
    private final int inputWidth;
    private final ChainMemory layout;
    private final int withoutSelected;
    /** What {@link #close} gives back, the last first. */
    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final GpuMemory memory;
    private final long stream;
    private final long ready;
    private final long taken;
    private final StepRing ring;
    private final PinnedMemory bounce;
    private final BoundProgram[] programs;
    /** In the order in which they run. */
    private final List<Run> runs = new ArrayList<>();
    /** Null when everything stays on the GPU. */
    private final WeightStream weightStream;
    /**
     * Stages that one graph has.
     *
     * @param streamIndex of the one stage whose weights pass through, or -1
     */
    private record Run(StepGraphs graphs, int streamIndex) {}

    /** Null where the host samples. */
    private final StepGraphs sampling;
    private final PinnedMemory samplingBytes;
    /** Where histories and tokens lie in it. */
    private final int historyAt;
    private final int sampledAt;

    /** @param passing entries of weights that don't stay on the GPU */
    GpuChain(ModelOnGpu model, List<Manifest.Stage> stages, Step step, int pages, int liveRows, Set<String> passing) {
        this.gpu = model.gpu();
        this.step = step;
        this.stages = List.copyOf(stages);
        this.pages = pages;
        inputWidth = stages.get(0).input().kind().equals("tokens") ? 0 : stages.get(0).input().width();
        withoutSelected = (int) stages.stream().filter(stage -> stage.output().kind().equals("rows")).count();
        layout = new ChainMemory(model, stages, step, pages, liveRows);
        long[] samplingPlaces = Region.offsets(layout.samplingRegions());
        historyAt = Math.toIntExact(samplingPlaces[1]);
        sampledAt = Math.toIntExact(samplingPlaces[2]);
        boolean built = false;
        try {
            memory = own(gpu.allocate(layout.regions()));
            stream = gpu.newStream();
            own(() -> gpu.closeStream(stream));
            ready = event();
            taken = event();
            ring = own(new StepRing(gpu, stream, layout, memory));
            long widest = 4L * Math.max(inputWidth, outputWidth());
            bounce = own(gpu.pin((int) Math.max(widest, Math.min(LARGEST_BOUNCE, widest * step.maxRows()))));
            WeightStore.Share share = own(model.weights().acquire(residentEntries(passing)));
            List<Manifest.Stage> streamed = stages.stream()
                    .filter(stage -> WeightPlacement.entries(stage).stream().anyMatch(passing::contains)).toList();
            weightStream = streamed.isEmpty() ? null : own(new WeightStream(model, streamed, passing));
            int[] streamIndex = stages.stream().mapToInt(streamed::indexOf).toArray();
            programs = new BoundProgram[stages.size()];
            for (int i = 0; i < programs.length; i++) {
                programs[i] = bind(model, i, streamIndex[i], share);
            }
            for (int first = 0, end; first < programs.length; first = end) {
                end = first + 1;
                while (end < programs.length && streamIndex[first] < 0 && streamIndex[end] < 0) {
                    end++;
                }
                BoundProgram[] its = Arrays.copyOfRange(programs, first, end);
                runs.add(new Run(own(new StepGraphs(gpu, its, Math.max(0, Math.min(its.length, withoutSelected - first)), model.dependentLaunches())),
                        streamIndex[first]));
            }
            KernelProgram sampler = outputSelected() ? model.samplingProgram() : null;
            sampling = sampler == null ? null : own(samplingGraphs(model, sampler));
            samplingBytes = sampler == null ? null : own(gpu.pin(Math.toIntExact(Region.totalBytes(layout.samplingRegions()))));
            gpu.zero(stream, memory.address(ChainMemory.SCRATCH), layout.regions().get(ChainMemory.SCRATCH).bytes());
            gpu.zero(stream, memory.address(ChainMemory.COUNTERS), layout.regions().get(ChainMemory.COUNTERS).bytes());
            gpu.synchronize(stream);
            built = true;
        } finally {
            if (!built) {
                closeOwned();
            }
        }
    }

    private <T extends AutoCloseable> T own(T part) {
        owned.push(part);
        return part;
    }

    private long event() {
        long event = gpu.newEvent();
        own(() -> gpu.closeEvent(event));
        return event;
    }

    private Set<String> residentEntries(Set<String> passing) {
        Set<String> resident = new LinkedHashSet<>();
        stages.forEach(stage -> resident.addAll(WeightPlacement.entries(stage)));
        resident.removeAll(passing);
        return resident;
    }

    private BoundProgram bind(ModelOnGpu model, int index, int streamIndex, WeightStore.Share share) {
        Manifest.Stage stage = stages.get(index);
        Map<String, Long> places = new HashMap<>();
        places.put("step", memory.address(ChainMemory.STEP));
        places.put("tokens", memory.address(ChainMemory.TOKENS));
        places.put("positions", memory.address(ChainMemory.POSITIONS));
        places.put("row_sequence", memory.address(ChainMemory.ROW_SEQUENCE));
        places.put("page_table", memory.address(ChainMemory.PAGE_TABLE));
        places.put("selected_rows", memory.address(ChainMemory.SELECTED_ROWS));
        places.put("arena", memory.address(ChainMemory.ARENA));
        places.put("scratch", memory.address(ChainMemory.SCRATCH));
        places.put("counters", memory.address(ChainMemory.COUNTERS));
        places.put("input", memory.address(index == 0 ? ChainMemory.INPUT : layout.output(index - 1)));
        places.put("output", memory.address(layout.output(index)));
        if (stage.kv() != null) {
            places.put("kv", memory.address(layout.cache(index)));
        }
        for (int i = 0; i < stage.weights().size(); i++) {
            String entry = stage.weights().get(i).entry();
            Long resident = share.address(entry);
            places.put("weight:" + i, resident != null ? resident : weightStream.address(streamIndex, entry));
        }
        return new BoundProgram(model, model.program(stage), places, "stage '" + stage.name() + "'",
                memory.address(ChainMemory.ARENA), memory.address(layout.output(index)));
    }

    private StepGraphs samplingGraphs(ModelOnGpu model, KernelProgram program) {
        BoundProgram bound = new BoundProgram(model, program, Map.of("step", memory.address(ChainMemory.STEP), "scratch",
                memory.address(ChainMemory.SCRATCH), "logits", memory.address(ChainMemory.OUTPUT), "sampling",
                memory.address(ChainMemory.SAMPLING), "history", memory.address(ChainMemory.HISTORY), "sampled",
                memory.address(ChainMemory.SAMPLED)), "sampling", memory.address(ChainMemory.SAMPLED));
        return new StepGraphs(gpu, new BoundProgram[] {bound}, 0, model.dependentLaunches());
    }

    @Override
    public long memoryBytes() {
        return layout.bytes();
    }

    @Override
    public void submit() {
        boolean selected = step.selected() > 0;
        for (int i = 0; i < runs.size(); i++) {
            runs.get(i).graphs.prepare(step.rows(), selected);
        }
        ring.send(step);
        for (int i = 0; i < runs.size(); i++) {      // each step: an iterator would be allocated
            Run run = runs.get(i);
            if (!run.graphs.hasLaunches(selected)) {
                continue;
            }
            if (run.streamIndex >= 0) {
                weightStream.bring(run.streamIndex, stream);
            }
            run.graphs.launch(stream, step.rows(), selected);
            if (run.streamIndex >= 0) {
                weightStream.used(run.streamIndex, stream);
            }
        }
    }

    @Override
    public void await() {
        gpu.synchronize(stream);
    }

    @Override
    public boolean runsAhead() {
        return true;
    }

    @Override
    public int mostSampledRows() {
        return sampling == null ? 0 : layout.sampledRows();
    }

    @Override
    public void sample(RowSampling rows) {
        if (step.selected() != rows.rows() || rows.rows() < 1 || rows.rows() > mostSampledRows()) {
            throw new IllegalStateException(rows.rows() + " rows of " + step.selected() + ", at most " + mostSampledRows());
        }
        sampling.prepare(rows.rows(), true);
        ByteBuffer bytes = samplingBytes.bytes();
        int ids = 0;
        for (int row = 0; row < rows.rows(); row++) {
            SamplingParameters p = rows.parameters(row);
            int historyLength = p.repeatPenalty() == 1 ? 0 : rows.historyLength(row); // it serves nothing else
            int at = KernelProgram.SAMPLING_BYTES * row;
            bytes.putDouble(at, p.temperature()).putDouble(at + 8, p.topP()).putDouble(at + 16, p.minP()).putDouble(at + 24, p.repeatPenalty())
                    .putLong(at + 32, p.seed()).putLong(at + 40, ids).putInt(at + 48, p.topK()).putInt(at + 52, rows.position(row))
                    .putInt(at + 56, historyLength).putInt(at + 60, 0);
            for (int i = 0; i < historyLength; i++) {
                bytes.putInt(historyAt + 4 * ids++, rows.history(row)[i]);
            }
        }
        gpu.forget(stream, memory.address(ChainMemory.SAMPLING));
        gpu.copyIn(stream, memory.address(ChainMemory.SAMPLING), samplingBytes, 0, (long) KernelProgram.SAMPLING_BYTES * rows.rows());
        gpu.forget(stream, memory.address(ChainMemory.HISTORY));
        if (ids > 0) {
            gpu.copyIn(stream, memory.address(ChainMemory.HISTORY), samplingBytes, historyAt, 4L * ids);
        }
        sampling.launch(stream, rows.rows(), true);
        gpu.copyOut(stream, samplingBytes, sampledAt, memory.address(ChainMemory.SAMPLED), 4L * rows.rows());
        gpu.synchronize(stream);
        for (int row = 0; row < rows.rows(); row++) {
            rows.choose(row, bytes.getInt(sampledAt + 4 * row));
        }
    }

    @Override
    public double stepCost(int repetitions) {
        long before = gpu.laneInstructions();
        if (before < 0) {
            return DeviceChain.super.stepCost(repetitions);
        }
        submit();
        await();
        return gpu.laneInstructions() - before;
    }

    /** Weights that pass through aren't there to be read again. */
    @Override
    public List<LaunchCost> launchCosts() {
        return weightStream != null ? List.of() : new LaunchTiming(gpu, stream).of(List.of(programs).subList(0,
                step.selected() > 0 ? programs.length : withoutSelected), step.rows());
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
        return stages.get(stages.size() - 1);
    }

    @Override
    public void writeInput(ByteBuffer from, int rows) {
        long to = memory.address(ChainMemory.INPUT);
        long bytes = 4L * inputWidth * rows;
        gpu.forget(stream, to);
        for (long done = 0; done < bytes; done += bounce.bytes().capacity()) {
            int part = (int) Math.min(bounce.bytes().capacity(), bytes - done);
            bounce.bytes().put(0, from, (int) done, part);
            gpu.copyIn(stream, to + done, bounce, 0, part);
            gpu.synchronize(stream);
        }
    }

    @Override
    public boolean takeInput(DeviceChain before, int rows) {
        if (!(before instanceof GpuChain other) || other.gpu.getClass() != gpu.getClass()) {
            return false;
        }
        gpu.record(other.ready, other.stream);
        gpu.await(stream, other.ready);
        gpu.forget(stream, memory.address(ChainMemory.INPUT));
        long bytes = 4L * inputWidth * rows;
        if (other.gpu == gpu) {
            gpu.copy(stream, memory.address(ChainMemory.INPUT), other.memory.address(ChainMemory.OUTPUT), bytes);
        } else {
            gpu.copyFrom(stream, memory.address(ChainMemory.INPUT), other.gpu, other.memory.address(ChainMemory.OUTPUT), bytes);
        }
        gpu.record(taken, stream);
        other.gpu.await(other.stream, taken);     // its next step overwrites these rows
        return true;
    }

    @Override
    public void readOutput(int first, int rows, ByteBuffer into) {
        long from = memory.address(ChainMemory.OUTPUT) + 4L * outputWidth() * first;
        long bytes = 4L * outputWidth() * rows;
        for (long done = 0; done < bytes; done += bounce.bytes().capacity()) {
            int part = (int) Math.min(bounce.bytes().capacity(), bytes - done);
            gpu.copyOut(stream, bounce, 0, from + done, part);
            gpu.synchronize(stream);
            into.put((int) done, bounce.bytes(), 0, part);
        }
    }

    @Override
    public void copyPage(int from, int to) {
        if (from < 1 || to < 1 || from >= pages || to >= pages) {
            throw new IndexOutOfBoundsException("page " + from + " to " + to + " of " + pages);
        }
        for (int i = 0; i < stages.size(); i++) {
            if (layout.cache(i) >= 0) {
                long cache = memory.address(layout.cache(i));
                long bytes = stages.get(i).kv().pageBytes();
                gpu.copy(stream, cache + to * bytes, cache + from * bytes, bytes);
            }
        }
    }

    @Override
    public void close() {
        Closing.all(() -> gpu.synchronize(stream));
        closeOwned();
    }

    private void closeOwned() {
        while (!owned.isEmpty()) {
            Closing.one(owned.pop());
        }
    }
}
