package dev.catena.ir;

/** What passes may rely on, stated by an operation's declaration. */
public enum Trait {
  /** Depends on its operands alone and changes nothing: may be removed, duplicated, folded. */
  PURE,
  /** The first two operands may be exchanged. */
  COMMUTATIVE,
  /** Each result element depends on the operand elements at the same (broadcast) place. */
  ELEMENTWISE,
  /** A literal; its elements are the attribute {@code value}. */
  CONSTANT,
  /** Returns its first operand's elements unchanged, in the same order (Identity, a Cast to the same type, Reshape). */
  SAME_ELEMENTS,
  /** Moves or selects elements without computing with them. */
  MOVES_DATA,
  /** Its first operand's buffer may become its result's. */
  IN_PLACE
}
