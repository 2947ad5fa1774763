package dev.catena.codegen.cuda;

import dev.catena.codegen.Buffer;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixLayout;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A linear layer of a model, with what one kernel does together with it, by itself: its input is the stage's, its output too, weight
 * 0 is the matrix, 1 the norm's, 2 the bias, and a residual lies in the arena. What is tuned.
 *
 * @param kernel   the name that the model's kernel has, for a {@link TunedKernels} table
 * @param launches what it consists of
 * @param rows     of the step
 */
public record LinearCase(String kernel, LinearConfiguration.Kind kind, List<Launch> launches, int rows) {
    private static final int LOAD_BYTES = 16;
    /** Weights' numbers in {@link Buffer.Weight}. */
    public static final int MATRIX = 0, NORM = 1, BIAS = 2;

    public LinearCase {
        launches = List.copyOf(launches);
    }

    /** The linear layers of these stages in steps of so many rows, each kernel once. */
    public static List<LinearCase> of(List<List<Launch>> stages, int rows) {
        Map<String, LinearCase> cases = new LinkedHashMap<>();
        for (List<Launch> launches : stages) {
            for (int i = 0; i < launches.size();) {
                Optional<TokenLinear> fused = TokenLinear.at(launches, i, rows);
                if (fused.isPresent()) {
                    cases.computeIfAbsent(LinearKernels.tokensName(fused.get(), rows), name -> of(name, LinearConfiguration.Kind.TOKENS, fused.get(), rows));
                } else if (launches.get(i) instanceof LinearLaunch linear) {
                    LinearConfiguration.Kind kind = LinearKernels.kind(linear, rows);
                    cases.computeIfAbsent(kind == LinearConfiguration.Kind.FEW_ROWS ? LinearKernels.fewRowsName(linear, rows)
                            : LinearKernels.manyRowsName(linear, rows), name -> of(name, kind, new TokenLinear(linear, Optional.empty(), Optional.empty()), rows));
                }
                i += fused.map(TokenLinear::launches).orElse(1);
            }
        }
        return List.copyOf(cases.values());
    }

    private static LinearCase of(String name, LinearConfiguration.Kind kind, TokenLinear model, int rows) {
        LinearLaunch linear = model.linear();
        int columns = linear.type().columns();
        int outputs = linear.type().rows();
        View x = View.of(new Buffer.StageInput(), columns);
        View normed = arena(0, rows, columns);
        View second = arena(end(normed), rows, outputs);
        List<Launch> launches = new ArrayList<>();
        model.norm().ifPresent(norm -> launches.add(new RmsNormLaunch(linear.rows(), x, normed, new Buffer.Weight(NORM), norm.epsilon())));
        boolean swiglu = model.swiglu().isPresent();
        launches.add(new LinearLaunch(linear.rows(), model.norm().isPresent() ? normed : x,
                swiglu ? second : View.of(new Buffer.StageOutput(), outputs), linear.type(), new Buffer.Weight(MATRIX),
                linear.bias().map(bias -> new Buffer.Weight(BIAS)), linear.residual().map(residual -> second), linear.activations()));
        int half = outputs / 2;
        if (swiglu) {
            launches.add(new LoopNestLaunch(linear.rows(), LoopNest.swiglu(half), List.of(second.slice(0, half), second.slice(half, half)),
                    View.of(new Buffer.StageOutput(), half)));
        }
        return new LinearCase(name, kind, launches, rows);
    }

    private static View arena(long offset, int rows, int columns) {
        return View.of(new Buffer.Arena(offset, (4L * rows * columns + 255) / 256 * 256), columns);
    }

    private static long end(View view) {
        Buffer.Arena arena = (Buffer.Arena) view.buffer();
        return arena.offset() + arena.bytes();
    }

    /** The linear layer itself. */
    public LinearLaunch linear() {
        return launches.stream().filter(LinearLaunch.class::isInstance).map(LinearLaunch.class::cast).findFirst().orElseThrow();
    }

    /** The norm before it, if the kernel has that, too. */
    public Optional<RmsNormLaunch> norm() {
        return launches.get(0) instanceof RmsNormLaunch norm ? Optional.of(norm) : Optional.empty();
    }

    /** Whether the kernel also multiplies the activated first half of the outputs with the second. */
    public boolean swiglu() {
        return launches.get(launches.size() - 1) instanceof LoopNestLaunch;
    }

    public long arenaBytes() {
        return launches.stream().mapToLong(CudaProgram::arenaEnd).max().orElse(0);
    }

    /** Enough for whatever the kernel is made with. */
    public long scratchBytes() {
        long ofSplits = LinearConfiguration.all(kind).stream().filter(c -> c.fits(linear(), rows)).mapToLong(c -> c.splitBytes(linear(), rows)).max().orElse(0);
        return Math.max(ofSplits, launches.stream().mapToLong(launch -> CudaProgram.scratchBytes(launch, rows)).max().orElse(0));
    }

    /** What the kernel can be made with for an architecture. */
    public List<LinearConfiguration> configurations(CudaTarget target) {
        return Arrays.stream(LinearConfiguration.Kind.values()).filter(other -> other.does(kind))
                .flatMap(other -> LinearConfiguration.all(other).stream()).filter(c -> c.runsOn(target) && c.fits(linear(), rows)).toList();
    }

    /**
     * What a block of the kernel has under way of its weights before it waits for any: a load of 128 bits of each lane for each of
     * {@link LinearConfiguration#inFlight}, or as many stages, of kernels that don't say so two loads; and no more than its share of the columns.
     */
    public long bytesUnderWay(LinearConfiguration c) {
        if (c.kind() == LinearConfiguration.Kind.BULK) {
            return Math.min(c.bytesUnderWay(linear()), new MatrixLayout(linear().type()).blockBytes() * 2 / c.splits());
        }
        ManyRowTile tile = ManyRowTile.of(rows).withOutputWarps(c.warps());
        MatrixLayout layout = new MatrixLayout(linear().type());
        int threads = c.kind() == LinearConfiguration.Kind.MANY_ROWS ? tile.threads() : c.warps() * 32;
        double loadsOfLane = layout.blockBytes() * 2.0 / (c.splits() * c.warps() * 32 * LOAD_BYTES);
        double loads = Math.min(c.kind() == LinearConfiguration.Kind.TOKENS ? c.inFlight() : 2, Math.max(1, loadsOfLane));
        return Math.round(threads * loads * LOAD_BYTES);
    }

    /** What is taken for these cards where nothing was measured. */
    public LinearConfiguration untuned(List<CardRates> cards) {
        return kind == LinearConfiguration.Kind.TOKENS ? ReckonedConfigurations.chosen(LinearConfiguration.Kind.TOKENS, linear(), rows, cards) : standard();
    }

    /** What is taken where nothing is known of the card. */
    public LinearConfiguration standard() {
        return LinearConfiguration.standard(kind, linear(), rows);
    }

    List<KernelLaunch> launches(LinearConfiguration configuration, KernelSet kernels) {
        return CudaProgram.launches(launches, rows, rows, kernels.configured(new TunedKernels("one", Map.of(kernel, configuration))));
    }
}
