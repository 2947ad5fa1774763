package dev.catena.codegen.cuda;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LinearLaunch.Activations;
import dev.catena.codegen.LoopNest;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.MatrixType;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.SelectRowsLaunch;
import dev.catena.codegen.View;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * The launches of a Llama model's stages by its sizes, with one half of an element of x, as the default is.
 *
 * @param matrix how a matrix of [rows, columns] is stored
 */
record DecoderShape(int hidden, int ffn, int heads, KvFormat kv, int vocabulary, int maxRows,
        BiFunction<Integer, Integer, MatrixType> matrix) {
    /** The same model in steps of up to so many rows. */
    DecoderShape withRows(int rows) {
        return new DecoderShape(hidden, ffn, heads, kv, vocabulary, rows, matrix);
    }

    List<Launch> embed() {
        return List.of(new EmbeddingLaunch(View.of(new Buffer.StageOutput(), hidden), matrix.apply(vocabulary, hidden),
                new Buffer.Weight(0)));
    }

    /** Weights: norm, qkv, cos, sin, out, norm, gate and up, down, and qkv's bias. */
    List<Launch> decoder() {
        int attended = heads * kv.dim();
        int keys = kv.heads() * kv.dim();
        View input = View.of(new Buffer.StageInput(), hidden);
        View output = View.of(new Buffer.StageOutput(), hidden);
        View normed = arena(0, hidden);
        View all = arena(1, attended + 2 * keys);
        View q = all.slice(0, attended);
        View result = arena(2, attended);
        View both = arena(3, 2 * ffn);
        View gate = both.slice(0, ffn);
        return List.of(new RmsNormLaunch(RowCount.STEP, input, normed, new Buffer.Weight(0), 1e-6f),
                new LinearLaunch(RowCount.STEP, normed, all, matrix.apply(attended + 2 * keys, hidden), new Buffer.Weight(1),
                        Optional.of(new Buffer.Weight(8)), Optional.empty(), Activations.BF16),
                new RopeAppendLaunch(q, all.slice(attended, keys), all.slice(attended + keys, keys), q, new Buffer.Weight(2),
                        new Buffer.Weight(3), false, 4096, kv.dim() / 2 * 2, heads, kv),
                new AttentionLaunch(q, result, heads, (float) (1 / Math.sqrt(kv.dim())), kv),
                new LinearLaunch(RowCount.STEP, result, output, matrix.apply(hidden, attended), new Buffer.Weight(4),
                        Optional.empty(), Optional.of(input), Activations.BF16),
                new RmsNormLaunch(RowCount.STEP, output, normed, new Buffer.Weight(5), 1e-6f),
                new LinearLaunch(RowCount.STEP, normed, both, matrix.apply(2 * ffn, hidden), new Buffer.Weight(6),
                        Optional.empty(), Optional.empty(), Activations.BF16),
                new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(ffn), List.of(gate, both.slice(ffn, ffn)), gate),
                new LinearLaunch(RowCount.STEP, gate, output, matrix.apply(hidden, ffn), new Buffer.Weight(7), Optional.empty(),
                        Optional.of(output), Activations.BF16));
    }

    List<Launch> head() {
        View selected = arena(0, hidden);
        return List.of(new SelectRowsLaunch(View.of(new Buffer.StageInput(), hidden), selected),
                new LinearLaunch(RowCount.SELECTED, selected, View.of(new Buffer.StageOutput(), vocabulary),
                        matrix.apply(vocabulary, hidden), new Buffer.Weight(0), Optional.empty(), Optional.empty(),
                        Activations.BF16));
    }

    CudaProgram program() {
        return CudaProgram.of(List.of(embed(), decoder(), decoder(), head()), maxRows, vocabulary);
    }

    /** The arena's i-th place, each large enough for any activation. */
    private View arena(int place, int columns) {
        long bytes = 4L * maxRows * (Math.max(heads + 2 * kv.heads(), heads) * kv.dim() + 2L * ffn + hidden + 16);
        bytes = (bytes + 63) / 64 * 64;
        return View.of(new Buffer.Arena(place * bytes, bytes), columns);
    }
}
