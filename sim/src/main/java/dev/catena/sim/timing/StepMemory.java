package dev.catena.sim.timing;

import dev.catena.artifact.KernelProgram;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.SimMachine;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * The memory that a program's arguments point to (docs/cuda-abi.md), for a step that is counted and not computed: weights, rows
 * and cache hold one value everywhere, made when they are touched. Each argument is an allocation by its name.
 */
final class StepMemory {
    /** As f32 0.0115, as f16 1.06, as codes 12: nothing overflows, and no kernel takes a way of its own for zeros. */
    private static final byte CONTENTS = 0x3C;
    private static final String WEIGHT = "weight:";
    private static final String KV = "kv";
    /** That blocks arrive at which join their results (docs/cuda-abi.md). */
    static final String COUNTERS = "counters";

    private final SimMachine machine;
    private final Map<String, Allocation> places = new HashMap<>();

    private StepMemory(SimMachine machine, StepShape shape) {
        this.machine = machine;
        ints("step", shape.rows(), shape.sequences(), shape.sequences(), shape.pagesOfEach());
        ints("tokens", new int[shape.rows()]);
        ints("positions", shape.positions());
        ints("row_sequence", shape.rowSequences());
        ints("page_table", shape.pageTable());
        ints("selected_rows", shape.selectedRows());
        ints(COUNTERS, new int[KernelProgram.COUNTERS]);
    }

    static StepMemory of(SimMachine machine, StepShape shape, Manifest.Stage stage, Manifest.Code code) {
        StepMemory memory = new StepMemory(machine, shape);
        memory.filled("input", rowBytes(shape, stage.input()));
        memory.filled("output", rowBytes(shape, stage.output()));
        memory.filled("arena", code.arenaBytes());
        memory.filled("scratch", code.scratchBytes());
        if (stage.kv() != null) {
            memory.filled(KV, stage.kv().pageBytes() * (1L + (long) shape.sequences() * shape.pagesOfEach()));
        }
        for (int i = 0; i < stage.weights().size(); i++) {
            memory.places.put(WEIGHT + i, machine.allocateReadOnly(WEIGHT + i, stage.weights().get(i).bytes(), StepMemory::fill));
        }
        return memory;
    }

    /** For the program that chooses tokens: the likeliest ones, without a history. */
    static StepMemory ofSampling(SimMachine machine, StepShape shape, int vocabulary) {
        StepMemory memory = new StepMemory(machine, shape);
        memory.filled("logits", 4L * shape.sequences() * vocabulary);
        memory.filled("scratch", (vocabulary + 31) / 32 * 4L * shape.rows());
        memory.ints("sampling", new int[shape.sequences() * KernelProgram.SAMPLING_BYTES / 4]);
        memory.ints("history", 0);
        memory.ints("sampled", new int[shape.sequences()]);
        return memory;
    }

    private static long rowBytes(StepShape shape, Manifest.Port port) {
        return 4L * port.width() * (port.kind().equals("selected") ? shape.sequences() : shape.rows());
    }

    private void filled(String name, long bytes) {
        places.put(name, machine.allocate(name, Math.max(4, bytes), StepMemory::fill));
    }

    static void fill(long offset, byte[] into, int length) {
        Arrays.fill(into, 0, length, CONTENTS);
    }

    private void ints(String name, int... values) {
        Allocation allocation = machine.allocate(name, 4L * Math.max(1, values.length));
        allocation.writeInts(0, values);
        places.put(name, allocation);
    }

    /** Where an argument such as {@code arena+4096} points. */
    long address(String argument) {
        int plus = argument.indexOf('+');
        Allocation place = places.get(plus < 0 ? argument : argument.substring(0, plus));
        if (place == null) {
            throw new DeviceException("a kernel takes " + argument + ", which its stage doesn't have");
        }
        if (argument.equals(COUNTERS)) {
            place.writeInts(0, new int[KernelProgram.COUNTERS]);     // some blocks alone don't leave zeros behind, as all would
        }
        return place.address() + (plus < 0 ? 0 : Long.parseLong(argument.substring(plus + 1)));
    }

    /** Whether an allocation is in level 2 when a kernel starts, if it fits: what was written just before. Weights and cache are not. */
    static boolean stays(String name) {
        return !name.startsWith(WEIGHT) && !name.equals(KV);
    }
}
