package dev.catena.passes.rules;

import java.util.List;

/**
 * A rule file, read.
 *
 * @param name  its name without the ending
 * @param phase the pass that applies it
 * @param after the files of the same phase whose rules are applied before
 */
record RuleFile(String name, String phase, List<String> after, List<Rule> rules) {}
