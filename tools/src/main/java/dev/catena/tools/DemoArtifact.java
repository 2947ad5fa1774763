package dev.catena.tools;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.CacheFolder;
import dev.catena.artifact.CatenaException;
import dev.catena.codegen.cpu.CpuTarget;
import dev.catena.tools.CompileSettings.Activations;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The demo's model as compiled for this CPU, kept in the user's cache folder until the model or Catena changes. */
final class DemoArtifact {
  /** A model this small has few columns to lose: 128 of them under one scale can be heard in its stories. */
  private static final int GROUP = 32;

  private final Path model;

  /** @param model folder of its pieces; tokenizer and configuration lie in the parent */
  DemoArtifact(Path model) {
    this.model = model;
  }

  /** The artifact, compiled now if it isn't there. */
  Path compiled() throws IOException {
    CpuTarget target = CpuTarget.host();
    Path folder = CacheFolder.open().folder("demo").path();
    Path artifact = folder.resolve("tale-" + key(target) + ".catena");
    if (!isWhole(artifact)) {
      Console.note("compiling " + model + " at 4 bits for " + target.name());
      removeOlder(folder);
      new ModelCompiler(new CompileSettings(model, artifact, List.of(target), 4, GROUP, false, 16, 8, true, 16, 16, Optional.of(Activations.F32),
          Optional.empty(), 0, Optional.empty(), new PipelineOptions(), 256, Quantization.roundToNearest(), Map.of(), Optional.empty(), false)).compile();
    }
    return artifact;
  }

  private static boolean isWhole(Path artifact) {
    if (!Files.exists(artifact)) {
      return false;
    }
    try (ArtifactReader reader = ArtifactReader.open(artifact)) {
      return true;
    } catch (CatenaException e) {
      return false;
    }
  }

  private static void removeOlder(Path folder) throws IOException {
    try (DirectoryStream<Path> older = Files.newDirectoryStream(folder, "tale-*.catena")) {
      for (Path file : older) {
        Files.deleteIfExists(file);
      }
    }
  }

  /** Changes with anything that the artifact's bytes may depend on: the model's files, the target, this build. */
  private String key(CpuTarget target) throws IOException {
    StringBuilder inputs = new StringBuilder(Version.COMPILER + " group " + GROUP + " " + target);
    try {
      Path ownJar = Path.of(DemoArtifact.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      for (Path folder : List.of(model, model.getParent(), ownJar.getParent())) {
        try (Stream<Path> files = Files.list(folder)) {
          for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
            inputs.append('\n').append(file).append(' ').append(Files.size(file)).append(' ')
                .append(Files.getLastModifiedTime(file).toMillis());
          }
        }
      }
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(inputs.toString().getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(hash, 0, 6);
    } catch (URISyntaxException | NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
