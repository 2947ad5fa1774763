package dev.catena.passes.rules;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.catena.ir.ElementType;
import dev.catena.ir.EvalValue;
import dev.catena.ir.Evaluator;
import dev.catena.ir.IrException;
import dev.catena.ir.Tensor;
import dev.catena.ir.Verifier;
import dev.catena.passes.DeadCode;
import dev.catena.passes.Pass;
import dev.catena.passes.Passes;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each rule by itself: its left side, built from its examples in every way its pattern allows, is matched by it, and the
 * evaluator computes the same from the right side, on random numbers.
 */
class RuleExampleTest {
  private static final int DRAWS = 400;
  /** Of a rule whose ways are many: until each was matched. */
  private static final int MOST_DRAWS = 6000;

  static Stream<Named<Rule>> rules() {
    return RuleFiles.all().stream().map(r -> Named.of(r.name(), r));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("rules")
  void bothSidesComputeTheSame(Rule rule) {
    check(rule);
  }

  private static void check(Rule rule) {
    assertFalse(rule.examples().isEmpty(), rule.place() + ": rule " + rule.name() + " has no example");
    Set<String> tried = new TreeSet<>();
    Set<String> matched = new TreeSet<>();
    String refused = "nothing was built";
    int matches = 0;
    for (long seed = 0; seed < DRAWS || seed < MOST_DRAWS && !matched.containsAll(tried); seed++) {
      for (RuleExample example : rule.examples()) {
        Set<String> choices = new TreeSet<>();
        ExampleStage left;
        ExampleStage right;
        try {
          left = new ExampleStage(rule, example, seed, choices);
          right = new ExampleStage(rule, example, seed, new TreeSet<>());
        } catch (IllegalArgumentException | IrException e) {
          refused = e.getMessage();
          tried.addAll(choices);
          continue; // these choices don't go together
        }
        NearMiss misses = new NearMiss();
        Match m = RuleEngine.find(rule, right.root, misses);
        if (m == null) {
          tried.addAll(choices);
          refused = misses.what() + "\n" + left.stage;
          continue;
        }
        matched.addAll(choices);
        matches++;
        new Rewrite(rule, m, right.root, right.module, right.stage).apply();
        DeadCode.remove(right.stage);
        right.stage.sortTopologically();
        Verifier.verify(right.stage);
        same(rule, left, right);
      }
    }
    tried.removeAll(matched);
    assertTrue(matches > 0, rule.place() + ": rule " + rule.name() + " matches none of its examples: " + refused);
    assertEquals(Set.of(), tried, rule.place() + ": no example of rule " + rule.name() + " matches where these choices are made; "
        + refused);
  }

  private static void same(Rule rule, ExampleStage left, ExampleStage right) {
    List<EvalValue> expected = new Evaluator().run(left.stage, left.arguments);
    List<EvalValue> actual = new Evaluator().run(right.stage, right.arguments);
    for (int o = 0; o < expected.size(); o++) {
      Tensor e = (Tensor) expected.get(o);
      Tensor a = (Tensor) actual.get(o);
      assertEquals(e.type(), a.type(), rule.name() + ": output " + o);
      double tolerance = e.element() == ElementType.F16 ? 4e-3 : 1e-5;
      for (int i = 0; i < e.size(); i++) {
        assertEquals(e.get(i), a.get(i), tolerance * (1 + Math.abs(e.get(i))), () -> rule.name() + ": left side\n" + left.stage
            + "right side\n" + right.stage);
      }
    }
  }

  @Test
  void everyPhaseIsAPass() {
    Set<String> passes = new TreeSet<>(Passes.all().stream().map(Pass::name).toList());
    RuleFiles.files().forEach(f -> assertTrue(passes.contains(f.phase()), f.name() + ".rules: phase " + f.phase()));
  }

  @Test
  void aWrongRuleFails() {
    Rule wrong = RuleReader.parse("""
        phase raise
        rule silu "Wrong: the sigmoid alone." {
          match (onnx.Mul~ $x (onnx.Sigmoid $x))
          emit  (onnx.Sigmoid $x)
          example { $x: f32[2, 5] }
        }
        """, "wrong.rules").get(0);
    AssertionError e = assertThrows(AssertionError.class, () -> check(wrong));
    assertTrue(e.getMessage().contains("left side") && e.getMessage().contains("right side"), e.getMessage());
  }

  @Test
  void aRuleWithoutAnExampleFails() {
    Rule bare = RuleReader.parse("phase raise\nrule r \"No example.\" { match (onnx.Identity $x) emit $x }", "r.rules").get(0);
    assertTrue(assertThrows(AssertionError.class, () -> check(bare)).getMessage().contains("r.rules:2: rule r has no example"));
  }

  @Test
  void anExampleThatIsNotMatchedFails() {
    Rule never = RuleReader.parse("""
        phase raise
        rule r "A condition that the example doesn't meet." {
          match (onnx.Identity $x)
          where rank($x) = 3
          emit  $x
          example { $x: f32[2, 5] }
        }
        """, "r.rules").get(0);
    assertTrue(assertThrows(AssertionError.class, () -> check(never)).getMessage()
        .contains("the condition rank($x) = 3 doesn't hold"));
  }
}
