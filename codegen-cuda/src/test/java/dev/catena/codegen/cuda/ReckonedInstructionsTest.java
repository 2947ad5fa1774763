package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.CodeStore;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.View;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.ExecutionUnit;
import dev.catena.sim.machine.KernelCounters;
import dev.catena.sim.machine.KernelCounters.OfInstruction;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The simulator's model reckons machine instructions from PTX. Here they are held against what ptxas makes of the same source, in the main
 * loop, for each product of the tensor cores; of kernels whose main loop has no part that only some passes run.
 */
class ReckonedInstructionsTest {
    private static final int COLUMNS = 4096;
    private static final int OUTPUTS = 128;
    private static final byte CONTENTS = 0x3C;
    /** PTX doesn't show which sums of addresses ptxas shares, nor what it moves from register to register. */
    private static final double TOLERANCE = 0.25;

    @ParameterizedTest
    @CsvSource({"4, 1, sm_90, BF16", "16, 8, sm_86, F32", "16, 64, sm_80, BF16"})
    void mainLoop(int bits, int rows, String architecture, LinearLaunch.Activations activations) throws IOException {
        MatrixType type = bits == 16 ? MatrixType.f16(OUTPUTS, COLUMNS) : MatrixType.quantized(OUTPUTS, COLUMNS, bits, 128, false);
        LinearLaunch linear = new LinearLaunch(RowCount.STEP, View.of(new Buffer.StageInput(), COLUMNS), View.of(new Buffer.StageOutput(), OUTPUTS),
                type, new Buffer.Weight(0), Optional.empty(), Optional.empty(), activations);
        LinearCase of = LinearCase.of(List.of(List.of(linear)), rows).get(0);
        CudaTarget target = CudaTarget.parse(architecture);
        LinearCandidates candidates = LinearCandidates.of(of, List.of(of.standard()));
        NvrtcCompiler compiler = new NvrtcCompiler(CodeStore.none());
        List<KernelLaunch> launches = candidates.candidates().get(0).launches();
        KernelLaunch product = launches.get(launches.size() - 1);
        List<SassInstruction> code = new Cubin(candidates.compile(target, compiler).cubin(), target.capability()).kernel(product.kernel())
                .mainLoop(Opcode.HMMA);
        List<OfInstruction> reckoned = count(of, launches, target, new String(candidates.ptx(target, compiler), StandardCharsets.UTF_8))
                .mainLoop(i -> i.unit() == ExecutionUnit.TENSOR);
        long products = SassKernel.count(code, Opcode.HMMA);
        assertEquals(products, reckoned.stream().filter(i -> i.unit() == ExecutionUnit.TENSOR).count(), "products in the loop");
        double ofCode = code.stream().filter(i -> !i.is(Opcode.NOP)).count() / (double) products;
        double ofModel = reckoned.stream().mapToDouble(i -> i.slots() * i.executions()).sum()
                / reckoned.stream().filter(i -> i.unit() == ExecutionUnit.TENSOR).mapToLong(OfInstruction::executions).sum();
        assertEquals(1, ofModel / ofCode, TOLERANCE, ofModel + " instructions for a product, " + ofCode + " in the machine code");
    }

    /** What the last of these launches does. */
    private static KernelCounters count(LinearCase of, List<KernelLaunch> launches, CudaTarget target, String ptx) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withArchitecture(target.capability()));
        Map<String, Allocation> memory = new HashMap<>();
        Map.of("input", 4L * of.rows() * COLUMNS, "arena", of.arenaBytes(), "scratch", of.scratchBytes(), "output", 4L * of.rows() * OUTPUTS,
                "weight:0", new MatrixLayout(of.linear().type()).bytes())
            .forEach((name, bytes) -> memory.put(name, machine.allocate(name, Math.max(16, bytes), (offset, into, length) -> Arrays.fill(into, 0, length, CONTENTS))));
        Allocation step = machine.allocate("step", 16);
        step.writeInts(0, of.rows(), 1, of.rows(), 1);
        memory.put("step", step);
        SimModule module = machine.load(ptx);
        KernelCounters last = null;
        for (KernelLaunch launch : launches) {
            last = machine.count(module.kernel(launch.kernel()), ints(launch.grid()), ints(launch.block()), launch.sharedBytes(), null, Long.MAX_VALUE,
                    launch.arguments().stream().mapToLong(argument -> address(memory, argument)).toArray());
        }
        return last;
    }

    private static long address(Map<String, Allocation> memory, String argument) {
        String[] parts = argument.split("\\+");
        return memory.get(parts[0]).address() + (parts.length == 1 ? 0 : Long.parseLong(parts[1]));
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }
}
