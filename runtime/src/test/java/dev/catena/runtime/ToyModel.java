package dev.catena.runtime;

import dev.catena.artifact.ArtifactWriter;
import dev.catena.artifact.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** The model of toy_stages.c: writes its artifact, and computes its logits in plain Java to the last bit. */
final class ToyModel {
    static final int HIDDEN = 24;
    static final int VOCAB = 50;
    static final int LAYERS = 3;
    static final int MAX_ROWS = 40;
    static final int MAX_SEQUENCE = 300;
    private static final float SCALE = 13.25f;

    private final float[] table = random(VOCAB * HIDDEN, 1);
    private final float[][] mix = new float[LAYERS][];
    private final float[] head = random(VOCAB * HIDDEN, 2);
    private final float scale;
    private List<String> features = List.of();
    private String target = "cpu:x86-64";
    private List<Integer> eos = List.of();

    ToyModel() {
        this(SCALE);
    }

    /** With another factor in the code itself, under the same symbols. */
    ToyModel(float scale) {
        this.scale = scale;
        for (int i = 0; i < LAYERS; i++) {
            mix[i] = random(HIDDEN, 10 + i);
        }
    }

    ToyModel needing(String targetName, String... needed) {
        target = targetName;
        features = List.of(needed);
        return this;
    }

    ToyModel endingWith(int id) {
        eos = List.of(id);
        return this;
    }

    /** With NaN for everything that token {@code id} is. */
    ToyModel poisoning(int id) {
        java.util.Arrays.fill(table, id * HIDDEN, (id + 1) * HIDDEN, Float.NaN);
        return this;
    }

    Path write(Path file) {
        try (ArtifactWriter writer = ArtifactWriter.create(file)) {
            writer.entry("code/toy/model.so", library(scale));
            writer.entry("weights/embed/table", bytes(table));
            for (int i = 0; i < LAYERS; i++) {
                writer.entry("weights/decoder_" + i + "/mix", bytes(mix[i]));
            }
            writer.entry("weights/head/table", bytes(head));
            writer.commit(manifest());
        }
        return file;
    }

    private Manifest manifest() {
        List<Manifest.Stage> stages = new ArrayList<>();
        Manifest.Port rows = new Manifest.Port("rows", HIDDEN);
        Manifest.Port selected = new Manifest.Port("selected", HIDDEN);
        stages.add(stage("embed", "embed", new Manifest.Port("tokens", 1), rows, null, "toy_embed", table.length, "embed/table"));
        long pageBytes = 2L * 64 * HIDDEN * 4;
        for (int i = 0; i < LAYERS; i++) {
            stages.add(stage("decoder_" + i, "decoder", rows, rows, new Manifest.Kv("f32", "f32", 1, HIDDEN, 64, pageBytes),
                    "toy_decoder", HIDDEN, "decoder_" + i + "/mix"));
        }
        stages.add(stage("norm", "norm", rows, selected, null, "toy_norm", 0, null));
        stages.add(stage("head", "head", selected, new Manifest.Port("selected", VOCAB), null, "toy_head", head.length,
                "head/table"));
        return new Manifest(Manifest.FORMAT, "test", new Manifest.Model("toy", VOCAB, HIDDEN, LAYERS, MAX_SEQUENCE, null, eos, false),
                Map.of(), List.of(Manifest.Target.ofCpu(target, features, "code/toy/model.so")), stages,
                new Manifest.Memory(MAX_ROWS, 0, 0, 0, 0), Map.of(), Map.of());
    }

    private Manifest.Stage stage(String name, String role, Manifest.Port in, Manifest.Port out, Manifest.Kv kv, String symbol,
            int floats, String entry) {
        List<Manifest.Weight> weights = entry == null ? List.of()
                : List.of(new Manifest.Weight("w", "weights/" + entry, 4L * floats, "f32", "rows"));
        return new Manifest.Stage(name, role, in, out, kv,
                Map.of(target, new Manifest.Code(symbol, 4L * MAX_ROWS * HIDDEN, 100)), weights);
    }

    /** Logits of every position of {@code ids}. */
    float[][] logits(int... ids) {
        float[][] rows = new float[ids.length][HIDDEN];
        for (int r = 0; r < ids.length; r++) {
            System.arraycopy(table, ids[r] * HIDDEN, rows[r], 0, HIDDEN);
        }
        for (int layer = 0; layer < LAYERS; layer++) {
            float[][] out = new float[ids.length][HIDDEN];
            for (int h = 0; h < HIDDEN; h++) {
                float sum = 0;
                for (int r = 0; r < ids.length; r++) {
                    sum = sum * 0.5f + rows[r][h];
                    out[r][h] = rows[r][h] + sum * mix[layer][h];
                }
            }
            rows = out;
        }
        float[][] logits = new float[ids.length][VOCAB];
        for (int r = 0; r < ids.length; r++) {
            for (int v = 0; v < VOCAB; v++) {
                float sum = 0;
                for (int h = 0; h < HIDDEN; h++) {
                    sum += rows[r][h] * scale * head[v * HIDDEN + h];
                }
                logits[r][v] = sum;
            }
        }
        return logits;
    }

    /** What greedy generation gives after {@code prompt}. */
    int[] greedy(int[] prompt, int count) {
        int[] ids = java.util.Arrays.copyOf(prompt, prompt.length + count);
        for (int i = prompt.length; i < ids.length; i++) {
            float[] last = logits(java.util.Arrays.copyOf(ids, i))[i - 1];
            for (int v = 1; v < VOCAB; v++) {
                ids[i] = last[v] > last[ids[i]] ? v : ids[i];
            }
        }
        return java.util.Arrays.copyOfRange(ids, prompt.length, ids.length);
    }

    static int[] prompt(int length, long seed) {
        return new Random(seed).ints(length, 0, VOCAB).toArray();
    }

    private static byte[] library(float scale) {
        try (InputStream in = ToyModel.class.getResourceAsStream("/toy_stages.so")) {
            byte[] bytes = in.readAllBytes();
            ByteBuffer view = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            int found = 0;
            for (int at = 0; at + 4 <= bytes.length; at++) {
                if (view.getInt(at) == Float.floatToIntBits(SCALE)) {
                    view.putFloat(at, scale);
                    found++;
                }
            }
            if (found != 1) {
                throw new IllegalStateException("the factor is there " + found + " times");
            }
            return bytes;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] bytes(float[] values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        return buffer.array();
    }

    private static float[] random(int count, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat() - 0.5f;
        }
        return values;
    }
}
