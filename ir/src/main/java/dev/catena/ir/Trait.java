package dev.catena.ir;

/** What passes may rely on, stated by an operation's declaration. */
public enum Trait {
  PURE("depends on its operands alone and changes nothing: may be removed, duplicated, folded"),
  COMMUTATIVE("the first two operands may be exchanged"),
  ELEMENTWISE("each result element depends on the operand elements at the same (broadcast) place"),
  CONSTANT("a literal; its elements are the attribute value"),
  SAME_ELEMENTS("returns its first operand's elements unchanged, in the same order"),
  MOVES_DATA("moves or selects elements without computing with them"),
  IN_PLACE("its first operand's buffer may become its result's"),
  VIEW("its result lies inside its first operand's buffer: nothing is launched");

  private final String doc;

  Trait(String doc) {
    this.doc = doc;
  }

  /** What the trait promises, as the reference page says it. */
  public String doc() {
    return doc;
  }
}
