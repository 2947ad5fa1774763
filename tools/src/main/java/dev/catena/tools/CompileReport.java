package dev.catena.tools;

import dev.catena.artifact.Manifest;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a compilation did, as the table at its end.
 *
 * @param pieces   one line per piece
 * @param fusions  what passes found, by kind
 * @param seconds  seconds that the whole took
 */
record CompileReport(List<Piece> pieces, Map<String, Integer> fusions, Manifest manifest, String output, long fileBytes,
    double seconds) {
  /**
   * @param operationsBefore as imported
   * @param operationsAfter  launches
   * @param bytesBefore      of weights as imported
   * @param bytesAfter       of weights as packed
   */
  record Piece(String name, String source, int operationsBefore, int operationsAfter, long bytesBefore,
      long bytesAfter) {}

  String text() {
    TextTable table = new TextTable("piece", "source", "operations", "launches", "weights before", "after");
    int before = 0;
    int after = 0;
    long bytesBefore = 0;
    long bytesAfter = 0;
    for (Piece p : folded()) {
      table.row(p.name(), p.source(), p.operationsBefore(), p.operationsAfter(), Bytes.text(p.bytesBefore()),
          Bytes.text(p.bytesAfter()));
    }
    for (Piece p : pieces) {
      before += p.operationsBefore();
      after += p.operationsAfter();
      bytesBefore += p.bytesBefore();
      bytesAfter += p.bytesAfter();
    }
    table.row("total", pieces.size() + " pieces", before, after, Bytes.text(bytesBefore), Bytes.text(bytesAfter));
    StringBuilder s = new StringBuilder(table.text());
    List<String> kinds = new ArrayList<>();
    fusions.forEach((kind, n) -> kinds.add(n + " × " + kind));
    s.append("\nfound       ").append(String.join(", ", kinds)).append('\n');
    Manifest.Memory m = manifest.memory();
    s.append("memory      weights ").append(Bytes.text(m.weightsBytes())).append(", activations ")
        .append(Bytes.text(m.arenaBytes())).append(" (").append(m.maxRows()).append(" rows a step)\n");
    s.append("KV cache    ").append(Bytes.text(m.kvBytesPerToken())).append(" a token");
    for (int context = 512; context < manifest.model().maxSeqLen(); context *= 4) {
      s.append(", ").append(Bytes.text(m.kvBytesPerToken() * context)).append(" at ").append(context);
    }
    s.append(", ").append(Bytes.text(m.kvBytesPerToken() * manifest.model().maxSeqLen())).append(" at ")
        .append(manifest.model().maxSeqLen()).append('\n');
    s.append("artifact    ").append(output).append(", ").append(Bytes.text(fileBytes))
        .append(String.format(Locale.ROOT, ", in %.1f s%n", seconds));
    return s.toString();
  }

  /** Runs of decoders that look alike become one line. */
  private List<Piece> folded() {
    return Runs.of(pieces, CompileReport::alike).stream().map(run -> run.members().size() == 1 ? run.first()
        : new Piece(run.name(Piece::name), run.members().size() + " alike, each", run.first().operationsBefore(),
            run.first().operationsAfter(), run.first().bytesBefore(), run.first().bytesAfter())).toList();
  }

  private static boolean alike(Piece a, Piece b) {
    return a.operationsBefore() == b.operationsBefore() && a.operationsAfter() == b.operationsAfter()
        && a.bytesBefore() == b.bytesBefore() && a.bytesAfter() == b.bytesAfter();
  }
}
