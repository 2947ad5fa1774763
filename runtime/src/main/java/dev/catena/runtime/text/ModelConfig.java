package dev.catena.runtime.text;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * What the files beside a model say about its tokens and context. Each file is looked for in the model's folder, else its
 * parent ({@link ModelFiles}); a missing file is fine.
 *
 * <p>BOS and EOS come from the first of {@code generation_config.json}, {@code genai_config.json}, {@code config.json} that
 * names them (generation goes by the first, and fine-tuned models often correct EOS only there). The context length is
 * {@code model.context_length} of {@code genai_config.json}, else {@code max_position_embeddings} or the older
 * {@code n_positions} of {@code config.json}. Whether BOS is put before a prompt is {@code add_bos_token} of
 * {@code tokenizer_config.json}, else whether the post-processor of {@code tokenizer.json} puts it there.
 *
 * @param bos           id of the token that begins a sequence
 * @param eos           ids of the tokens that end one, none twice; empty if the files name none
 * @param contextLength tokens that a sequence may have
 * @param addBos        whether a prompt starts with {@code bos}; false without one
 */
public record ModelConfig(OptionalInt bos, List<Integer> eos, OptionalInt contextLength, boolean addBos) {
    public ModelConfig {
        eos = List.copyOf(eos);
    }

    /**
     * Reads the files of a model whose tokenizer, if any, is beside it.
     *
     * @param modelFolder folder of the ONNX files
     * @throws ModelConfigException in one line that names the file, if one is not JSON, larger than 16 MiB or has a value of the
     *                              wrong type
     * @throws TokenizerException   likewise for {@code tokenizer.json}
     */
    public static ModelConfig read(Path modelFolder) {
        return read(modelFolder, ModelFiles.find(modelFolder, "tokenizer.json"));
    }

    /** Reads the files of a model with the {@code tokenizer.json} that was chosen for it; see {@link #read(Path)}. */
    public static ModelConfig read(Path modelFolder, Optional<Path> tokenizer) {
        ConfigFile config = ConfigFile.find(modelFolder, "config.json");
        ConfigFile generation = ConfigFile.find(modelFolder, "generation_config.json");
        ConfigFile genai = ConfigFile.find(modelFolder, "genai_config.json").at("model");
        ConfigFile tokenizerConfig = ConfigFile.find(modelFolder, "tokenizer_config.json");
        // Models that also see or hear keep the language model's values one level down.
        ConfigFile language = config.at("text_config");

        OptionalInt bos = first(Stream.of(generation, genai, config, language).map(file -> file.id("bos_token_id")));
        List<Integer> eos = Stream.of(generation, genai, config, language).map(file -> file.ids("eos_token_id"))
                .filter(ids -> !ids.isEmpty()).findFirst().orElse(List.of());
        OptionalInt contextLength = first(Stream.of(
                genai.positive("context_length"),
                config.positive("max_position_embeddings"), language.positive("max_position_embeddings"),
                config.positive("n_positions"), language.positive("n_positions")));
        Optional<Boolean> addBos = tokenizerConfig.flag("add_bos_token");
        boolean adds = bos.isPresent() && addBos.orElseGet(() ->
                tokenizer.isPresent() && TokenizerJson.read(tokenizer.get()).leadingSpecial().equals(bos));
        return new ModelConfig(bos, eos, contextLength, adds);
    }

    private static OptionalInt first(Stream<OptionalInt> values) {
        return values.filter(OptionalInt::isPresent).findFirst().orElse(OptionalInt.empty());
    }
}
