package dev.catena.codegen.cpu;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.RopeAppendLaunch;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Kernels that meet the cache: rotating and appending, and attention over its pages. */
final class AttentionKernels {
    /** Queries, of all heads of a KV head, that share a page once it is laid out. */
    private static final int BLOCK_QUERIES = 32;

    /** Of one row, a window touching one more; and the rows whose segments are shared out at most. */
    private static final int MOST_SEGMENTS = 16;
    private static final int SPLIT_ROWS = 2;

    private AttentionKernels() {}

    static KernelCall of(RopeAppendLaunch launch) {
        KvFormat kv = launch.kv();
        String element = launch.tablesF16() ? "_Float16" : "float";
        String name = "rope_append_h" + launch.heads() + "_" + suffix(kv) + "_r" + launch.rotary() + "of" + launch.tableRows()
                + (launch.tablesF16() ? "_f16" : "_f32") + (launch.interleaved() ? "_interleaved" : "");
        Map<String, Object> values = cacheValues(name, launch.heads(), kv);
        values.put("rotary", launch.rotary());
        values.put("interleaved", launch.interleaved() ? 1 : 0);
        values.put("table_rows", launch.tableRows());
        values.put("table_element", element);
        CArguments arguments = new CArguments().plain("step").view(launch.q()).view(launch.k()).view(launch.v())
                .view(launch.rotatedQ());
        if (launch.rotary() == 0) {
            arguments.plain("0").plain("0");
        } else {
            arguments.weight(launch.cos()).weight(launch.sin());
        }
        return new KernelCall(name, CTemplate.fill(values, "rope_append.c"), 0,
                arguments.plain("stage->kv").plain("thread").list());
    }

    /** @param next the linear layer after it, whose first weights are asked for meanwhile */
    static KernelCall of(AttentionLaunch launch, Optional<LinearLaunch> next, CpuTarget target) {
        KvFormat kv = launch.kv();
        String name = "attention_h" + launch.heads() + "_" + suffix(kv) + (launch.window() > 0 ? "_w" + launch.window() : "")
                + (launch.softcap() > 0 ? "_capped" : "") + (launch.slopes().isPresent() ? "_sloped" : "");
        boolean tiles = AmxAttention.multiplies(kv, target);
        int blockQueries = tiles ? AmxAttention.BLOCK_QUERIES : BLOCK_QUERIES;
        long scratchBytes = scratchBytes(launch, blockQueries) + (tiles ? AmxAttention.scratchBytes(kv) : 0);
        long partsOffset = (scratchBytes + 63) / 64 * 64;
        Map<String, Object> values = cacheValues(name, launch.heads(), kv);
        values.put("window", launch.window());
        values.put("capped", launch.softcap() > 0 ? 1 : 0);
        values.put("sloped", launch.slopes().isPresent() ? 1 : 0);
        values.put("block_queries", blockQueries);
        values.put("scratch_bytes", scratchBytes);
        values.put("parts_offset", partsOffset);
        values.put("most_segments", MOST_SEGMENTS);
        values.put("split_rows", SPLIT_ROWS);
        values.put("begin", tiles ? AmxAttention.begin(name) : "");
        values.put("end", tiles ? AmxAttention.end(name) : "");
        boolean few = !tiles && !kv.k().quantized() && !kv.v().quantized();
        values.put("meet_few_queries", !few ? "" : """
                if (to - from <= FEW_QUERIES) {
                    %s_few_meet_page(s, head, from, to, page, count, o->cap, ahead, weights);
                    return;
                  }""".formatted(name));
        values.put("meet_page", tiles ? AmxAttention.meetPage(name, kv) : name + "_meet_page");
        values.keySet().removeIf(key -> key.equals("k_pairs") && !kv.k().quantized() || key.equals("v_pairs") && !kv.v().quantized());
        List<String> templates = new ArrayList<>(List.of("attention_head.c"));
        templates.addAll(tiles ? AmxAttention.operands(kv) : List.of(
                kv.k().quantized() ? "attention_keys_codes.c" : "attention_keys_numbers.c",
                kv.v().quantized() ? "attention_values_codes.c" : "attention_values_numbers.c"));
        templates.add("attention_softmax.c");
        templates.addAll(tiles ? AmxAttention.pages(kv) : List.of("attention_page.c"));
        if (few) {
            templates.add("attention_few_numbers.c");
        }
        templates.add("attention.c");
        String source = CTemplate.fill(values, templates.toArray(String[]::new));
        CArguments arguments = new CArguments().plain("step").view(launch.q()).plain("stage->kv").view(launch.y())
                .plain(CArguments.literal(launch.scale())).plain(CArguments.literal(launch.softcap())).weight(launch.slopes())
                .weight(launch.sinks());
        next.map(LinearKernel::weightBlocks).orElse(List.of("0", "0", "0")).forEach(arguments::plain);
        return new KernelCall(name, source, partsOffset + partsBytes(launch),
                arguments.plain("stage->scratch").plain("scratch").plain("thread").list());
    }

    /** The macros that this target's attention kernels share. */
    static String targetMacros(CpuTarget target) {
        boolean wide = target.lanes() == 16;
        return """
                /* Attention: what is in registers at once. */
                #define QUERIES_TOGETHER %d
                #define SLOTS_TOGETHER %d  /* vectors of 16 positions */
                #define VALUES_TOGETHER %d /* vectors of 16 elements of a value */
                #define FEW_QUERIES %d     /* that meet a page of numbers as it lies */
                #define FEW_VECTORS 4     /* of its values, by up to half as many queries */
                """.formatted(wide ? 4 : 2, wide ? 4 : 2, wide ? 4 : 2, wide ? 8 : 2);
    }

    private static String suffix(KvFormat kv) {
        return "kv" + kv.heads() + "_d" + kv.dim() + "_" + name(kv.k()) + "_" + name(kv.v());
    }

    private static Map<String, Object> cacheValues(String name, int heads, KvFormat kv) {
        Map<String, Object> values = new HashMap<>();
        values.put("name", name);
        values.put("heads", heads);
        values.put("kv_heads", kv.heads());
        values.put("dim", kv.dim());
        values.put("k_element", name(kv.k()));
        values.put("v_element", name(kv.v()));
        values.put("page_bytes", kv.pageBytes());
        values.put("head_bytes", kv.headBytes());
        values.put("k_pairs", kv.kPairsOffset());
        values.put("v_codes", kv.vOffset());
        values.put("v_pairs", kv.vPairsOffset());
        return values;
    }

    private static String name(KvFormat.Element element) {
        return element.name().toLowerCase(Locale.ROOT);
    }

    /** What attention_softmax.c's scratch structure takes at most: keys, values and queries as f32, and the queries' state. */
    private static long scratchBytes(AttentionLaunch launch, int blockQueries) {
        int group = launch.heads() / launch.kv().heads();
        long queries = ((group >= blockQueries ? 1 : blockQueries / group) * (long) group + 15) / 16 * 16;
        long padded = (launch.kv().dim() + 63) / 64 * 64;
        return 4 * (2 * 64 * (padded + 2) + queries * (3 * padded + 64 + 64 + 32 + 12) + 4 * 16 + 16);
    }

    /** What the segments of a few rows sum up, in the first thread's scratch; what the others have of it is never touched. */
    private static long partsBytes(AttentionLaunch launch) {
        long padded = (launch.kv().dim() + 15) / 16 * 16;
        return 4 * (padded + 2) * launch.heads() * SPLIT_ROWS * (MOST_SEGMENTS + 1);
    }
}
