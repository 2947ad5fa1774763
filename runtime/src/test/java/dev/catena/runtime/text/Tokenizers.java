package dev.catena.runtime.text;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;

/** The tokenizers that the tests of this package read with. */
final class Tokenizers {
    static final Path TALE = Path.of("../models/tale");

    private Tokenizers() {
    }

    static byte[] taleJson() {
        try {
            return Files.readAllBytes(TALE.resolve("tokenizer.json"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** That of {@link #TALE} with another regular expression to split texts by. */
    static TextTokenizer taleWithSplit(String pattern) {
        String json = new String(taleJson(), StandardCharsets.UTF_8);
        String quoted = "\"" + pattern.replace("\\", "\\\\") + "\"";
        String changed = json.replaceFirst("\"Regex\": \"'s.*\"", Matcher.quoteReplacement("\"Regex\": " + quoted));
        return TextTokenizer.of(changed.getBytes(StandardCharsets.UTF_8), "tale");
    }

    /**
     * A tokenizer in Llama 2's form: ▁ for spaces, bytes for what the vocabulary lacks. Ids: 0 &lt;unk&gt;, 1 &lt;s&gt;,
     * 2 &lt;/s&gt;, 3 to 258 the bytes, then ▁ and the printable ASCII characters, then the merged pieces.
     *
     * @param decoder the decoder object's JSON
     */
    static TextTokenizer sentencepiece(String decoder) {
        StringBuilder vocab = new StringBuilder("\"<unk>\":0,\"<s>\":1,\"</s>\":2");
        int id = 3;
        for (int b = 0; b < 256; b++) {
            vocab.append(String.format(",\"<0x%02X>\":%d", b, id++));
        }
        vocab.append(",\"▁\":").append(id++);
        for (char c = '!'; c <= '~'; c++) {
            if (c != '"' && c != '\\') {
                vocab.append(",\"").append(c).append("\":").append(id++);
            }
        }
        String[] merges = {"▁ a", "t h", "▁ th", "▁th e", "i n", "▁ ▁"};
        StringBuilder rules = new StringBuilder();
        for (String merge : merges) {
            vocab.append(",\"").append(merge.replace(" ", "")).append("\":").append(id++);
            rules.append(rules.length() == 0 ? "" : ",").append('"').append(merge).append('"');
        }
        String json = """
                {"version":"1.0","added_tokens":[
                  {"id":0,"content":"<unk>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
                  {"id":1,"content":"<s>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false},
                  {"id":2,"content":"</s>","special":true,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false}],
                 "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},
                   {"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
                 "pre_tokenizer":null,
                 "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
                   {"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
                   "special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}},
                 "decoder":%s,
                 "model":{"type":"BPE","dropout":null,"unk_token":"<unk>","continuing_subword_prefix":null,"end_of_word_suffix":null,
                   "fuse_unk":true,"byte_fallback":true,"vocab":{%s},"merges":[%s]}}
                """.formatted(decoder, vocab, rules);
        return TextTokenizer.of(json.getBytes(StandardCharsets.UTF_8), "sentencepiece");
    }

    static final String LLAMA2_DECODER = """
            {"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
             {"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}""";

    /** What Llama 2's decoder does, in a form that TokenBytes has no table for: the window decodes it. */
    static final String METASPACE_DECODER = """
            {"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}""";
}
