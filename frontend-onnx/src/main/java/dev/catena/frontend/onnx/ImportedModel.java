package dev.catena.frontend.onnx;

import dev.catena.ir.FileWeight;
import dev.catena.ir.MappedFile;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.Value;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A module with the files that its weights refer to. Weights can be read until it is closed. A driver that is done with
 * a stage calls {@link MappedFile#unmap} on the stage's files: what is needed again is mapped again.
 */
public final class ImportedModel implements AutoCloseable {
  private final Module module;
  private final OpenFiles files;
  private final Map<Stage, List<MappedFile>> filesOf = new IdentityHashMap<>();
  private final List<String> warnings;

  private final List<String> inputNames;
  private final List<String> outputNames;

  ImportedModel(Module module, OpenFiles files, Map<Stage, MappedFile> sources, Set<String> warnings,
      List<String> inputNames, List<String> outputNames) {
    this.inputNames = List.copyOf(inputNames);
    this.outputNames = List.copyOf(outputNames);
    this.module = module;
    this.files = files;
    this.warnings = List.copyOf(warnings);
    sources.forEach((stage, source) -> filesOf.put(stage, filesUsed(stage, source)));
  }

  /** A module that was made otherwise, whose weights lie in no file. */
  public static ImportedModel of(Module module) {
    return new ImportedModel(module, new OpenFiles(), Map.of(), Set.of(), List.of(), List.of());
  }

  private static List<MappedFile> filesUsed(Stage stage, MappedFile source) {
    Set<MappedFile> used = new LinkedHashSet<>(List.of(source));
    for (Operation op : stage.operations()) {
      for (Value v : op.operands()) {
        if (v != null && v.weight() != null && v.weight().data() instanceof FileWeight w) {
          used.add(w.file());
        }
      }
    }
    return List.copyOf(used);
  }

  public Module module() {
    return module;
  }

  /** The files that the stage came from: its graph, and those its weights lie in, as it was imported. */
  public List<MappedFile> filesOf(Stage stage) {
    return filesOf.getOrDefault(stage, List.of());
  }

  /** How the file calls the arguments of its stage, where it was imported as one. */
  public List<String> inputNames() {
    return inputNames;
  }

  /** How the file calls the outputs of its stage, where it was imported as one. */
  public List<String> outputNames() {
    return outputNames;
  }

  /** One line each, for the user: what was accepted although it is unusual. */
  public List<String> warnings() {
    return warnings;
  }

  @Override
  public void close() {
    files.close();
  }
}
