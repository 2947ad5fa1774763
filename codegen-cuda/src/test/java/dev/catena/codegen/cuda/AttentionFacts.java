package dev.catena.codegen.cuda;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.cuda.SassInstruction.Opcode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What the machine code of one attention kernel is like. Its loop over whole tiles of the cache (16 or 32 positions of a warp) is where it
 * spends its time.
 *
 * @param rows            of the step that the kernel is for
 * @param blocks          that a multiprocessor has room for
 * @param localInLoops    accesses to local memory in loops that multiply
 * @param localElsewhere  accesses to local memory around them
 * @param loop            the loop over whole tiles
 * @param products        of m16n8k16 in it; sm_75 takes two instructions for one
 * @param bytesInFlight   of a multiprocessor, asked for in the loop before the first wait
 */
record AttentionFacts(AttentionCase attention, CudaTarget target, int rows, KernelFacts kernel, int blocks, long localInLoops, long localElsewhere,
        List<SassInstruction> loop, long products, int bytesInFlight) {
    private static final int THREADS = 128;
    private static final int REGISTERS_OF_SM = 65536;

    /** Compiles the kernels of steps of up to so many rows. */
    static List<AttentionFacts> of(AttentionCase attention, CudaTarget target, int... rows) throws IOException {
        KernelSet kernels = new KernelSet(TunedKernels.none());
        List<String> names = new ArrayList<>();
        for (int count : rows) {
            names.add(attention.launch(count, kernels).kernel());
        }
        CudaLibrary library = CudaLibrary.compile(new CudaSource(kernels.source(), kernels.names(), List.of()), target,
                new NvrtcCompiler(CodeStore.none()));
        Cubin cubin = new Cubin(library.cubin(), target.capability());
        Map<String, KernelFacts> known = library.kernels().stream().collect(Collectors.toMap(KernelFacts::name, facts -> facts));
        List<AttentionFacts> facts = new ArrayList<>();
        for (int i = 0; i < rows.length; i++) {
            facts.add(of(attention, target, rows[i], known.get(names.get(i)), cubin.kernel(names.get(i))));
        }
        return facts;
    }

    private static AttentionFacts of(AttentionCase attention, CudaTarget target, int rows, KernelFacts facts, SassKernel kernel) {
        List<SassInstruction> loop = kernel.smallestLoop(Opcode.HMMA);
        long local = kernel.all(Opcode.LDL).size() + kernel.all(Opcode.STL).size();
        long inLoops = kernel.loops().stream().filter(l -> l.size() < 2 * loop.size() && SassKernel.count(l, Opcode.HMMA) > 0)
                .mapToLong(l -> SassKernel.count(l, Opcode.LDL) + SassKernel.count(l, Opcode.STL)).sum();
        int first = 0;
        while (first < loop.size() && !(loop.get(first).is(Opcode.LDG) && loop.get(first).accessBits() == attention.widestKeyLoad())) {
            first++;      // where the page is comes before
        }
        int shared = 1024 * switch (target.capability()) {
            case 75 -> 64;
            case 80 -> 164;
            case 90, 100 -> 228;
            default -> 100;
        };
        int reserved = target.capability() < 80 ? 0 : 1024;
        int blocks = Math.min(REGISTERS_OF_SM / ((facts.registers() + 7) / 8 * 8 * THREADS), shared / (facts.sharedBytes() + reserved));
        return new AttentionFacts(attention, target, rows, facts, blocks, inLoops, local - inLoops, loop,
                SassKernel.count(loop, Opcode.HMMA) / (target.capability() < 80 ? 2 : 1),
                SassKernel.bytesInFlight(loop.subList(first, loop.size())) * THREADS * blocks);
    }

    /** Loads in the loop by their width in bits. */
    Map<Integer, Long> loads() {
        return loop.stream().filter(i -> i.is(Opcode.LDG)).collect(Collectors.groupingBy(SassInstruction::accessBits, TreeMap::new, Collectors.counting()));
    }

    /** Instructions of a lane for each element of the cache, all its heads' work on it included. */
    double instructionsPerElement() {
        return loop.size() * 32.0 / (2 * attention.positionsOfTile() * attention.dim());
    }

    double instructionsPerProduct() {
        return loop.size() / (double) products;
    }
}
