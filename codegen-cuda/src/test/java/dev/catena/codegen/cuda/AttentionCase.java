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
import java.util.TreeMap;

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

    /** Positions that a warp meets at a time: 32 where keys and values take up to 8 KiB, and up to 4 KiB where codes become halves. */
    int positionsOfTile() {
        return (keys.bits() + values.bits()) * dim <= (keys.quantized() || values.quantized() ? 1024 : 2048) ? 32 : 16;
    }

    /** The loads of a tile by their width in bits: the widest that rows of this length have room for, and where codes' scales are and the next page is. */
    TreeMap<Integer, Long> loadsOfTile() {
        TreeMap<Integer, Long> loads = new TreeMap<>();
        int eights = positionsOfTile() / 8;
        addLoads(loads, keys.bits(), 4, eights);
        addLoads(loads, values.bits(), 8, 2 * eights);
        long pairs = (keys.quantized() ? eights : 0) + (values.quantized() ? eights : 0);
        if (pairs > 0) {
            loads.merge(64, pairs, Long::sum);
        }
        loads.merge(32, 1L, Long::sum);
        return loads;
    }

    /** Bits of the widest load of keys. */
    int widestKeyLoad() {
        return widestLoad(keys.bits(), 4, dim * keys.bits());
    }

    /** So many lanes share a row, of which each has a multiple of eight elements. */
    private void addLoads(TreeMap<Integer, Long> loads, int bits, int lanes, long rows) {
        for (int left = dim * bits; left > 0;) {
            int width = widestLoad(bits, lanes, left);
            loads.merge(width, rows, Long::sum);
            left -= lanes * width;
        }
    }

    /** The widest that is aligned in rows of this length, and that all lanes find something for; but eight elements at least. */
    private int widestLoad(int bits, int lanes, int left) {
        int width = 128;
        while (width > 8 * bits && (dim * bits % width != 0 || lanes * width > left)) {
            width /= 2;
        }
        return width;
    }

    /** Products of m16n8k16 of a tile: 8 queries, both halves of their numbers, with 32 elements of 8 keys in two, 8 elements' values of 16 positions in one. */
    int productsOfTile(int columns) {
        int positions = positionsOfTile();
        return columns / 8 * (positions / 8 * ((dim + 31) / 32) * 2 + positions / 16 * ((dim + 63) / 64) * 8);
    }
}
