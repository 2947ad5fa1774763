package dev.catena.runtime.gpu;

import dev.catena.artifact.GraphDescription;
import dev.catena.artifact.GraphProgram;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.TensorContract;
import dev.catena.runtime.TensorRunner;
import dev.catena.runtime.TensorValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * Runs a graph's kernels on a GPU (docs/tensor-abi.md): fills the frame, launches them as one graph, and takes the results from
 * where the frame says. A run that asks for more memory than it was given is run again with as much as it asked for. Behind a
 * loop's last launch the host looks whether there is another round.
 */
final class GpuGraphRunner implements TensorRunner {
    private static final int ERROR = 0, MEMORY = 8, MEMORY_BYTES = 16, NEEDED = 24, NEEDED_BY = 32, HEAD_BYTES = 56;
    private static final int FIRST_SLOT = HEAD_BYTES + 128 * 16;
    /** What a run has at first. */
    private static final long FIRST_MEMORY = 1 << 20;
    private static final int LARGEST_BOUNCE = 8 << 20;
    private static final int SMALLEST_BOUNCE = 64 << 10;
    private static final int THREADS = 128;
    /** Blocks for a kernel whose elements nobody has counted, for each multiprocessor. */
    private static final int BLOCKS_PER_MULTIPROCESSOR = 8;

    private final GraphDescription description;
    private final GraphProgram program;
    private final GraphOnGpu graph;
    private final Gpu gpu;
    private final Deque<AutoCloseable> owned = new ArrayDeque<>();
    private final long stream;
    private final long frame;
    private final PinnedMemory staged;
    /** Launches between which nobody has to decide anything, as graphs; and where each begins. */
    private final List<Long> parts = new ArrayList<>();
    private final List<Integer> starts;
    private final PinnedMemory decision;
    private final int firstOutput;
    private final int outputSlots;
    private PinnedMemory bounce;
    private GpuMemory memory;
    private long memoryBytes;
    private GpuMemory inputs;
    private long[] inputRoom = {};

    GpuGraphRunner(GraphDescription description, GraphProgram program, GraphOnGpu graph) {
        this.description = description;
        this.program = program;
        this.graph = graph;
        gpu = graph.gpu();
        firstOutput = 1 + graph.weights().length + description.inputs().stream().mapToInt(port -> 1 + rank(port)).sum();
        outputSlots = description.outputs().stream().mapToInt(port -> 1 + rank(port)).sum();
        if (firstOutput + outputSlots > program.slots()) {
            throw new DeviceException("the graph's program has " + program.slots() + " slots, too few for its inputs and outputs");
        }
        starts = Stream.concat(Stream.of(0, program.launches().size()), program.loops().stream().flatMap(loop -> Stream.of(loop.from(),
                loop.to() + 1))).distinct().sorted().toList();
        boolean done = false;
        try {
            stream = gpu.newStream();
            owned.push(() -> gpu.closeStream(stream));
            GpuMemory slots = gpu.allocate(List.of(Region.of("frame", FIRST_SLOT + 8L * program.slots())));
            owned.push(slots);
            frame = slots.address(0);
            staged = gpu.pin(HEAD_BYTES + 8 * (firstOutput + outputSlots));
            owned.push(staged);
            decision = gpu.pin(16);
            owned.push(decision);
            for (int i = 0; i < starts.size() - 1; i++) {
                long part = gpu.instantiate(program.launches().subList(starts.get(i), starts.get(i + 1)).stream().map(this::launch).toList());
                parts.add(part);
                owned.push(() -> gpu.closeGraph(part));
            }
            bounce = gpu.pin(SMALLEST_BOUNCE);
            done = true;
        } finally {
            if (!done) {
                close();
            }
        }
    }

    private static int rank(GraphDescription.Port port) {
        return TensorContract.anyShape(port) ? 0 : port.dims().size();
    }

    private KernelLaunch launch(GraphProgram.Launch l) {
        long[] pointers = new long[1 + l.slots().size()];
        pointers[0] = frame;
        for (int i = 0; i < l.slots().size(); i++) {
            pointers[1 + i] = frame + FIRST_SLOT + 8L * l.slots().get(i);
        }
        long most = (long) BLOCKS_PER_MULTIPROCESSOR * gpu.facts().multiprocessors();
        long blocks = l.elements() == 0 ? most : Math.min(most, (l.elements() + THREADS - 1) / THREADS);
        int threads = l.elements() == 1 ? 1 : THREADS;
        return new KernelLaunch(l.kernel(), graph.kernel(l.kernel()), new int[] {(int) blocks, 1, 1}, new int[] {threads, 1, 1}, 0, pointers,
                new long[0]);
    }

    @Override
    public List<TensorValue> run(List<TensorValue> values) {
        for (int i = 0; i < values.size(); i++) {
            TensorContract.check(description.inputs().get(i), values.get(i));
        }
        bring(values);
        long error = attempt(values);
        // What is needed is known up to where a run ended: a later size may ask for more.
        while (Math.floorMod(error, 16L) == TensorContract.MEMORY && staged.bytes().getLong(NEEDED) > memoryBytes) {
            try {
                grow(staged.bytes().getLong(NEEDED));
            } catch (DeviceException e) {
                throw TensorContract.failure(description, error);
            }
            error = attempt(values);
        }
        if (error != 0) {
            throw TensorContract.failure(description, error);
        }
        return results();
    }

    /** Twice as much as there was, or what is needed: a loop's tensors may grow from round to round. */
    private void grow(long needed) {
        long twice = Math.max(needed, 2 * memoryBytes);
        try {
            makeRoom(twice);
        } catch (DeviceException e) {
            if (twice == needed) {
                throw e;
            }
            makeRoom(needed);
        }
    }

    /** Memory for so many bytes of tensors, in place of what there is. */
    private void makeRoom(long bytes) {
        if (memory != null) {
            memory.close();
            memory = null;
            memoryBytes = 0;
        }
        memory = gpu.allocate(List.of(Region.of("tensors", bytes)));
        memoryBytes = bytes;
    }

    private void bring(List<TensorValue> values) {
        boolean fits = inputRoom.length == values.size();
        long largest = 0;
        for (int i = 0; i < values.size(); i++) {
            long bytes = values.get(i).data().remaining();
            fits &= inputRoom.length > i && bytes <= inputRoom[i];
            largest = Math.max(largest, bytes);
        }
        makeBounce(largest);
        if (!fits) {
            if (inputs != null) {
                inputs.close();
                inputs = null;
            }
            List<Region> regions = new ArrayList<>();
            for (int i = 0; i < values.size(); i++) {
                regions.add(Region.of("input " + description.inputs().get(i).name(), values.get(i).data().remaining()));
            }
            inputRoom = new long[0];
            inputs = regions.isEmpty() ? null : gpu.allocate(regions);
            inputRoom = regions.stream().mapToLong(Region::bytes).toArray();
        }
        for (int i = 0; i < values.size(); i++) {
            ByteBuffer from = values.get(i).data();
            long to = inputs.address(i);
            gpu.forget(stream, to);
            for (int at = 0; at < from.remaining(); at += bounce.bytes().capacity()) {
                int part = Math.min(bounce.bytes().capacity(), from.remaining() - at);
                bounce.bytes().put(0, from, from.position() + at, part);
                gpu.copyIn(stream, to + at, bounce, 0, part);
                gpu.synchronize(stream);
            }
        }
    }

    private void makeBounce(long bytes) {
        int wanted = (int) Math.max(SMALLEST_BOUNCE, Math.min(LARGEST_BOUNCE, bytes));
        if (bounce.bytes().capacity() < wanted) {
            bounce.close();
            bounce = gpu.pin(wanted);
        }
    }

    /** @return the error, 0 if there is none */
    private long attempt(List<TensorValue> values) {
        if (memory == null) {
            makeRoom(FIRST_MEMORY);      // a run before this one asked for more than there is
        }
        ByteBuffer bytes = staged.bytes();
        for (int at = 0; at < HEAD_BYTES; at += 8) {
            bytes.putLong(at, 0);
        }
        bytes.putLong(MEMORY, memory.address(0)).putLong(MEMORY_BYTES, memoryBytes);
        int at = HEAD_BYTES;
        bytes.putLong(at, 1);
        at += 8;
        for (long weight : graph.weights()) {
            bytes.putLong(at, weight);
            at += 8;
        }
        for (int i = 0; i < values.size(); i++) {
            bytes.putLong(at, inputs.address(i));
            at += 8;
            long[] dims = values.get(i).dims();
            for (int axis = 0; axis < rank(description.inputs().get(i)); axis++) {
                bytes.putLong(at, dims[axis]);
                at += 8;
            }
        }
        gpu.forget(stream, frame);
        gpu.forget(stream, memory.address(0));
        gpu.copyIn(stream, frame, staged, 0, HEAD_BYTES);
        gpu.copyIn(stream, frame + FIRST_SLOT, staged, HEAD_BYTES, 8L * firstOutput);
        int part = 0;
        while (part < parts.size()) {
            gpu.launchGraph(stream, parts.get(part));
            part = next(part);
        }
        gpu.copyOut(stream, staged, 0, frame, HEAD_BYTES);
        gpu.synchronize(stream);
        return bytes.getLong(ERROR);
    }

    /** The part that runs after this one: back to a loop's first where there is another round. */
    private int next(int part) {
        for (GraphProgram.Loop loop : program.loops()) {
            if (loop.to() + 1 == starts.get(part + 1)) {
                gpu.copyOut(stream, decision, 0, frame + FIRST_SLOT, 8);
                gpu.copyOut(stream, decision, 8, frame + FIRST_SLOT + 8L * loop.slot(), 8);
                gpu.synchronize(stream);
                if (decision.bytes().getLong(0) != 0 && decision.bytes().getLong(8) != 0) {
                    return starts.indexOf(loop.from());
                }
            }
        }
        return part + 1;
    }

    private List<TensorValue> results() {
        int at = HEAD_BYTES + 8 * firstOutput;
        gpu.copyOut(stream, staged, at, frame + FIRST_SLOT + 8L * firstOutput, 8L * outputSlots);
        gpu.synchronize(stream);
        List<TensorValue> results = new ArrayList<>();
        for (GraphDescription.Port port : description.outputs()) {
            long from = staged.bytes().getLong(at);
            at += 8;
            long[] dims = new long[port.dims().size()];
            for (int axis = 0; axis < dims.length; axis++) {
                dims[axis] = staged.bytes().getLong(at);
                at += 8;
            }
            int bytes = TensorContract.bytes(port, dims);
            makeBounce(bytes);
            ByteBuffer copy = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int done = 0; done < bytes; done += bounce.bytes().capacity()) {
                int part = Math.min(bounce.bytes().capacity(), bytes - done);
                gpu.copyOut(stream, bounce, 0, from + done, part);
                gpu.synchronize(stream);
                copy.put(done, bounce.bytes(), 0, part);
            }
            results.add(new TensorValue(port.type(), dims, copy));
        }
        return results;
    }

    @Override
    public void close() {
        for (AutoCloseable each : new AutoCloseable[] {inputs, memory, bounce}) {
            if (each != null) {
                Closing.one(each);
            }
        }
        while (!owned.isEmpty()) {
            Closing.one(owned.pop());
        }
    }
}
