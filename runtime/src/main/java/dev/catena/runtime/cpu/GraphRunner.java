package dev.catena.runtime.cpu;

import dev.catena.artifact.GraphDescription;
import dev.catena.runtime.TensorContract;
import dev.catena.runtime.TensorRunner;
import dev.catena.runtime.TensorValue;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Runs a graph's function on a team of threads (docs/tensor-abi.md). Not thread-safe. */
public final class GraphRunner implements TensorRunner {
    private static final int GRAPH_BYTES = 48;
    private static final int GRAPH_ERROR = 40;
    private static final int TENSOR_BYTES = 16;
    private static final int CALL_BYTES = 16;
    /** Code may read a line beyond a tensor's end. */
    private static final int SLACK = 64;

    private final GraphDescription description;
    private final CpuGraph graph;
    private final ThreadTeam team;
    private final NativeMemory memory;
    private final NativeMemory structs;
    private final ByteBuffer view;
    private final int inputsAt;
    private final int outputsAt;
    private final int dimsAt;
    private final long call;

    GraphRunner(CpuGraph graph, int threads) {
        this.graph = graph;
        description = graph.description();
        int inputs = description.inputs().size();
        int outputs = description.outputs().size();
        int weightsAt = GRAPH_BYTES;
        inputsAt = weightsAt + 8 * graph.weights().size();
        outputsAt = inputsAt + TENSOR_BYTES * inputs;
        int callAt = outputsAt + TENSOR_BYTES * outputs;
        dimsAt = callAt + CALL_BYTES;
        int dims = description.inputs().stream().mapToInt(port -> port.dims().size()).sum()
                + description.outputs().stream().mapToInt(port -> port.dims().size()).sum();
        structs = new NativeMemory("structs of a graph", dimsAt + 8L * dims);
        memory = new NativeMemory("tensors", mostMemory());
        team = new ThreadTeam("graph", threads);
        view = structs.view(0, Math.toIntExact(structs.bytes()));
        long base = structs.address();
        view.putLong(0, base + weightsAt);
        view.putLong(8, base + inputsAt);
        view.putLong(16, base + outputsAt);
        view.putLong(24, memory.address());
        view.putLong(32, memory.bytes());
        for (int i = 0; i < graph.weights().size(); i++) {
            view.putLong(weightsAt + 8 * i, graph.weights().get(i));
        }
        view.putLong(callAt, graph.function());
        view.putLong(callAt + 8, base);
        call = base + callAt;
        int at = dimsAt;
        for (int i = 0; i < inputs + outputs; i++) {
            GraphDescription.Port port = i < inputs ? description.inputs().get(i) : description.outputs().get(i - inputs);
            view.putLong(inputsAt + TENSOR_BYTES * i + 8, base + at);
            at += 8 * port.dims().size();
        }
    }

    /** Address space alone: memory is taken as it is first written. */
    private static long mostMemory() {
        long physical = ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                ? system.getTotalMemorySize() : 8L << 30;
        return Math.max(1L << 28, physical / 4 * 3);
    }

    @Override
    public List<TensorValue> run(List<TensorValue> inputs) {
        List<NativeMemory> copies = new ArrayList<>();
        try {
            int at = dimsAt;
            for (int i = 0; i < inputs.size(); i++) {
                TensorValue value = inputs.get(i);
                TensorContract.check(description.inputs().get(i), value);
                NativeMemory copy = new NativeMemory("input tensors", value.data().remaining() + (long) SLACK);
                copies.add(copy);
                copy.view(0, value.data().remaining()).put(value.data());
                view.putLong(inputsAt + TENSOR_BYTES * i, copy.address());
                if (!TensorContract.anyShape(description.inputs().get(i))) {
                    for (long dim : value.dims()) {
                        view.putLong(at, dim);
                        at += 8;
                    }
                } else {
                    at += 8;
                }
            }
            view.putLong(GRAPH_ERROR, 0);
            team.run(call, 1);
            long error = view.getLong(GRAPH_ERROR);
            if (error != 0) {
                throw TensorContract.failure(description, error);
            }
            return results(at);
        } finally {
            copies.forEach(NativeMemory::close);
        }
    }

    private List<TensorValue> results(int firstDims) {
        List<TensorValue> results = new ArrayList<>();
        int at = firstDims;
        for (int i = 0; i < description.outputs().size(); i++) {
            GraphDescription.Port port = description.outputs().get(i);
            long[] dims = new long[port.dims().size()];
            for (int axis = 0; axis < dims.length; axis++) {
                dims[axis] = view.getLong(at);
                at += 8;
            }
            int bytes = TensorContract.bytes(port, dims);
            ByteBuffer copy = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
            if (bytes > 0) {
                copy.put(0, Native.view(view.getLong(outputsAt + TENSOR_BYTES * i), bytes), 0, bytes);
            }
            results.add(new TensorValue(port.type(), dims, copy));
        }
        return results;
    }

    @Override
    public void close() {
        team.close();
        memory.close();
        structs.close();
    }
}
