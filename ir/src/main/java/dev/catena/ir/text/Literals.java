package dev.catena.ir.text;

import dev.catena.ir.Attribute;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.IrException;
import dev.catena.ir.KvType;
import dev.catena.ir.QuantType;
import dev.catena.ir.SeqsType;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.antlr.v4.runtime.Token;
import org.antlr.v4.runtime.tree.TerminalNode;

/** Names, numbers, types and constants of a text. */
final class Literals {
  /** More than any model's shapes have; a hostile text must not keep us busy. */
  static final int MOST_TERMS = 1000;
  static final int HIGHEST_RANK = 64;

  private final CirErrors errors;

  Literals(CirErrors errors) {
    this.errors = errors;
  }

  /** The name behind {@code @}. */
  String symbol(CirParser.SymbolContext s) {
    return named(s.getStart());
  }

  /** The name behind {@code %}. */
  String value(TerminalNode value) {
    return named(value.getSymbol());
  }

  private String named(Token token) {
    try {
      return name(token.getText().substring(1));
    } catch (IrException e) {
      errors.at(token, e.getMessage());
      return token.getText();
    }
  }

  /** A name that may stand between quotation marks. */
  String name(String text) {
    return text.startsWith("\"") ? unquoted(text) : text;
  }

  static String unquoted(String literal) {
    StringBuilder s = new StringBuilder();
    for (int i = 1; i < literal.length() - 1; i++) {
      char c = literal.charAt(i);
      if (c != '\\') {
        s.append(c);
        continue;
      }
      char escaped = literal.charAt(++i);
      switch (escaped) {
        case 'n' -> s.append('\n');
        case 'u' -> {
          if (i + 5 > literal.length() || !literal.substring(i + 1, i + 5).matches("[0-9a-fA-F]{4}")) {
            throw new IrException("expected four hex digits behind \\u, found " + literal);
          }
          s.append((char) Integer.parseInt(literal.substring(i + 1, i + 5), 16));
          i += 4;
        }
        case '"', '\\' -> s.append(escaped);
        default -> throw new IrException("expected one of the escapes \\n \\\" \\\\ \\uXXXX, found \\" + escaped);
      }
    }
    return s.toString();
  }

  long integer(TerminalNode node) {
    return integer(node.getSymbol());
  }

  private long integer(Token number) {
    try {
      return Long.parseLong(number.getText());
    } catch (NumberFormatException e) {
      errors.at(number, "expected a number that fits 64 bits, found " + number.getText());
      return 0;
    }
  }

  private static double real(String text) {
    return switch (text) {
      case "inf" -> Double.POSITIVE_INFINITY;
      case "-inf" -> Double.NEGATIVE_INFINITY;
      case "nan" -> Double.NaN;
      default -> Double.parseDouble(text);
    };
  }

  private ElementType element(TerminalNode keyword) {
    return element(keyword.getSymbol());
  }

  private ElementType element(Token keyword) {
    return element(keyword.getText(), keyword);
  }

  ElementType element(String keyword, Token place) {
    for (ElementType e : ElementType.values()) {
      if (e.keyword().equals(keyword)) {
        return e;
      }
    }
    errors.at(place, "expected an element type (" + Arrays.stream(ElementType.values()).map(ElementType::keyword)
        .collect(Collectors.joining(", ")) + "), found " + keyword + Suggestion.among(keyword,
        Arrays.stream(ElementType.values()).map(ElementType::keyword).toList()));
    return ElementType.F32;
  }

  Type type(CirParser.TypeContext t) {
    if (t instanceof CirParser.TensorTypeContext x) {
      return new TensorType(element(x.NAME()), shape(x.shape()));
    } else if (t instanceof CirParser.QuantTypeContext q) {
      List<Dim> shape = shape(q.shape());
      long group = integer(q.INT());
      if (shape.size() != 2 || !shape.stream().allMatch(Dim::isKnown) || group < 1) {
        errors.at(q, "expected two known dimensions and a group of at least 1 in a quantized type, found " + q.getText());
      }
      return new QuantType(element(q.code), group, element(q.scale),
          q.zero == null ? null : element(q.zero), shape);
    } else if (t instanceof CirParser.KvTypeContext k) {
      return new KvType(element(k.key), element(k.value), integer(k.heads), integer(k.dim),
          integer(k.page));
    } else if (t instanceof CirParser.SeqsTypeContext) {
      return new SeqsType();
    }
    throw new IllegalArgumentException("incomplete type");
  }

  private List<Dim> shape(CirParser.ShapeContext s) {
    List<CirParser.ExpressionContext> dims = s.expression();
    if (dims.size() > HIGHEST_RANK) {
      throw new IrException("expected at most " + HIGHEST_RANK + " dimensions, found " + dims.size());
    }
    return dims.stream().map(this::expression).toList();
  }

  private Dim expression(CirParser.ExpressionContext e) {
    List<CirParser.ProductContext> products = e.product();   // each call lists them anew
    List<CirParser.SignContext> signs = e.sign();
    if (products.size() > MOST_TERMS) {
      throw new IrException("expected at most " + MOST_TERMS + " terms in a dimension, found " + products.size());
    }
    Dim sum = product(products.get(0));
    if (e.getChild(0).getText().equals("-")) {
      sum = Dim.of(0).minus(sum);
    }
    for (int i = 0; i < signs.size(); i++) {
      Dim next = product(products.get(i + 1));
      sum = signs.get(i).getText().equals("+") ? sum.plus(next) : sum.minus(next);
    }
    return sum;
  }

  private Dim product(CirParser.ProductContext p) {
    Dim product = Dim.of(1);
    for (CirParser.FactorContext f : p.factor()) {
      product = product.times(factor(f));
    }
    return product;
  }

  private Dim factor(CirParser.FactorContext f) {
    if (f instanceof CirParser.NumberContext n) {
      return Dim.of(integer(n.INT()));
    } else if (f instanceof CirParser.SymbolicDimContext d) {
      return Dim.symbol(name(d.DIM().getText().substring(1)));
    }
    if (!(f instanceof CirParser.DimFunctionContext d)) {
      throw new IllegalArgumentException("incomplete expression");
    }
    Dim a = expression(d.expression(0));
    Dim b = expression(d.expression(1));
    return switch (d.function.getText()) {
      case "min" -> a.min(b);
      case "max" -> a.max(b);
      default -> a.dividedBy(b);
    };
  }

  /** Attributes by name; one that is given twice is an error. */
  Map<String, Attribute> attributes(CirParser.AttributesContext tree) {
    Map<String, Attribute> all = new TreeMap<>();
    if (tree != null) {
      for (CirParser.AttributeContext a : tree.attribute()) {
        errors.attempt(a, () -> {
          String name = name(a.attributeName().getText());
          if (all.put(name, attribute(a.attributeValue())) != null) {
            errors.at(a, "expected each attribute once, found " + name + " again");
          }
        });
      }
    }
    return all;
  }

  private Attribute attribute(CirParser.AttributeValueContext a) {
    if (a instanceof CirParser.IntValueContext i) {
      return Attribute.of(integer(i.INT()));
    } else if (a instanceof CirParser.RealValueContext r) {
      return Attribute.of(real(r.REAL().getText()));
    } else if (a instanceof CirParser.FlagValueContext f) {
      return Attribute.of(f.flag.getText().equals("true"));
    } else if (a instanceof CirParser.TextValueContext t) {
      return Attribute.of(unquoted(t.STRING().getText()));
    } else if (a instanceof CirParser.IntsValueContext i) {
      return new Attribute.Ints(i.INT().stream().map(this::integer).toList());
    } else if (a instanceof CirParser.RealsValueContext r) {
      return new Attribute.Reals(r.real().stream().map(x -> real(x.getText())).toList());
    } else if (a instanceof CirParser.TextsValueContext t) {
      return new Attribute.Texts(t.STRING().stream().map(x -> unquoted(x.getText())).toList());
    } else if (a instanceof CirParser.DenseValueContext d) {
      return new Attribute.Dense(dense(d.dense()));
    } else if (a instanceof CirParser.ElementValueContext e) {
      return new Attribute.Element(element(e.NAME()));
    }
    throw new IllegalArgumentException("incomplete attribute");
  }

  Tensor dense(CirParser.DenseContext d) {
    ElementType element = element(d.NAME());
    long[] shape = d.INT().stream().mapToLong(this::integer).toArray();
    List<CirParser.ElementContext> given = d.element();
    if (Tensor.count(shape) != given.size()) {
      throw new IrException("expected " + Tensor.count(shape) + " elements for the shape " + Arrays.toString(shape)
          + ", found " + given.size());
    }
    if (element == ElementType.STRING) {
      for (CirParser.ElementContext e : given) {
        if (e.STRING() == null) {
          throw new IrException("expected a text between quotation marks, found " + e.getText());
        }
      }
      return Tensor.ofTexts(given.stream().map(e -> unquoted(e.getText())).toArray(String[]::new), shape);
    }
    Tensor t = new Tensor(element, shape);
    List<String> bad = new ArrayList<>();
    for (int i = 0; i < given.size(); i++) {
      String text = given.get(i).getText();
      try {
        if (element == ElementType.BOOL) {
          t.setLong(i, truth(text));
        } else if (element.isFloat()) {
          t.set(i, element == ElementType.F64 ? real(text) : (float) real(text));
        } else {
          t.setLong(i, whole(text, element));
        }
      } catch (NumberFormatException e) {
        bad.add(text);
      }
    }
    if (!bad.isEmpty()) {
      throw new IrException("dense: " + bad.get(0) + " isn't of type " + element.keyword());
    }
    return t;
  }

  private static long truth(String text) {
    return switch (text) {
      case "true", "1" -> 1;
      case "false", "0" -> 0;
      default -> throw new NumberFormatException(text);
    };
  }

  /** A whole number that the type holds. */
  private static long whole(String text, ElementType element) {
    if (element == ElementType.U64) {
      return Long.parseUnsignedLong(text);
    }
    long value = Long.parseLong(text);
    Tensor held = new Tensor(element, 1);
    held.setLong(0, value);
    if (held.getLong(0) != value) {
      throw new NumberFormatException(text);
    }
    return value;
  }
}
