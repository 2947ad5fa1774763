package dev.catena.ir;

/** What the evaluator computes with: a tensor, the sequences of a step, or a cache. */
public sealed interface EvalValue permits Tensor, Sequences, Cache {}
