package dev.catena.codegen.cuda;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LayerNormLaunch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.SelectRowsLaunch;
import dev.catena.codegen.StructureHash;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The CUDA C++ of all stages of a model, the same for every architecture that isn't tuned for, and what each stage launches. Stages of equal
 * structure share their launches and kernels of equal shape one body, so that neither code nor compile time grows with a
 * model's depth.
 *
 * @param source to be compiled, and to be read ({@code inspect --kernels})
 * @param kernelNames in the order of the source
 * @param stages for each list of launches that was given, in its order; the last one's scratch is enough for sampling, too
 * @param sampling what chooses tokens from the last stage's logits
 * @param dependentLaunches whether its kernels may begin before those in front of them have ended
 * @param needsHopper whether it has instructions that came with sm_90
 */
public record CudaProgram(String source, List<String> kernelNames, List<CudaStage> stages, List<RowBucket> sampling,
        boolean dependentLaunches, boolean needsHopper) {
    /** int32 of a device's counters, which are zero between launches (docs/cuda-abi.md). */
    public static final int COUNTERS = 4096;

    /**
     * Generates the code.
     *
     * @param maxRows the most rows of a step
     * @param vocabulary width of the last stage's rows
     */
    public static CudaProgram of(List<List<Launch>> stages, int maxRows, int vocabulary) {
        return of(stages, maxRows, vocabulary, TunedKernels.none(), Untried.NOTHING);
    }

    /**
     * Generates the code.
     *
     * @param tuned   how kernels are configured for the card that this is for
     * @param untried what it may do that no GPU has run yet; its architectures have to be such that have it
     */
    public static CudaProgram of(List<List<Launch>> stages, int maxRows, int vocabulary, TunedKernels tuned, Untried untried) {
        KernelSet kernels = new KernelSet(tuned, untried);
        Map<List<Launch>, CudaStage> known = new LinkedHashMap<>();
        List<CudaStage> list = new ArrayList<>();
        for (List<Launch> launches : stages) {
            list.add(known.computeIfAbsent(launches, l -> stage(l, maxRows, kernels)));
        }
        List<RowBucket> sampling = SamplingKernel.buckets(vocabulary, maxRows, kernels);
        CudaStage last = list.get(list.size() - 1);
        list.set(list.size() - 1, last.withScratch(roundUp256(SamplingKernel.scratchBytes(vocabulary, maxRows))));
        return new CudaProgram(kernels.source(), kernels.names(), List.copyOf(list), sampling, untried != Untried.NOTHING,
                untried != Untried.NOTHING || kernels.needsHopper());
    }

    /** The virtual architecture of the PTX that goes along with an architecture's machine code. */
    public String ptxFamily(CudaTarget target) {
        return needsHopper ? target.newestPtxFamily() : target.ptxFamily();
    }

    /** What is compiled. */
    public CudaSource code() {
        return new CudaSource(source, kernelNames, List.of());
    }

    private static CudaStage stage(List<Launch> launches, int maxRows, KernelSet kernels) {
        List<RowBucket> buckets = new ArrayList<>();
        for (int rows : RowBucket.sizes(maxRows)) {
            buckets.add(new RowBucket(rows, launches(launches, rows, maxRows, kernels)));
        }
        long arena = launches.stream().mapToLong(CudaProgram::arenaEnd).max().orElse(0);
        long scratch = launches.stream().mapToLong(launch -> kernels.untried() == Untried.WARPGROUPS && launch instanceof LinearLaunch linear
                ? Math.max(scratchBytes(launch, maxRows), WarpgroupLinear.scratchBytes(linear, maxRows)) : scratchBytes(launch, maxRows)).max().orElse(0);
        scratch = Math.max(scratch, buckets.stream().mapToLong(bucket -> TokenLinear.all(launches, bucket.rows()).stream()
                .mapToLong(fused -> LinearKernels.tokenScratchBytes(fused, bucket.rows(), kernels)).max().orElse(0)).max().orElse(0));
        return new CudaStage("stage_" + StructureHash.of(buckets.toString()), roundUp256(arena), roundUp256(scratch), buckets);
    }

    /** What a step of up to so many rows launches. */
    static List<KernelLaunch> launches(List<Launch> launches, int rows, int maxRows, KernelSet kernels) {
        List<KernelLaunch> list = new ArrayList<>();
        for (int i = 0; i < launches.size();) {
            Optional<TokenLinear> linear = TokenLinear.at(launches, i, rows);
            Optional<HalfRows> many = HalfRows.at(launches, i, rows);
            Optional<StepAttention> attention = StepAttention.at(launches, i, rows);
            if (linear.isPresent()) {
                list.add(LinearKernels.fewTokens(linear.get(), rows, kernels));
                i += linear.get().launches();
            } else if (many.isPresent()) {
                list.addAll(LinearKernels.of(many.get(), rows, maxRows, kernels));
                i += many.get().launches();
            } else if (attention.isPresent()) {
                list.add(AttentionKernels.of(attention.get(), rows, kernels));
                i += StepAttention.LAUNCHES;
            } else {
                list.add(launch(launches.get(i++), rows, kernels));
            }
        }
        return list;
    }

    private static KernelLaunch launch(Launch launch, int rows, KernelSet kernels) {
        if (launch instanceof LinearLaunch linear) {
            return LinearKernels.fewRows(linear, rows, kernels);
        } else if (launch instanceof AttentionLaunch attention) {
            return AttentionKernels.of(attention, rows, kernels);
        } else if (launch instanceof RopeAppendLaunch append) {
            return AttentionKernels.of(append, rows, kernels);
        } else if (launch instanceof RmsNormLaunch norm) {
            return RowKernels.of(norm, rows, kernels);
        } else if (launch instanceof LayerNormLaunch norm) {
            return RowKernels.of(norm, rows, kernels);
        } else if (launch instanceof EmbeddingLaunch embedding) {
            return RowKernels.of(embedding, rows, kernels);
        } else if (launch instanceof SelectRowsLaunch select) {
            return RowKernels.of(select, rows, kernels);
        }
        return LoopNestKernel.of((LoopNestLaunch) launch, rows, kernels);
    }

    static long scratchBytes(Launch launch, int maxRows) {
        return launch instanceof LinearLaunch linear ? LinearKernels.scratchBytes(linear, maxRows)
                : launch instanceof AttentionLaunch attention ? AttentionKernels.scratchBytes(attention, maxRows) : 0;
    }

    static long arenaEnd(Launch launch) {
        return Stream.concat(launch.reads().stream(), launch.writes().stream()).map(View::buffer)
                .filter(Buffer.Arena.class::isInstance).map(Buffer.Arena.class::cast)
                .mapToLong(arena -> arena.offset() + arena.bytes()).max().orElse(0);
    }

    private static long roundUp256(long bytes) {
        return (bytes + 255) / 256 * 256;
    }
}
