package dev.catena.tools;

import dev.catena.artifact.Manifest;
import java.util.Map;

/** The code of all stages for one target, as the artifact takes it. */
interface TargetCode {
  /** What the manifest says of the target. */
  Manifest.Target manifest();

  /** What the manifest says of a stage, by its place in the chain. */
  Manifest.Code codeOf(int stage);

  /** The artifact's entries by name. Targets may share one. */
  Map<String, byte[]> entries();
}
