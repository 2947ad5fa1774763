package dev.catena.tools;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.codegen.CodeStore;
import dev.catena.codegen.cuda.CudaTarget;
import dev.catena.codegen.cuda.NvrtcCompiler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TunePackMakerTest {
  private static final ModelShape SHAPE = new ModelShape("tiny", 1, 32, 40, 2, 1, 50, 64, 10000);

  @TempDir Path folder;

  /** Files that end the process, as far as the maker can tell, when one more than so many would be written. */
  private static final class EndingAfter implements CodeStore.Files {
    private final CodeStore.Files files;
    private final TreeSet<String> written = new TreeSet<>();
    private final int most;

    EndingAfter(int most, CodeStore.Files files) {
      this.most = most;
      this.files = files;
    }

    @Override
    public Optional<byte[]> read(String name) throws IOException {
      return files.read(name);
    }

    @Override
    public synchronized void write(String name, byte[] bytes) throws IOException {
      if (written.size() == most) {
        throw new IllegalStateException("ended");
      }
      written.add(name);
      files.write(name, bytes);
    }
  }

  private static byte[] made(CodeStore.Files files) throws IOException {
    return new TunePackMaker(CudaTarget.parse("sm_86"), 1, false, new NvrtcCompiler(new CodeStore(files))).make(List.of(SHAPE), List.of(32), List.of(1)).bytes();
  }

  @Test
  void whatWasCompiledBeforeTheProcessEndedIsNotCompiledAgain() throws IOException {
    Path kept = folder.resolve("linear.pack.part");
    EndingAfter ended = new EndingAfter(4, CachedFiles.of(kept));
    assertThrows(RuntimeException.class, () -> made(ended));
    assertEquals(4, ended.written.size());
    assertEquals(ended.written, names(kept));
    EndingAfter goingOn = new EndingAfter(Integer.MAX_VALUE, CachedFiles.of(kept));
    byte[] resumed = made(goingOn);
    assertFalse(goingOn.written.isEmpty());
    assertTrue(goingOn.written.stream().noneMatch(ended.written::contains), "nothing was compiled twice");
    EndingAfter undisturbed = new EndingAfter(Integer.MAX_VALUE, CachedFiles.of(folder.resolve("other")));
    assertArrayEquals(made(undisturbed), resumed);
    assertEquals(names(folder.resolve("other")), names(kept));
  }

  @Test
  void whatIsKeptMeanwhileIsRemovedAndNothingElse() throws IOException {
    Path kept = folder.resolve("linear.pack.part");
    CachedFiles files = CachedFiles.of(kept);
    files.write("0".repeat(64), new byte[] {1});
    Files.write(kept.resolve("." + "1".repeat(64) + ".8f3a"), new byte[] {2});      // of a process that was killed
    Files.writeString(kept.resolve("notes.txt"), "mine");
    files.remove();
    assertEquals(new TreeSet<>(List.of("notes.txt")), names(kept));
    Files.delete(kept.resolve("notes.txt"));
    files.remove();
    assertFalse(Files.exists(kept));
  }

  private static TreeSet<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return new TreeSet<>(files.map(file -> file.getFileName().toString()).toList());
    }
  }
}
