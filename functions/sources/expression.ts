import { compile, type JSONValue, TreeInterpreter } from '@jmespath-community/jmespath';

/** What an expression finds in an event; undefined = nothing. */
export type Read = (event: unknown) => unknown;

/**
 * Whatever a signed event holds, an expression must stay as cheap as the event is large. So there is no way back to the root
 * from inside a loop, and no function that makes much out of little (`pad_left`, `replace`). Arithmetic is left out because
 * `data.first-name` would be some.
 */
const NODES = new Set([
  'AndExpression',
  'Comparator',
  'Current',
  'ExpressionReference',
  'Field',
  'FilterProjection',
  'Flatten',
  'Function',
  'Identity',
  'Index',
  'IndexExpression',
  'KeyValuePair',
  'Literal',
  'MultiSelectHash',
  'MultiSelectList',
  'NotExpression',
  'OrExpression',
  'Pipe',
  'Projection',
  'Slice',
  'Subexpression',
  'Ternary',
  'ValueProjection',
]);
const FUNCTIONS = new Set([
  'contains',
  'ends_with',
  'join',
  'keys',
  'length',
  'lower',
  'map',
  'max_by',
  'min_by',
  'not_null',
  'reverse',
  'sort',
  'sort_by',
  'split',
  'starts_with',
  'to_array',
  'to_number',
  'to_string',
  'type',
  'upper',
  'values',
]);

/** Keys that are stripped from every event before it is read. */
type IsHidden = (key: string) => boolean;

interface Node {
  readonly type: string;
  readonly name?: unknown;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;

/** All nodes of an expression but what stands inside literals. */
const nodesIn = (node: Node): readonly Node[] =>
  node.type === 'Literal' ? [node] : [node, ...Object.values(node).flat().filter(isNode).flatMap(nodesIn)];

const parse = (expression: string) => {
  try {
    return compile(expression);
  } catch (error) {
    throw new Error(`no JMESPath expression (${error instanceof Error ? error.message : String(error)})`);
  }
};

const problemOf = ({ type, name }: Node, isHidden: IsHidden): string | undefined => {
  if (type === 'Arithmetic' || type === 'Unary') return 'arithmetic is not supported; put a key with a dash into double quotes';
  if (!NODES.has(type)) return `${type} is not supported: read from the event by its keys alone`;
  if (typeof name !== 'string') return undefined;
  if (type === 'Function') return FUNCTIONS.has(name) ? undefined : `${name}() is not among ${[...FUNCTIONS].join(', ')}`;
  // The interpreter reads inherited members like own ones.
  if (Object.hasOwn(Object.prototype, name)) return `${name} is not a key that may be read`;
  return type === 'Field' && isHidden(name) ? `${name} is private, and stripped before an event is read` : undefined;
};

const compileOnce = (expression: string, isHidden: IsHidden): Read => {
  const compiled = parse(expression);
  const problem = nodesIn(compiled)
    .map((node) => problemOf(node, isHidden))
    .find((found) => found !== undefined);
  if (problem !== undefined) throw new Error(problem);
  return (event) => {
    try {
      return TreeInterpreter.search(compiled, event as JSONValue) ?? undefined; // out of JSON.parse
    } catch {
      return undefined;
    }
  };
};

/**
 * Compiles each expression of the settings once. What goes wrong when one meets an event leaves the value out.
 * What it returns throws an Error that says what is wrong with an expression, and the remedy.
 */
export const createReaders = (isHidden: IsHidden): ((expression: string) => Read) => {
  const known = new Map<string, Read>();
  return (expression) => {
    const read = known.get(expression) ?? compileOnce(expression, isHidden);
    known.set(expression, read);
    return read;
  };
};
