package dev.catena.codegen.cuda;

import dev.catena.codegen.tensor.TensorProgram;
import java.util.List;
import java.util.Map;

/**
 * A tensor program as CUDA C++ kernels and the list by which they are launched (docs/tensor-abi.md). What the CPU's function
 * decides between its nests (sizes, places, checks, branches) is done by control kernels of one thread, which leave it in
 * slots that the nests read. Control that reads no tensor runs ahead of the nests before it: a graph whose sizes follow from
 * its inputs has one control kernel, its first.
 *
 * @param slots    how many a run needs
 * @param launches in order
 * @param loops    of launches that run again; of nested ones the inner comes first
 * @param kernels  CUDA C++ by the kernel's name; equal ones of several programs are the same text under the same name
 * @param constants likewise, of what stands in the code
 */
public record CudaGraph(int slots, List<Launch> launches, List<Loop> loops, Map<String, String> kernels, Map<String, String> constants) {
    /**
     * @param elements to be computed, one for each thread; 0 = known only when it runs; 1 is work in order
     * @param slots    what the parameters after the first point to
     */
    public record Launch(String kernel, long elements, List<Integer> slots) {
        public Launch {
            slots = List.copyOf(slots);
        }
    }

    /** Launches {@code from} to {@code to}, both included, run again as long as the slot isn't 0 behind the last of them. */
    public record Loop(int from, int to, int slot) {}

    public static CudaGraph of(TensorProgram program) {
        CudaGraphWriter writer = new CudaGraphWriter(program);
        writer.statements(program.statements());
        return writer.finished();
    }
}
