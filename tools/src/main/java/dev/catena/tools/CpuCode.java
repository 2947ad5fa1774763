package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.codegen.cpu.CpuLibrary;
import dev.catena.codegen.cpu.StageFacts;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** A shared library with a function for each stage structure. */
record CpuCode(CpuLibrary library) implements TargetCode {
  @Override
  public Manifest.Target manifest() {
    return Manifest.Target.ofCpu(library.target().name(), library.target().features(), entry("so"));
  }

  @Override
  public Manifest.Code codeOf(int stage) {
    StageFacts facts = library.stages().get(stage);
    return new Manifest.Code(facts.symbol(), facts.arenaBytes(), facts.scratchBytes());
  }

  @Override
  public Map<String, byte[]> entries() {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put(entry("so"), library.library());
    entries.put(entry("c"), library.source().getBytes(StandardCharsets.UTF_8));
    return entries;
  }

  private String entry(String suffix) {
    return "code/" + library.target().name() + "/model." + suffix;
  }
}
