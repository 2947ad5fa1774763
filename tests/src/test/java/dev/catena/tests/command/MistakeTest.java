package dev.catena.tests.command;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.catena.tests.model.ExportStyle;
import dev.catena.tests.model.LlamaModel;
import dev.catena.tests.model.LlamaShape;
import dev.catena.tests.model.OnnxContent;
import dev.catena.tests.model.OnnxElement;
import dev.catena.tests.model.OnnxGraphWriter;
import dev.catena.tests.model.PieceFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A user's mistake when compiling: one line on standard error that names what is wrong, nothing on standard output,
 * status 2, and nothing left behind.
 */
class MistakeTest {
  private static final LlamaShape SHAPE = LlamaShape.of(2, 1, 8, 24, 32, 2, 32);

  @TempDir Path folder;
  private PieceFolder pieces;

  @BeforeEach
  void writeModel() {
    pieces = LlamaModel.write(folder.resolve("model"), SHAPE, ExportStyle.F32, 37);
  }

  private void refused(List<?> arguments, String... named) {
    Refusal.check(folder, arguments, named);
  }

  private void compileRefused(String... named) {
    refused(List.of("compile", "model", "-o", "out.catena"), named);
  }

  @ParameterizedTest
  @CsvSource({"embed.onnx,embed", "decoder-merge-0.onnx,decoder", "norm.onnx,norm", "head.onnx,head"})
  void aMissingPiece(String file, String role) throws IOException {
    Files.delete(pieces.path().resolve(file));
    compileRefused(role, "missing");
  }

  @Test
  void noDecoderAtAll() throws IOException {
    Files.delete(pieces.decoder(0));
    Files.delete(pieces.decoder(1));
    compileRefused("decoder", "missing");
  }

  @ParameterizedTest
  @CsvSource({"embed.onnx,embed-2.onnx", "norm.onnx,norm_old.onnx", "head.onnx,head (1).onnx",
      "decoder-merge-1.onnx,decoder-merge-01.onnx"})
  void twoPiecesForOneRole(String file, String second) throws IOException {
    Files.copy(pieces.path().resolve(file), pieces.path().resolve(second));
    compileRefused(file, second);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "This is a letter, not a model.\n", "PK\u0003\u0004", "\u0000\u0000\u0000\u0000"})
  void aFileThatIsNotOnnx(String content) throws IOException {
    Files.writeString(pieces.norm(), content);
    compileRefused("norm.onnx");
  }

  @ParameterizedTest
  @ValueSource(doubles = {0.001, 0.3, 0.5, 0.9, 0.9999})
  void aTruncatedFile(double share) throws IOException {
    byte[] whole = Files.readAllBytes(pieces.decoder(1));
    Files.write(pieces.decoder(1), Arrays.copyOf(whole, (int) (whole.length * share)));
    compileRefused("decoder-merge-1.onnx");
  }

  @Test
  void anUnknownOperationIsNamedWithItsNode() {
    OnnxGraphWriter g = new OnnxGraphWriter(14);
    g.input("input", OnnxElement.F32, 1, "seq", SHAPE.hidden());
    g.output("output", OnnxElement.F32, 1, "seq", SHAPE.hidden());
    g.node("Frobnicate", "/final/strange_node", List.of("input"), List.of("output"));
    g.write(pieces.norm());
    compileRefused("norm.onnx", "Frobnicate", "/final/strange_node");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../weights.data", "../model/../weights.data"})
  void externalDataOutsideItsFolder(String location) {
    rewriteHeadWithDataIn(location);
    compileRefused("head.onnx", "weights.data");
  }

  @Test
  void externalDataAtAnAbsolutePath() {
    rewriteHeadWithDataIn(folder.resolve("weights.data").toString());
    compileRefused("head.onnx", "weights.data");
  }

  @Test
  void externalDataThroughALinkThatLeadsOutside() throws IOException {
    rewriteHeadWithDataIn("inside.data");
    Path inside = pieces.path().resolve("inside.data");
    Files.move(inside, folder.resolve("outside.data"));
    Files.createSymbolicLink(inside, folder.resolve("outside.data"));
    compileRefused("inside.data");
  }

  @Test
  void externalDataThatIsMissing() throws IOException {
    rewriteHeadWithDataIn("inside.data");
    Files.delete(pieces.path().resolve("inside.data"));
    compileRefused("inside.data");
  }

  @Test
  void externalDataThatIsTooShort() throws IOException {
    rewriteHeadWithDataIn("inside.data");
    Files.write(pieces.path().resolve("inside.data"), new byte[100]);
    compileRefused("inside.data");
  }

  private void rewriteHeadWithDataIn(String location) {
    OnnxGraphWriter g = new OnnxGraphWriter(14);
    g.input("input", OnnxElement.F32, 1, "seq", SHAPE.hidden());
    g.output("output", OnnxElement.F32, 1, "seq", SHAPE.vocab());
    g.initializer("w", OnnxContent.reals(OnnxElement.F32,
        new float[SHAPE.hidden() * SHAPE.vocab()], SHAPE.hidden(), SHAPE.vocab()));
    g.node("MatMul", "/MatMul", List.of("input", "w"), List.of("output"));
    g.write(pieces.head(), location);
  }

  @ParameterizedTest
  @CsvSource(delimiter = ' ', value = {"--target vax", "--target cpu:z80", "--target cpu,vax", "--wbits 5", "--wbits four",
      "--group-size 7", "--group-size -3", "--head-bits 5", "--embed-bits 1", "--kv-bits 5", "--kv-bits 16,16,16",
      "--activations f8", "--quant magic", "--pipeline magic", "--pipeline fold{", "--print-after magic",
      "--max-seq-len 33", "--max-seq-len -1", "--tokenizer nowhere.json"})
  void anOptionThatCannotBe(String option, String value) {
    refused(List.of("compile", "model", "-o", "out.catena", option, value), value.replaceAll("[{,].*", ""));
  }

  @Test
  void anUnknownOption() {
    refused(List.of("compile", "model", "-o", "out.catena", "--frobnicate"), "--frobnicate");
  }

  @Test
  void anInputThatIsNotThere() {
    refused(List.of("compile", "nowhere", "-o", "out.catena"), "nowhere");
  }

  @Test
  void aFolderWithoutModels() throws IOException {
    Files.createDirectory(folder.resolve("empty"));
    refused(List.of("compile", "empty", "-o", "out.catena"), "empty");
  }

  @Test
  void anOutputFolderThatIsNotThere() {
    refused(List.of("compile", "model", "-o", "nowhere/out.catena"), "nowhere");
  }

  @Test
  void anOutputThatIsAFolder() throws IOException {
    Files.createDirectory(folder.resolve("taken"));
    refused(List.of("compile", "model", "-o", "taken"), "taken");
  }

  @Test
  void anOutputThatWouldReplaceTheModel() throws IOException {
    byte[] norm = Files.readAllBytes(pieces.norm());
    refused(List.of("compile", "model", "-o", "model/norm.onnx"), "norm.onnx", "input");
    refused(List.of("compile", "model/norm.onnx", "-o", "model/../model/norm.onnx"), "norm.onnx", "input");
    assertArrayEquals(norm, Files.readAllBytes(pieces.norm()));
  }

  @Test
  void aTokenizerThatIsNone() throws IOException {
    Files.writeString(pieces.path().resolve("tokenizer.json"), "{\"model\": 7}");
    compileRefused("tokenizer.json");
  }

  @Test
  void aConfigurationThatIsNone() throws IOException {
    Files.writeString(pieces.path().resolve("config.json"), "{\"bos_token_id\": ");
    compileRefused("config.json");
  }

  @Test
  void piecesOfDifferentModels() {
    LlamaModel.write(folder.resolve("other"), LlamaShape.of(3, 1, 8, 24, 32, 2, 32), ExportStyle.F32, 41);
    copy("other/decoder-merge-1.onnx", "model/decoder-merge-1.onnx");
    compileRefused("decoder-merge-1.onnx");
  }

  @Test
  void piecesOfDifferentTypes() {
    LlamaModel.write(folder.resolve("other"), SHAPE, ExportStyle.F16, 41);
    copy("other/decoder-merge-1.onnx", "model/decoder-merge-1.onnx");
    compileRefused("decoder-merge-1.onnx");
  }

  private void copy(String from, String to) {
    try {
      Files.copy(folder.resolve(from), folder.resolve(to), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void anArtifactThatWasThereSurvivesAFailedCompilation() throws IOException {
    Files.writeString(folder.resolve("out.catena"), "precious");
    Files.delete(pieces.norm());
    compileRefused("norm");
    assertEquals("precious", Files.readString(folder.resolve("out.catena")));
  }

  @Test
  void noCommandAtAll() {
    refused(List.of(), "--help");
  }
}
