// The language of the rule files; the page about it is README.md beside them.
grammar Rules;

file: phase (definition | fusion)* EOF;

// The pass that applies the file's rules, and the files whose rules it applies before.
phase: 'phase' name ('after' name (',' name)*)?;

// A pattern given a name once; its parameters stand for the variables it is used with.
definition: 'define' name parameters? '=' pattern;

parameters: '(' VARIABLE (',' VARIABLE)* ')';

fusion: 'rule' name STRING '{' 'match' pattern conditions? replacement+ example* '}';

pattern
    : VARIABLE (':' pattern)?                                             # variablePattern
    | '_'                                                                 # anyPattern
    | number                                                              # numberPattern
    | integers                                                            # integersPattern
    | name parameters?                                                    # definedPattern
    | '(' (operation | name) '?' pattern ')'                              # optionalPattern
    | '(' pattern ('|' pattern)+ ')'                                      # eitherPattern
    | '(' operation result? '~'? (pattern* | VARIABLE '...') matchedAttribute* ')' # operationPattern
    ;

// Which result of the operation the value is, counted from 0, which is meant without it.
result: '#' INT;

matchedAttribute: name '=' (VARIABLE | number | integers | STRING | name);

conditions: 'where' condition (',' condition)*;

condition
    : 'not' condition                                                     # notCondition
    | condition 'or' condition                                            # orCondition
    | expression relation=('=' | '<' | '<=' | '>' | '>=') expression      # relationCondition
    | call                                                                # callCondition
    | '(' condition ')'                                                   # groupCondition
    ;

expression
    : '-' expression                                                      # minusExpression
    | expression operator=('*' | '/' | '%') expression                    # productExpression
    | expression operator=('+' | '-') expression                          # sumExpression
    | call                                                                # callExpression
    | VARIABLE                                                            # variableExpression
    | (INT | REAL)                                                        # numberExpression
    | STRING                                                              # textExpression
    | name                                                                # elementExpression
    | '[' (expression (',' expression)*)? ']'                             # listExpression
    | '(' expression ')'                                                  # groupExpression
    ;

call: name '(' expression (',' expression)* ')';

// Without 'as' the root is replaced.
replacement: 'emit' template ('as' VARIABLE (',' VARIABLE)*)?;

template
    : VARIABLE '?'?                                                       # variableTemplate
    | '_'                                                                 # absentTemplate
    | integers                                                            # integersTemplate
    | 'constant' '(' expression ',' expression ')'                        # constantTemplate
    | name '(' template (',' expression)? ')'                             # viewTemplate
    | '(' operation template* emittedAttribute* ')'                       # operationTemplate
    ;

emittedAttribute: name '=' expression;

// Small values for the pattern's variables, by which the rule is checked.
example: 'example' '{' (exampleValue (',' exampleValue)*)? '}';

exampleValue: VARIABLE ':' given;

given
    : 'constant'? element=name integers ('below' INT)? 'shared'?          # tensorGiven
    | number                                                              # numberGiven
    | integers                                                            # integersGiven
    | name                                                                # elementGiven
    ;

operation: DOTTED;

integers: '[' (integer (',' integer)*)? ']';

integer: '-'? INT;

number: '-'? (INT | REAL);

// Words with a meaning elsewhere may be names here.
name: NAME | 'constant' | 'below' | 'shared' | 'as' | 'match' | 'rule' | 'define' | 'emit' | 'example'
    | 'phase' | 'after';

VARIABLE: '$' IDENTIFIER;
REAL: DIGIT+ '.' DIGIT+ ('e' '-'? DIGIT+)? | DIGIT+ 'e' '-'? DIGIT+;
INT: DIGIT+;
DOTTED: IDENTIFIER '.' IDENTIFIER;
NAME: IDENTIFIER;
STRING: '"' ~["\r\n]* '"';
COMMENT: '//' ~[\r\n]* -> skip;
SPACE: [ \t\r\n]+ -> skip;

fragment IDENTIFIER: [A-Za-z_] [A-Za-z0-9_]*;
fragment DIGIT: [0-9];
