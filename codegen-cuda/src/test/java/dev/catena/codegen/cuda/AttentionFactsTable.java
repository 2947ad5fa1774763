package dev.catena.codegen.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A main program: what the machine code of attention kernels is like, as a table. Each line of the file that it is given has a case
 * ({@link AttentionCase#parse}), architectures and rows of a step: {@code u8 8x4 d128; 80 90; 1 64}.
 */
final class AttentionFactsTable {
    private AttentionFactsTable() {}

    public static void main(String[] arguments) throws IOException {
        System.out.println("| attention | sm | rows | registers | shared | blocks | local in, around loops | loop | products | a product | an element | KiB in flight | loads |");
        System.out.println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            if (line.isBlank()) {
                continue;
            }
            String[] parts = line.split(";");
            int[] rows = Arrays.stream(parts[2].trim().split(" ")).mapToInt(Integer::parseInt).toArray();
            for (String capability : parts[1].trim().split(" ")) {
                for (AttentionFacts facts : AttentionFacts.of(AttentionCase.parse(parts[0]), CudaTarget.parse("sm_" + capability), rows)) {
                    System.out.println(row(parts[0].trim(), facts));
                }
            }
        }
    }

    private static String row(String attention, AttentionFacts facts) {
        String loads = facts.loads().entrySet().stream().sorted(Map.Entry.<Integer, Long>comparingByKey().reversed())
                .map(e -> e.getValue() + "×" + e.getKey()).collect(Collectors.joining(" "));
        return String.format(Locale.ROOT, "| %s | %d | %d | %d | %d | %d | %d, %d | %d | %d | %.1f | %.2f | %d | %s |", attention, facts.target().capability(),
                facts.rows(), facts.kernel().registers(), facts.kernel().sharedBytes(), facts.blocks(), facts.localInLoops(), facts.localElsewhere(),
                facts.loop().size(), facts.products(), facts.instructionsPerProduct(), facts.instructionsPerElement(), facts.bytesInFlight() >> 10, loads);
    }
}
