/** The HTTP server of {@code catena serve}: an API after OpenAI's completions, over a scheduler. */
package dev.catena.tools.serve;
