package dev.catena.passes;

import java.util.List;

/** All passes, in the order in which the default pipeline runs them. */
public final class Passes {
  private static final List<Pass> ALL = List.of(new FoldPass(), new CleanPass(), new RaisePass(), new SharePass(), new MergePass(),
      new NamePass(), new QuantizePass(), new KvCachePass(), new WidenPass(), new SelectRowsPass(), new LowerPass(),
      new PlanPass());

  private Passes() {}

  public static List<Pass> all() {
    return ALL;
  }

  /** The pass of this name; an unknown one is an error that lists those there are. */
  public static Pass get(String name) {
    return ALL.stream().filter(p -> p.name().equals(name)).findFirst()
        .orElseThrow(() -> new PassException("there is no pass " + name + "; there are "
            + String.join(", ", ALL.stream().map(Pass::name).toList())));
  }
}
