package dev.catena.tools;

import dev.catena.artifact.ArtifactReader;
import dev.catena.ir.IrException;
import dev.catena.ir.Module;
import dev.catena.ir.text.CirReader;
import dev.catena.ir.text.WeightFiles;
import dev.catena.tools.page.Step;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** The modules that an artifact holds, one for each pass that was run. */
final class ArtifactIr {
  private final ArtifactReader reader;

  ArtifactIr(ArtifactReader reader) {
    this.reader = reader;
  }

  /** The passes in order, as {@code 00-import}. */
  List<String> passes() {
    List<String> passes = new ArrayList<>();
    for (String name : reader.names()) {
      if (name.startsWith("ir/") && name.endsWith(".cir")) {
        passes.add(name.substring("ir/".length(), name.length() - ".cir".length()));
      }
    }
    return passes;
  }

  /** The text after a pass, see {@link Inspection#ir}. */
  String text(String pass) {
    String text = new String(reader.bytes(entry(pass)), StandardCharsets.UTF_8);
    return text.endsWith("\n") ? text : text + "\n";
  }

  Module module(String pass) {
    String entry = entry(pass);
    return CirReader.parse(text(pass), reader.path() + ": " + entry, WeightFiles.NONE);
  }

  /** All of them, for a page. */
  List<Step> steps() {
    List<Step> steps = new ArrayList<>();
    for (String pass : passes()) {
      try {
        steps.add(Step.of(pass, CirReader.parse(text(pass), entry(pass), WeightFiles.NONE)));
      } catch (IrException e) {   // of another version, or damaged on purpose: the rest is still worth a look
        steps.add(Step.broken(pass, "This module can't be read: " + e.getMessage()));
      }
    }
    return steps;
  }

  private String entry(String pass) {
    List<String> passes = passes();
    String found = null;
    for (String candidate : passes) {
      if (pass.isEmpty() || candidate.equals(pass) || candidate.replaceFirst("^[0-9]+-", "").equals(pass)) {
        found = candidate;   // of a pass that ran twice, the last
      }
    }
    if (found == null) {
      throw new UserError(reader.path() + (pass.isEmpty() ? ": holds no IR" : ": holds no module after a pass '" + pass
          + "'; there are " + String.join(", ", passes)));
    }
    return "ir/" + found + ".cir";
  }
}
