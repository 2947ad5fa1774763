package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.codegen.KvFormat;
import dev.catena.codegen.RowCount;
import dev.catena.codegen.StageLaunches;
import dev.catena.ir.Module;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Puts together {@code manifest.json} from what the compilation found out. */
final class ManifestBuilder {
  private final Map<String, String> settings;
  private final Module module;
  private final ModelFacts facts;
  private final Map<String, Integer> operations;

  /** @param settings the effective ones, as printed */
  ManifestBuilder(Map<String, String> settings, Module module, ModelFacts facts, Map<String, Integer> operations) {
    this.settings = settings;
    this.module = module;
    this.facts = facts;
    this.operations = operations;
  }

  Manifest build(List<StageLaunches> stages, List<TargetCode> generated, StageWeights weights) {
    List<Manifest.Target> targets = generated.stream().map(TargetCode::manifest).toList();
    List<Manifest.Stage> list = new ArrayList<>();
    long kvPerToken = 0;
    long arena = 0;
    for (int i = 0; i < stages.size(); i++) {
      StageLaunches s = stages.get(i);
      Map<String, Manifest.Code> code = new LinkedHashMap<>();
      for (int t = 0; t < targets.size(); t++) {
        Manifest.Code c = generated.get(t).codeOf(i);
        code.put(targets.get(t).name(), c);
        arena = Math.max(arena, c.arenaBytes());
      }
      Manifest.Kv kv = s.kv().map(ManifestBuilder::kv).orElse(null);
      kvPerToken += kv == null ? 0 : kv.pageBytes() / kv.page();
      list.add(new Manifest.Stage(s.stage().name(), s.stage().textAttribute("role"), input(s), output(s), kv, code,
          weights.manifestOf(s)));
    }
    return new Manifest(Manifest.FORMAT, Version.COMPILER,
        new Manifest.Model(module.name(), facts.vocab(), facts.hidden(), facts.layers(), facts.maxSeqLen(), facts.bos(),
            facts.eos(), facts.addBos()),
        settings, targets, list,
        new Manifest.Memory(stages.get(0).maxRows(), weights.totalBytes(), kvPerToken, arena, weights.bytesPerToken()),
        operations, Map.of());
  }

  private static Manifest.Port input(StageLaunches s) {
    if (!s.readsRows()) {
      return new Manifest.Port("tokens", 1);
    }
    return new Manifest.Port(s.inputRows() == RowCount.SELECTED ? "selected" : "rows", s.inputWidth());
  }

  private static Manifest.Port output(StageLaunches s) {
    return new Manifest.Port(s.outputRows() == RowCount.SELECTED ? "selected" : "rows", s.outputWidth());
  }

  private static Manifest.Kv kv(KvFormat f) {
    return new Manifest.Kv(storage(f.k()), storage(f.v()), f.heads(), f.dim(), KvFormat.PAGE, f.pageBytes());
  }

  /** The manifest names stored integers by their width; that codes are unsigned is part of the layout. */
  private static String storage(KvFormat.Element e) {
    return switch (e) {
      case F32 -> "f32";
      case F16 -> "f16";
      case U8 -> "i8";
      case U4 -> "i4";
    };
  }
}
