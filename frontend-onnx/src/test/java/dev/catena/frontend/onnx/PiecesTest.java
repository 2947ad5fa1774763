package dev.catena.frontend.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.ir.Stage;
import dev.catena.ir.Verifier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which file plays which part, in which order, and what is said where a folder isn't one whole model. */
class PiecesTest {
  @TempDir
  Path root;

  private static List<String> sources(Path folder) {
    try (ImportedModel m = OnnxImporter.importModel(folder)) {
      Verifier.verify(m.module());
      return m.module().stages().stream().map(s -> s.textAttribute("source")).toList();
    }
  }

  private Path model(String pattern, int... numbers) {
    return SplitModel.small().write(root.resolve("m"), pattern, numbers);
  }

  private static void refused(Path folder, String... parts) {
    Refusal.of(() -> OnnxImporter.importModel(folder), parts);
  }

  @ParameterizedTest
  @ValueSource(strings = {"decoder-%d.onnx", "decoder-merge-%d.onnx", "decoder_%d.onnx", "layer.%d.onnx", "%d.onnx",
      "block%02d.onnx", "llama2-decoder-%d-fp16.onnx", "Decoder_%d_of_12.onnx", "decoder%d.ONNX"})
  void decodersFollowTheirNumbersInAnyStyle(String pattern) {
    Path folder = model(pattern, IntStream.range(0, 12).toArray());
    List<String> want = IntStream.range(0, 12).mapToObj(i -> String.format(pattern, i)).toList();
    assertEquals(want, sources(folder).subList(1, 13));
  }

  @Test
  void aSingleDecoderNeedsNoNumber() {
    assertEquals(List.of("embed.onnx", "decoder.onnx", "norm.onnx", "head.onnx"), sources(model("decoder.onnx", 0)));
  }

  @Test
  void otherFilesAndFoldersAreIgnored() throws IOException {
    Path folder = model("decoder-%d.onnx", 0, 1);
    Files.createDirectories(folder.resolve("test/embed"));
    Files.createDirectory(folder.resolve("folder.onnx"));
    Files.writeString(folder.resolve("README.md"), "not a model");
    assertEquals(5, sources(folder).size());
  }

  @Test
  void rolesComeFromInputsAndOutputsNotNames() throws IOException {
    Path folder = model("stage-%d.onnx", 0, 1);
    Files.move(folder.resolve("embed.onnx"), folder.resolve("c.onnx"));
    Files.move(folder.resolve("norm.onnx"), folder.resolve("a.onnx"));
    Files.move(folder.resolve("head.onnx"), folder.resolve("b.onnx"));
    assertEquals(List.of("c.onnx", "stage-0.onnx", "stage-1.onnx", "a.onnx", "b.onnx"), sources(folder));
  }

  @Test
  void aVocabularyAsWideAsTheHiddenStateIsToldByName() throws IOException {
    Path folder = new SplitModel(8, 2, 8).write(root.resolve("m"), "decoder-%d.onnx", 0);
    assertEquals(List.of("embed.onnx", "decoder-0.onnx", "norm.onnx", "head.onnx"), sources(folder));
    Files.move(folder.resolve("norm.onnx"), folder.resolve("p.onnx"));
    Files.move(folder.resolve("head.onnx"), folder.resolve("o.onnx"));
    assertEquals(List.of("embed.onnx", "decoder-0.onnx", "p.onnx", "o.onnx"), sources(folder), "by content");
  }

  @Test
  void aMissingPieceIsNamed() throws IOException {
    for (String piece : List.of("embed", "norm", "head")) {
      Path folder = SplitModel.small().write(root.resolve(piece), "decoder-%d.onnx", 0, 1);
      Files.delete(folder.resolve(piece + ".onnx"));
      refused(folder, piece + ": the " + piece + " piece is missing");
    }
    refused(SplitModel.small().write(root.resolve("none"), "decoder-%d.onnx"), "none: the decoder piece is missing");
    refused(Files.createDirectory(root.resolve("void")), "void: the folder holds no .onnx file");
    refused(root.resolve("nowhere"), "nowhere: no such file or folder");
  }

  @Test
  void aGapIsNamed() throws IOException {
    Path folder = model("decoder-%d.onnx", 0, 1, 3);
    refused(folder, "decoder 2 is missing", "decoder-3.onnx");
    Files.delete(folder.resolve("decoder-0.onnx"));
    refused(folder, "decoder 0 is missing");
  }

  @Test
  void countingFromOneIsBelievedIfTheConfigAgrees() throws IOException {
    Path folder = model("decoder-%d.onnx", 1, 2);
    refused(folder, "decoder 0 is missing", "num_hidden_layers");
    Files.writeString(folder.resolve("config.json"), "{\"num_hidden_layers\": 2}");
    assertEquals("decoder-1.onnx", sources(folder).get(1));
    Files.writeString(folder.resolve("config.json"), "{\"num_hidden_layers\": 3}");
    refused(folder, "decoder 0 is missing");
  }

  @Test
  void aLostLastDecoderIsNoticedByTheConfig() throws IOException {
    Path folder = model("decoder-%d.onnx", 0, 1);
    Files.writeString(root.resolve("config.json"), "{\"num_hidden_layers\" : 3}");
    refused(folder, "2 decoder pieces, config.json says 3 layers", "after decoder-1.onnx are missing");
  }

  @Test
  void twoPiecesForOneRole() throws IOException {
    Path folder = model("decoder-%d.onnx", 0, 1);
    for (String piece : List.of("embed", "norm", "head")) {
      Path copy = Files.copy(folder.resolve(piece + ".onnx"), folder.resolve(piece + "-copy.onnx"));
      refused(folder, "two pieces for the role " + piece + ": " + piece + "-copy.onnx and " + piece + ".onnx");
      Files.delete(copy);
    }
    Files.copy(folder.resolve("decoder-1.onnx"), folder.resolve("decoder-copy-1.onnx"));
    refused(folder, "two pieces are decoder 1: decoder-1.onnx and decoder-copy-1.onnx");
  }

  @Test
  void aStrangerInTheFolderIsNamed() {
    Path folder = model("decoder-%d.onnx", 0);
    new ModelBytes().input("a", 1, 2).input("b", 1, 2).output("c", 1, 2).node("Add", "a b", "c")
        .write(folder.resolve("other.onnx"));
    refused(folder, "other.onnx: is neither embed, decoder, norm nor head");
  }

  @Test
  void onePieceAloneIsNoModel() {
    Path folder = model("decoder-%d.onnx", 0);
    refused(folder.resolve("embed.onnx"), "embed.onnx: is one piece of a split model; name the folder");
  }

  @Test
  void piecesOfDifferentModels() throws IOException {
    Path folder = model("decoder-%d.onnx", 0, 1);
    new SplitModel(16, 2, 16).decoder().write(folder.resolve("decoder-1.onnx"));
    refused(folder, "decoder-0.onnx gives hidden size 8, decoder-1.onnx takes 16");
    new SplitModel(8, 4, 16).decoder().write(folder.resolve("decoder-1.onnx"));
    refused(folder, "decoder-0.onnx and decoder-1.onnx have different caches");
    SplitModel.small().decoder().write(folder.resolve("decoder-1.onnx"));
    new SplitModel(4, 2, 16).head().write(folder.resolve("head.onnx"));
    refused(folder, "norm.onnx gives hidden size 8, head.onnx takes 4");
  }

  /** Inputs in any order, under any names: also where the names of key and value are misleading or say nothing. */
  @Test
  void argumentsAreToldByWhatTheGraphDoesWithThem() throws IOException {
    String[][] namings = {{"x", "mask", "pos", "pk", "pv"}, {"in0", "in1", "in2", "in3", "in4"},
        {"hid", "attn", "ids", "cache_value", "cache_key"}};
    for (String order : List.of("xmpkv", "vkpmx", "kmvxp")) {
      for (String[] names : namings) {
        Path folder = model("decoder-%d.onnx", 0);
        SplitModel.small().decoder(order, names).write(folder.resolve("decoder-0.onnx"));
        try (ImportedModel m = OnnxImporter.importModel(folder)) {
          Verifier.verify(m.module());
          Stage s = m.module().stage("decoder_0");
          assertEquals(List.of(names), s.arguments().stream().map(a -> a.name()).toList(), order);
          assertEquals(List.of("y", "new_" + names[3], "new_" + names[4]), s.outputNames());
          assertEquals(names[0], s.textAttribute("arg.hidden"));
          assertEquals(names[1], s.textAttribute("arg.mask"));
          assertEquals(names[2], s.textAttribute("arg.positions"));
          assertEquals(names[3], s.textAttribute("arg.past_key"));
          assertEquals(names[4], s.textAttribute("arg.past_value"));
          assertEquals("y", s.textAttribute("out.hidden"));
          assertEquals("new_" + names[3], s.textAttribute("out.present_key"));
          assertEquals("new_" + names[4], s.textAttribute("out.present_value"));
        }
      }
    }
  }
}
