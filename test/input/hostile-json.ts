import { MAX_COMMAS } from '../../functions/core/json.ts';
import type { Expected, Mutation } from './case.ts';
import { HOSTILE_MOMENTS, HOSTILE_VALUES, NOT_JSON } from './hostile-values.ts';
import { type JsonPath, pathsIn, valueIn, withMembers, withRaw } from './json-paths.ts';
import { contentOf, expectedOf, isDatedByBody, roomOf, signed, type Target, targets } from './target.ts';

const shown = (path: JsonPath): string => (path.length === 0 ? 'the whole' : path.join('.'));

/** How deep a text nests; enough for texts of ours, whose strings hold no brackets that matter. */
const depthOf = (text: string): number => {
  let [depth, deepest] = [0, 0];
  for (const sign of text.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (sign === '[' || sign === '{') depth += 1;
    if (sign === ']' || sign === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
};

const mutation = (target: Target, name: string, body: string, expected: Expected = 'taken'): Mutation => {
  const request = signed(target, { body });
  return { name, request, expected: expectedOf(target, request, expected === 'taken' && depthOf(body) > 64 ? 400 : expected) };
};

/** What an event says beside its subject is all that tells a token from others that the vendor signs. */
const expectedAt = ({ provesContent, userId }: Target, path: JsonPath): Expected =>
  provesContent === true && path[0] !== userId[0] ? 'claimed' : 'taken';

const signUpOf = (target: Target): unknown => JSON.parse(contentOf(target).toString('utf8'));
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A share of a table, another one each turn. The more sources there are the smaller, so that the whole stays as long. */
const inTurn = <T>(table: Readonly<Record<string, T>>, turn: number): readonly (readonly [string, T])[] => {
  const share = Math.max(3, targets.length);
  return Object.entries(table).filter((_, index) => (index + turn) % share === 0);
};

/** Hostile values in the place of each member of a sign-up; each text that is no JSON in one of them. */
const values = (target: Target): readonly Mutation[] => {
  const signUp = signUpOf(target);
  const paths = pathsIn(signUp);
  // Not items: a list of one in which nothing stands is a list.
  const named = paths.filter((path) => typeof path.at(-1) === 'string');
  return [
    ...paths.flatMap((path, turn) =>
      inTurn(HOSTILE_VALUES, turn).map(([name, raw]) =>
        mutation(target, `${shown(path)} is ${name}`, withRaw(signUp, path, raw), expectedAt(target, path)),
      ),
    ),
    ...Object.entries(NOT_JSON).map(([name, raw], index) => {
      const path = named[index % named.length] ?? [];
      return mutation(target, `${shown(path)} is ${name}, not JSON`, withRaw(signUp, path, raw), 400);
    }),
  ];
};

const isMoment = (value: unknown): boolean =>
  typeof value === 'number' || (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value));

/** Hostile moments in the place of each number and date of every event that the vendor sends. */
const moments = (target: Target): readonly Mutation[] => {
  const expected = isDatedByBody(target) ? 'answered' : 'taken';
  return target.sender.types.flatMap((type) => {
    const event: unknown = JSON.parse(contentOf(target, { type }).toString('utf8'));
    const paths = pathsIn(event).filter((path) => isMoment(valueIn(event, path)));
    return paths.flatMap((path, turn) =>
      inTurn(HOSTILE_MOMENTS, turn).map(([name, raw]) =>
        mutation(target, `${shown(path)} of ${type} is ${name}`, withRaw(event, path, raw), expected),
      ),
    );
  });
};

const EXTRA: Readonly<Record<string, string>> = {
  'a prototype': '"__proto__":{"polluted":true}',
  'an escaped prototype': '"\\u005f_proto__":{"polluted":true}',
  'a constructor': '"constructor":{"prototype":{"polluted":true}}',
  'the prototype of a constructor': '"prototype":{"polluted":true}',
  'names that every object has': '"hasOwnProperty":null,"toString":null,"valueOf":null',
  'names that others call': '"then":"x","toJSON":"x"',
  'a length': '"length":1e9',
  'a name of 100,000 characters': `"${'aB-'.repeat(33_333)}":1`,
};

/** Further members at either end of every object of a sign-up, those that are there already among them. */
const members = (target: Target): readonly Mutation[] => {
  const signUp = signUpOf(target);
  const objects = [[], ...pathsIn(signUp)].filter((path) => isObject(valueIn(signUp, path)));
  return objects.flatMap((path) => [
    ...Object.entries(EXTRA).map(([name, text]) =>
      mutation(target, `${shown(path)} begins with ${name}`, withMembers(signUp, path, { first: text }), 'accepted'),
    ),
    ...Object.keys(valueIn(signUp, path) as object).flatMap((name) => {
      const again = `${JSON.stringify(name)}:{"of":"another kind"}`;
      return [
        // The last one counts: of this member nothing hostile is left.
        mutation(
          target,
          `${shown(path)} holds ${name} twice, spoiled first`,
          withMembers(signUp, path, { first: again }),
          'accepted',
        ),
        mutation(
          target,
          `${shown(path)} holds ${name} twice, spoiled last`,
          withMembers(signUp, path, { last: again }),
          expectedAt(target, [...path, name]),
        ),
      ];
    }),
  ]);
};

const list = (item: string, length: number): string => `[${Array.from({ length }, () => item).join(',')}]`;
const names = (length: number): string => `{${Array.from({ length }, (_, index) => `"${index.toString(36)}":0`).join(',')}}`;
/** Nearly as many as a body may hold: its event has commas of its own. */
const MANY = MAX_COMMAS - 500;

/** Values as large as a body may be. */
const LARGE: Readonly<Record<string, (room: number) => string>> = {
  'a list of many zeros': () => list('0', MANY),
  'a list of many empty lists': () => list('[]', MANY),
  'a list of many empty objects': () => list('{}', MANY),
  'a list of many nulls': () => list('null', MANY),
  'a list of many empty strings': () => list('""', MANY),
  'a list of many numbers that print longer than they came': () => list('1e20', MANY),
  'a list of many long strings': (room) => list(JSON.stringify('x'.repeat(Math.floor(room / MANY) - 4)), MANY),
  'an object of many names': () => names(MANY),
  'a text of JSON of 10,000 names': () => JSON.stringify(names(10_000)),
  'a string as long as fits': (room) => JSON.stringify('x'.repeat(room - 2)),
  'a string of 70,000 characters': () => JSON.stringify('x'.repeat(70_000)),
  'a string of 20,000 accented letters': () => JSON.stringify('é'.repeat(20_000)),
  'a string of DEL characters, each six in ASCII JSON': (room) => JSON.stringify('\u007f'.repeat(room - 2)),
};

/**
 * Large values in the place of the whole, of the id, and of each object and list that the schema keeps; nobody looks at the others.
 * A body that may hold several events has another form than one of them: there each list is such a place.
 */
const large = (target: Target): readonly Mutation[] => {
  const signUp = signUpOf(target);
  const { data: kept } = target.source.schema.safeParse(signUp);
  const id = target.userId.join('.');
  const isKept = (path: JsonPath) =>
    target.source.records === undefined ? typeof valueIn(kept, path) === 'object' : Array.isArray(valueIn(signUp, path));
  const isPlace = (path: JsonPath) => isKept(path) || path.join('.').endsWith(id);
  const paths = [[], ...pathsIn(signUp).filter(isPlace)];
  return paths.flatMap((path) => {
    const room = roomOf(target) - Buffer.byteLength(withRaw(signUp, path, '')) - 4;
    return Object.entries(LARGE).map(([name, raw]) =>
      mutation(target, `${shown(path)} is ${name}`, withRaw(signUp, path, raw(room)), expectedAt(target, path)),
    );
  });
};

const tooLarge = (target: Target): readonly Mutation[] => {
  const begun = (length: number) => withMembers(signUpOf(target), [], { first: names(length).slice(1, -1) });
  return [
    mutation(target, 'the whole begins with 6,000 members', begun(6000), 400),
    mutation(target, 'the whole is a list of 6,000 nulls', list('null', 6000), 400),
    mutation(target, 'the whole begins with 100,000 members', begun(100_000), 413),
  ];
};

/** Correctly signed, and none of it what the vendor means. */
export const hostileJson = (target: Target): readonly Mutation[] => [
  ...values(target),
  ...moments(target),
  ...members(target),
  ...large(target),
  ...tooLarge(target),
];
