package dev.catena.codegen.cpu;

import dev.catena.codegen.KvFormat;
import dev.catena.codegen.KvFormat.Element;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention by AMX's tiles (attention_page_tiles.c): 16 queries of one KV head are a tile's rows, tokens times heads of a group.
 * An f16 is two terms of bf16 exactly and so are all that meet it, a query and a weight, up to 2^-16; tiles add in another order
 * than vectors, so all queries take them, also one. Codes meet whole numbers in tiles of bytes, with the same sums as in vectors.
 * An f32 would be cut to 16 bits: a cache that holds any stays with vectors.
 */
final class AmxAttention {
    /** More than by vectors: making a page's terms takes as long as 64 queries take to meet them. */
    static final int BLOCK_QUERIES = 256;

    /** Of codes; fewer queries are multiplied by vectors, since a tile is 16 rows, used or not. */
    private static final int LEAST_TILE_QUERIES = 5;

    private AmxAttention() {}

    static boolean multiplies(KvFormat kv, CpuTarget target) {
        return target.hasTiles() && target.hasBf16Tiles() && kv.k() != Element.F32 && kv.v() != Element.F32;
    }

    private static boolean byVectorsToo(KvFormat kv) {
        return kv.k().quantized() && kv.v().quantized();
    }

    /** The templates of keys and values. */
    static List<String> operands(KvFormat kv) {
        List<String> templates = new ArrayList<>();
        templates.addAll(kv.k().quantized() ? List.of("attention_keys_codes.c", "attention_keys_codes_tiles.c")
                : List.of("attention_keys_terms.c"));
        templates.addAll(kv.v().quantized() ? List.of("attention_values_codes.c", "attention_values_codes_tiles.c")
                : List.of("attention_values_terms.c"));
        return templates;
    }

    /** The templates by which queries meet a page. */
    static List<String> pages(KvFormat kv) {
        return byVectorsToo(kv) ? List.of("attention_page.c", "attention_page_tiles.c") : List.of("attention_page_tiles.c");
    }

    /** The function by which queries {@code from} to {@code to} meet a page, in C. */
    static String meetPage(String name, KvFormat kv) {
        String byTiles = name + "_meet_page_by_tiles";
        return byVectorsToo(kv) ? "(to - from < %d ? %s_meet_page : %s)".formatted(LEAST_TILE_QUERIES, name, byTiles) : byTiles;
    }

    static String begin(String name) {
        return "tile_begin(&((%s_tile_scratch *)scratch)->tiles);".formatted(name);
    }

    static String end(String name) {
        return "tile_end(&((%s_tile_scratch *)scratch)->tiles);".formatted(name);
    }

    /** What its scratch takes at most beside that of vectors: two terms take what an f32 does; the tiles in C, and whole sums. */
    static long scratchBytes(KvFormat kv) {
        long padded = (kv.dim() + 63) / 64 * 64;
        return 8 * 1024 + 2 * 16 * 4 * (64 + padded) + 64;
    }
}
