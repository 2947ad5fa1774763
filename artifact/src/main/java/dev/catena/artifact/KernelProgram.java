package dev.catena.artifact;

import java.util.List;

/**
 * What a GPU runs for one stage structure, or to sample (docs/cuda-abi.md): for steps of few and of many rows a list of kernels each.
 *
 * @param buckets by rising number of rows; a step takes the first that it fits
 */
public record KernelProgram(List<Bucket> buckets) {
    /** The name of the program that chooses tokens from the logits; all others are of stages. */
    public static final String SAMPLING = "sampling";

    /** int32 that the argument {@code counters} points to. */
    public static final int COUNTERS = 4096;

    /** Bytes of a row's parameters, where the argument {@code sampling} points. */
    public static final int SAMPLING_BYTES = 64;

    public KernelProgram {
        buckets = List.copyOf(buckets);
        for (int i = 0; i < buckets.size(); i++) {
            require(i == 0 || buckets.get(i).rows() > buckets.get(i - 1).rows(), "buckets are not in the order of their rows");
        }
        require(!buckets.isEmpty(), "a program has no buckets");
    }

    /** The most rows that it has launches for. */
    public int maxRows() {
        return buckets.get(buckets.size() - 1).rows();
    }

    /**
     * @param rows     the most rows of a step
     * @param launches in order; each begins when the one before has ended
     */
    public record Bucket(int rows, List<Launch> launches) {
        public Bucket {
            require(rows >= 1 && rows <= 1 << 16, "a bucket has " + rows + " rows");
            launches = List.copyOf(launches);
        }
    }

    /**
     * @param kernel its name in the target's module
     * @param grid   blocks in x, y, z
     * @param block  threads of a block in x, y, z
     * @param shared bytes of dynamic shared memory
     * @param args   what each parameter, a pointer, is: {@code step}, {@code arena+4096}, {@code weight:3} …
     */
    public record Launch(String kernel, List<Integer> grid, List<Integer> block, int shared, List<String> args) {
        private static final String ARGUMENT = "step|tokens|positions|row_sequence|page_table|selected_rows|kv|counters|logits|sampling|history|sampled"
                + "|(input|output)(\\+\\d{1,18})?|(arena|scratch)\\+\\d{1,18}|weight:\\d{1,9}";

        public Launch {
            requireKernelName(kernel);
            grid = List.copyOf(grid);
            block = List.copyOf(block);
            args = List.copyOf(args);
            require(grid.size() == 3 && block.size() == 3, "launch of " + kernel + ": grid and block have three sizes each");
            for (int i = 0; i < 3; i++) {
                require(grid.get(i) >= 1 && (i == 0 || grid.get(i) <= 65535), "launch of " + kernel + ": grid " + grid);
                require(block.get(i) >= 1 && block.get(i) <= 1024, "launch of " + kernel + ": block " + block);
            }
            require((long) block.get(0) * block.get(1) * block.get(2) <= 1024, "launch of " + kernel + ": block " + block);
            require(shared >= 0 && shared <= 1 << 20, "launch of " + kernel + ": " + shared + " bytes of shared memory");
            for (String argument : args) {
                require(argument.matches(ARGUMENT), "launch of " + kernel + ": unknown argument '" + argument + "'");
            }
        }
    }

    /**
     * What a kernel needs.
     *
     * @param registers   of a thread
     * @param sharedBytes static shared memory of a block
     * @param spillBytes  stores to and loads from local memory for want of registers
     */
    public record Kernel(String name, int registers, int sharedBytes, int spillBytes) {
        public Kernel {
            requireKernelName(name);
            require(registers >= 0 && registers <= 255 && sharedBytes >= 0 && spillBytes >= 0, "kernel " + name + ": " + registers
                    + " registers, " + sharedBytes + " shared bytes, " + spillBytes + " spilled");
        }
    }

    static void requireKernelName(String name) {
        require(name.matches("[A-Za-z_][A-Za-z0-9_]{0,255}"), "'" + name + "' is no name of a kernel");
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
