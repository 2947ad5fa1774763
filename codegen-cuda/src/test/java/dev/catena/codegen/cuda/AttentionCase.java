package dev.catena.codegen.cuda;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import dev.catena.codegen.Launch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.View;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * One shape of attention, and the kernels that it gets.
 *
 * @param group query heads of a KV head
 * @param window positions that a row sees; 0 for all
 * @param slopes whether scores fall with the distance (ALiBi); then nothing is rotated
 */
record AttentionCase(Element keys, Element values, int kvHeads, int group, int dim, int window, boolean capped, boolean slopes,
        boolean sinks, int rotary, boolean interleaved) {
    private static final int MAX_ROWS = 4096;

    /**
     * From a line such as {@code u8/f16 8x4 d128 window capped sinks half interleaved}: keys and values (one word where they are alike), KV heads
     * and query heads of each, head size, and what else the attention has.
     */
    static AttentionCase parse(String line) {
        String[] words = line.trim().split("\\s+");
        String[] elements = words[0].toUpperCase(Locale.ROOT).split("/");
        String[] heads = words[1].split("x");
        int dim = Integer.parseInt(words[2].substring(1));
        List<String> more = Arrays.asList(words).subList(3, words.length);
        boolean slopes = more.contains("slopes");
        int rotary = slopes ? 0 : more.contains("half") ? dim / 4 * 2 : dim;
        return new AttentionCase(Element.valueOf(elements[0]), Element.valueOf(elements[elements.length - 1]), Integer.parseInt(heads[0]),
                Integer.parseInt(heads[1]), dim, more.contains("window") ? 4096 : 0, more.contains("capped"), slopes, more.contains("sinks"),
                rotary, more.contains("interleaved"));
    }

    KvFormat kv() {
        return new KvFormat(keys, values, kvHeads, dim);
    }

    /** The step's queries, keys and values side by side, and what attention makes of them. */
    private List<Launch> launches() {
        int heads = kvHeads * group;
        View all = View.of(new Buffer.StageInput(), (heads + 2 * kvHeads) * dim);
        View rotated = View.of(new Buffer.Arena(0, 4L * MAX_ROWS * heads * dim), heads * dim);
        return List.of(
                new RopeAppendLaunch(all.slice(0, heads * dim), all.slice(heads * dim, kvHeads * dim), all.slice((heads + kvHeads) * dim, kvHeads * dim),
                        rotated, new Buffer.Weight(0), new Buffer.Weight(1), false, 4096, rotary, interleaved, heads, kv()),
                new AttentionLaunch(rotated, View.of(new Buffer.StageOutput(), heads * dim), heads, (float) (1 / Math.sqrt(dim)), window,
                        capped ? 30 : 0, slopes ? Optional.of(new Buffer.Weight(2)) : Optional.empty(),
                        sinks ? Optional.of(new Buffer.Weight(3)) : Optional.empty(), kv()));
    }

    /** The launch that attends in a step of up to so many rows. */
    KernelLaunch launch(int rows, KernelSet kernels) {
        List<KernelLaunch> launches = CudaProgram.launches(launches(), rows, MAX_ROWS, kernels);
        return launches.get(launches.size() - 1);
    }
}
