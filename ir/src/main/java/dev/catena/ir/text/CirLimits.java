package dev.catena.ir.text;

import org.antlr.v4.runtime.ParserRuleContext;
import org.antlr.v4.runtime.tree.ErrorNode;
import org.antlr.v4.runtime.tree.ParseTreeListener;
import org.antlr.v4.runtime.tree.TerminalNode;

/**
 * Ends the reading of a text where a shape or a dimension grows beyond reason: a sign of it costs two bytes in the file and
 * some five hundred in the parser's tree, so the tree is not to be whole before somebody counts.
 */
final class CirLimits implements ParseTreeListener {
  private final CirErrors errors;

  CirLimits(CirErrors errors) {
    this.errors = errors;
  }

  @Override
  public void enterEveryRule(ParserRuleContext c) {
    if (c instanceof CirParser.ExpressionContext && c.getParent() instanceof CirParser.ShapeContext) {
      require(c, Literals.HIGHEST_RANK, "dimensions");
    } else if (c instanceof CirParser.ProductContext) {
      require(c, Literals.MOST_TERMS, "terms in a dimension");
    }
  }

  /** A list's parts stand with a sign between them. */
  private void require(ParserRuleContext part, int most, String parts) {
    if (part.getParent().getChildCount() > 2 * most + 2) {
      errors.at(part.getStart(), "expected at most " + most + " " + parts);
      throw new CirException(errors.list());
    }
  }

  @Override
  public void exitEveryRule(ParserRuleContext c) {}

  @Override
  public void visitTerminal(TerminalNode node) {}

  @Override
  public void visitErrorNode(ErrorNode node) {}
}
