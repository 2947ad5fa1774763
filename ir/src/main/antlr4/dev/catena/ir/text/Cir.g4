// The text form of the IR (docs/ir.md). What the printer writes, this reads.
grammar Cir;

file: module EOF;

module: 'module' symbol attributes? '{' weight* stage* '}';

// The hash may be left out in a text that is written by hand.
weight: 'weight' symbol ':' type '=' origin ('sha256' hash=HASH)?;

// Where a weight's elements come from: a view of views, in the end a place in a file, or the elements themselves.
origin: view=name '(' (originArgument (',' originArgument)*)? ')' | dense;

originArgument: origin | type | STRING | INT | '[' (INT (',' INT)*)? ']' | NAME;

stage: 'stage' symbol '(' (argument (',' argument)*)? ')' '->' '(' (output (',' output)*)? ')' attributes? '{'
    operation* 'return' (operand (',' operand)*)? '}';

argument: VALUE ':' type;

output: outputName ':' type;

outputName: name | DOTTED | STRING;

operation: VALUE (',' VALUE)* '=' op=DOTTED (operand (',' operand)*)? attributes? ':' types region*;

// A block inside an operation; it sees its arguments, which are the operation's last operands, and weights.
region: NAME '(' (argument (',' argument)*)? ')' '{' operation* 'return' (operand (',' operand)*)? '}';

operand: VALUE | symbol | '_';

types: type | '(' type (',' type)* ')';

attributes: '{' (attribute (',' attribute)*)? '}';

attribute: attributeName '=' attributeValue;

attributeName: name | DOTTED | STRING;

// Words with a meaning elsewhere may be names here.
name: NAME | 'module' | 'weight' | 'stage' | 'return' | 'reals' | 'texts' | 'dense' | 'tensor' | 'quant' | 'seqs' | 'kv'
    | 'group' | 'scale' | 'zero' | 'k' | 'v' | 'heads' | 'dim' | 'page' | 'min' | 'max' | 'floordiv' | 'sha256';

attributeValue
    : INT                                         # intValue
    | REAL                                        # realValue
    | flag=('true' | 'false')                     # flagValue
    | STRING                                      # textValue
    | '[' (INT (',' INT)*)? ']'                   # intsValue
    | 'reals' '[' (real (',' real)*)? ']'         # realsValue
    | 'texts' '[' (STRING (',' STRING)*)? ']'     # textsValue
    | dense                                       # denseValue
    | NAME                                        # elementValue
    ;

real: REAL | INT;

dense: 'dense' '<' NAME ',' '[' (INT (',' INT)*)? ']' ',' '[' (element (',' element)*)? ']' '>';

element: INT | REAL | 'true' | 'false' | STRING;

type
    : 'tensor' '<' NAME ',' shape '>'                                                             # tensorType
    | 'quant' '<' code=NAME ',' 'group' INT ',' 'scale' scale=NAME (',' 'zero' zero=NAME)? ',' shape '>'  # quantType
    | 'seqs'                                                                                      # seqsType
    | 'kv' '<' 'k' key=NAME ',' 'v' value=NAME ',' 'heads' heads=INT ',' 'dim' dim=INT ',' 'page' page=INT '>'  # kvType
    ;

shape: '[' (expression (',' expression)*)? ']';

// Integers computed from dimensions.
expression: '-'? product (sign product)*;

sign: '+' | '-';

product: factor ('*' factor)*;

factor
    : INT                                                                  # number
    | DIM                                                                  # symbolicDim
    | function=('min' | 'max' | 'floordiv') '(' expression ',' expression ')'  # dimFunction
    ;

symbol: SYMBOL | QUOTED_SYMBOL;

HASH: HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX
    HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX
    HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX
    HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX HEX;
VALUE: '%' (IDENTIFIER_PART | QUOTED);
SYMBOL: '@' IDENTIFIER_PART;
QUOTED_SYMBOL: '@' STRING;
DIM: '?' (IDENTIFIER | QUOTED);
REAL: '-'? DIGIT+ ('.' DIGIT+ EXPONENT? | EXPONENT) | '-'? 'inf' | 'nan';
INT: '-'? DIGIT+;
NAME: IDENTIFIER;
DOTTED: IDENTIFIER ('.' IDENTIFIER)+;
STRING: QUOTED;
COMMENT: '//' ~[\r\n]* -> skip;
SPACE: [ \t\r\n]+ -> skip;

fragment IDENTIFIER: [A-Za-z_] [A-Za-z0-9_]*;
fragment IDENTIFIER_PART: [A-Za-z_] [A-Za-z0-9_.-]*;
fragment QUOTED: '"' (~["\\\r\n] | '\\' .)* '"';
fragment EXPONENT: [eE] [+-]? DIGIT+;
fragment DIGIT: [0-9];
fragment HEX: [0-9a-f];
