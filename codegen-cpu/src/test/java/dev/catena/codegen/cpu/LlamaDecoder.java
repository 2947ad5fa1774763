package dev.catena.codegen.cpu;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
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
import dev.catena.codegen.View;
import java.util.List;
import java.util.Optional;

/**
 * The launches of a Llama decoder, with arena ranges reused as a planner would. Its weights, by index: norm, qkv, cos, sin,
 * out, gate and up, down; both norms use the first.
 */
record LlamaDecoder(int maxRows, int heads, KvFormat kv, int tableRows, MatrixType qkv, MatrixType out, MatrixType gateUp,
        MatrixType down, Activations activations) {
    int hidden() {
        return qkv.columns();
    }

    int ffn() {
        return down.columns();
    }

    float scale() {
        return (float) (1 / Math.sqrt(kv.dim()));
    }

    List<Launch> launches() {
        int dim = kv.dim();
        View input = View.of(new Buffer.StageInput(), hidden());
        View output = View.of(new Buffer.StageOutput(), hidden());
        long qkvOffset = bytes(Math.max(hidden(), heads * dim));
        View normed = arena(0, hidden());
        View attended = arena(0, heads * dim); // where the normed rows were
        View all = arena(qkvOffset, qkv.rows());
        View q = all.slice(0, heads * dim);
        View k = all.slice(heads * dim, kv.heads() * dim);
        View v = all.slice((heads + kv.heads()) * dim, kv.heads() * dim);
        View both = arena(qkvOffset + bytes(qkv.rows()), 2 * ffn());
        View gate = both.slice(0, ffn());
        return List.of(
                new RmsNormLaunch(RowCount.STEP, input, normed, new Buffer.Weight(0), 1e-6f),
                linear(normed, all, qkv, 1, Optional.empty()),
                new RopeAppendLaunch(q, k, v, q, new Buffer.Weight(2), new Buffer.Weight(3), false, tableRows, dim, heads, kv),
                new AttentionLaunch(q, attended, heads, scale(), kv),
                linear(attended, output, out, 4, Optional.of(input)),
                new RmsNormLaunch(RowCount.STEP, output, normed, new Buffer.Weight(0), 1e-6f),
                linear(normed, both, gateUp, 5, Optional.empty()),
                new LoopNestLaunch(RowCount.STEP, LoopNest.swiglu(ffn()), List.of(gate, both.slice(ffn(), ffn())), gate),
                linear(gate, output, down, 6, Optional.of(output)));
    }

    private Launch linear(View x, View y, MatrixType type, int weight, Optional<View> residual) {
        return new LinearLaunch(RowCount.STEP, x, y, type, new Buffer.Weight(weight), Optional.empty(), residual, activations);
    }

    private View arena(long offset, int columns) {
        return View.of(new Buffer.Arena(offset, bytes(columns)), columns);
    }

    /** Bytes of rows of so many columns, up to the next multiple of 64. */
    private long bytes(int columns) {
        return (4L * maxRows * columns + 63) / 64 * 64;
    }
}
