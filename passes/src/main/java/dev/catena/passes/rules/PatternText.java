package dev.catena.passes.rules;

import dev.catena.ir.Attribute;
import dev.catena.passes.rules.Pattern.AttributePattern;
import java.util.stream.Collectors;

/** What a pattern asks for, in a few words: the head of an operation, not all below it. */
final class PatternText {
  private PatternText() {}

  static String of(Pattern pattern) {
    if (pattern instanceof Pattern.Op op) {
      return op.definition().name() + " of " + op.operands().size() + (op.operands().size() == 1 ? " operand" : " operands");
    } else if (pattern instanceof Pattern.Repeated r) {
      return r.definition().name() + " of one value several times";
    } else if (pattern instanceof Pattern.Number n) {
      return "the constant " + n.value();
    } else if (pattern instanceof Pattern.Integers i) {
      return "the integers " + i.elements();
    } else if (pattern instanceof Pattern.Scalar) {
      return "a constant of one number";
    } else if (pattern instanceof Pattern.Constant) {
      return "a weight or constant";
    } else if (pattern instanceof Pattern.Named n) {
      return of(n.inner());
    } else if (pattern instanceof Pattern.Optional o) {
      return o.link().name() + " or " + of(o.inner());
    } else if (pattern instanceof Pattern.Either e) {
      return e.ways().stream().map(PatternText::of).collect(Collectors.joining(" or "));
    }
    return "any value";
  }

  static String of(AttributePattern attribute) {
    return attribute instanceof AttributePattern.Fixed f ? of(f.value()) : "any";
  }

  /** The value as texts write it; "absent" for null. */
  static String of(Attribute a) {
    if (a == null) {
      return "absent";
    } else if (a instanceof Attribute.Int i) {
      return Long.toString(i.value());
    } else if (a instanceof Attribute.Real r) {
      return Double.toString(r.value());
    } else if (a instanceof Attribute.Ints i) {
      return i.values().toString();
    } else if (a instanceof Attribute.Element e) {
      return e.value().keyword();
    } else if (a instanceof Attribute.Text t) {
      return '"' + t.value() + '"';
    }
    return a.toString();
  }
}
