package dev.catena.passes;

/** Watches a pipeline: prints, dumps, keeps what is needed to reproduce a failure. Changes nothing. */
public interface PassObserver {
  /** After a pass that went well; step 0 is the module before the first, called {@code import}. */
  void after(PassResult result);

  /** A pass threw, or its result broke an invariant. The module is in pieces then; the last result is the one before. */
  default void failed(Pipeline.Step step, RuntimeException failure) {}
}
