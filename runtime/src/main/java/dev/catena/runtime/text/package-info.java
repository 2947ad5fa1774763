/**
 * Text to ids and back: {@link dev.catena.runtime.text.TextTokenizer} encodes and decodes,
 * {@link dev.catena.runtime.text.TextStream} turns ids into text as they come, and
 * {@link dev.catena.runtime.text.ModelConfig} reads what a model's own files say about BOS, EOS and context length.
 * Imports nothing of the rest of the runtime; the compiler reads configurations with it too.
 */
package dev.catena.runtime.text;
