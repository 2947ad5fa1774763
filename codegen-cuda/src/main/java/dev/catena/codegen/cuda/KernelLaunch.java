package dev.catena.codegen.cuda;

import java.util.List;

/**
 * One kernel of a stage's list, with everything that is fixed before the stage runs.
 *
 * @param kernel its name in the module
 * @param grid blocks in x, y, z
 * @param block threads of a block in x, y, z
 * @param sharedBytes of dynamic shared memory
 * @param arguments what each pointer parameter is (docs/cuda-abi.md), such as {@code arena+4096} or {@code weight:3}
 */
public record KernelLaunch(String kernel, List<Integer> grid, List<Integer> block, int sharedBytes, List<String> arguments) {
    public KernelLaunch {
        grid = List.copyOf(grid);
        block = List.copyOf(block);
        arguments = List.copyOf(arguments);
    }
}
