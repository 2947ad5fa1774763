/**
 * From logits to the next token id: {@link dev.catena.runtime.sampling.SamplingParameters} say how,
 * {@link dev.catena.runtime.sampling.Sampler} does it, {@link dev.catena.runtime.sampling.Philox} is its chance.
 */
package dev.catena.runtime.sampling;
