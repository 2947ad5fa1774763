package dev.catena.tools;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.CatenaModel;
import dev.catena.runtime.text.TextTokenizer;
import java.nio.file.Path;
import java.util.Optional;

/** An artifact opened by a command, with its tokenizer where text is read or written. */
final class OpenModel implements AutoCloseable {
  private final Path file;
  private final CatenaModel model;
  private final Optional<TextTokenizer> tokenizer;

  private OpenModel(Path file, CatenaModel model, Optional<TextTokenizer> tokenizer) {
    this.file = file;
    this.model = model;
    this.tokenizer = tokenizer;
  }

  static OpenModel open(Path file, boolean withTokenizer) {
    CatenaModel model = CatenaModel.open(file);
    try {
      return new OpenModel(file, model, withTokenizer
          ? model.tokenizerJson().map(json -> TextTokenizer.of(json, file + ": tokenizer.json")) : Optional.empty());
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  CatenaModel model() {
    return model;
  }

  Manifest.Model facts() {
    return model.manifest().model();
  }

  /** The tokenizer, if it was asked for and the artifact has one. */
  Optional<TextTokenizer> tokenizer() {
    return tokenizer;
  }

  /** @throws UserError when the artifact has none */
  TextTokenizer requireTokenizer() {
    return tokenizer.orElseThrow(() -> new UserError(file + ": has no tokenizer, so it takes no text; "
        + "give token ids with 'catena run --ids', or compile it with --tokenizer"));
  }

  @Override
  public void close() {
    tokenizer.ifPresent(TextTokenizer::close);
    model.close();
  }
}
