package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.tools.page.ModelPage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The memory that an artifact needs: weights, KV cache by context, activations. */
final class MemoryPlan {
  private static final int FIRST_CONTEXT = 512;

  private final Manifest manifest;

  MemoryPlan(Manifest manifest) {
    this.manifest = manifest;
  }

  /** Context lengths worth a line: 512, then four times as many each, and the longest. */
  private List<Integer> contexts() {
    int longest = manifest.model().maxSeqLen();
    List<Integer> contexts = new ArrayList<>();
    for (long context = FIRST_CONTEXT; context < longest; context *= 4) {
      contexts.add((int) context);
    }
    contexts.add(longest);
    return contexts;
  }

  private long kvBytes(int context) {
    long bytes = 0;
    for (Manifest.Stage stage : manifest.stages()) {
      if (stage.kv() != null) {
        bytes += (context + stage.kv().page() - 1L) / stage.kv().page() * stage.kv().pageBytes();
      }
    }
    return bytes;
  }

  private long scratchBytes(Manifest.Target target) {
    return manifest.stages().stream().filter(s -> s.code().containsKey(target.name()))
        .mapToLong(s -> s.code().get(target.name()).scratchBytes()).max().orElse(0);
  }

  private long arenaBytes(Manifest.Target target) {
    return manifest.stages().stream().filter(s -> s.code().containsKey(target.name()))
        .mapToLong(s -> s.code().get(target.name()).arenaBytes()).max().orElse(0);
  }

  String text() {
    Manifest.Memory m = manifest.memory();
    StringBuilder s = new StringBuilder();
    s.append("weights      ").append(Bytes.text(m.weightsBytes())).append(", mapped from the file; ")
        .append(Bytes.text(m.bytesPerToken())).append(" of them are read for each token\n");
    s.append("KV cache     ").append(Bytes.text(m.kvBytesPerToken())).append(" a token");
    manifest.stages().stream().map(Manifest.Stage::kv).filter(kv -> kv != null).findFirst().ifPresent(kv -> s
        .append(" (k ").append(kv.k()).append(", v ").append(kv.v()).append(", ").append(kv.heads()).append(" heads of ")
        .append(kv.dim()).append(", pages of ").append(kv.page()).append(')'));
    s.append('\n');
    for (int context : contexts()) {
      s.append(String.format("             %s at a context of %d%n", Bytes.text(kvBytes(context)), context));
    }
    s.append("activations  for steps of up to ").append(m.maxRows()).append(" rows\n");
    for (Manifest.Target target : manifest.targets()) {
      s.append("             ").append(target.name()).append(": largest stage ").append(Bytes.text(arenaBytes(target)))
          .append(", ").append(Bytes.text(scratchBytes(target))).append(target.runsPrograms() ? " of scratch\n" : " of scratch for each thread\n");
    }
    int longest = manifest.model().maxSeqLen();
    s.append("in all       ").append(Bytes.text(m.weightsBytes() + kvBytes(longest) + m.arenaBytes()))
        .append(" at the longest context\n");
    return s.toString();
  }

  /** The same for the page. */
  List<ModelPage.Fact> facts() {
    Manifest.Memory m = manifest.memory();
    List<ModelPage.Fact> facts = new ArrayList<>();
    facts.add(new ModelPage.Fact("weights", Bytes.text(m.weightsBytes()) + ", mapped from the file"));
    facts.add(new ModelPage.Fact("read a token", Bytes.text(m.bytesPerToken()) + " of weights"));
    for (int context : contexts()) {
      facts.add(new ModelPage.Fact("KV cache", Bytes.text(kvBytes(context)) + " at a context of " + context));
    }
    for (Manifest.Target target : manifest.targets()) {
      facts.add(new ModelPage.Fact("activations", Bytes.text(arenaBytes(target)) + " for " + m.maxRows() + " rows on "
          + target.name() + ", and " + Bytes.text(scratchBytes(target)) + " for each thread"));
    }
    facts.add(new ModelPage.Fact("in all", Bytes.text(m.weightsBytes() + kvBytes(manifest.model().maxSeqLen())
        + m.arenaBytes()) + " at the longest context"));
    return facts;
  }

  Map<String, Object> json() {
    Manifest.Memory m = manifest.memory();
    Map<String, Object> byContext = new LinkedHashMap<>();
    contexts().forEach(context -> byContext.put(Integer.toString(context), kvBytes(context)));
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("weights_bytes", m.weightsBytes());
    json.put("bytes_per_token", m.bytesPerToken());
    json.put("kv_bytes_per_token", m.kvBytesPerToken());
    json.put("kv_bytes_by_context", byContext);
    json.put("arena_bytes", m.arenaBytes());
    json.put("max_rows", m.maxRows());
    return json;
  }
}
