import type { Call, Change, Properties } from '../../../functions/core/calls.ts';

const isUser = ({ kind }: Call): boolean => kind === 'identifyUser' || kind === 'deleteUser';
const idOf = (call: Call): string => ('user_id' in call ? call.user_id : call.company_id);
const propertiesOf = (call: Call): Properties => ('metadata' in call ? (call.metadata ?? {}) : {});
const companyOf = (call: Call): string | undefined => ('company' in call ? call.company?.id : undefined);

/** Whether two changes say the same part of the same sort of entity, whoever it is. */
const correspond = (a: Change, b: Change): boolean => a.facet === b.facet && isUser(a.call) === isUser(b.call);

/** Names behind a `+` are new, behind a `-` gone, behind a `~` of another value. */
const propertyDifferences = (before: Properties, after: Properties): readonly string[] => {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    if (!Object.hasOwn(before, name)) return `+ ${name}`;
    if (!Object.hasOwn(after, name)) return `- ${name}`;
    return before[name] === after[name] ? [] : `~ ${name}`;
  });
};

const differenceOf = (before: Change, after: Change): readonly string[] => [
  ...(before.call.kind === after.call.kind ? [] : [`${after.call.kind} instead of ${before.call.kind}`]),
  ...(idOf(before.call) === idOf(after.call) ? [] : ['other id']),
  ...(companyOf(before.call) === companyOf(after.call) ? [] : ['other company']),
  ...(before.occurredAt.getTime() === after.occurredAt.getTime() ? [] : ['other time']),
  ...propertyDifferences(propertiesOf(before.call), propertiesOf(after.call)),
];

/** How what is made of an event now differs from what was made of it, in words that name no value. */
export const differencesText = (before: Change | undefined, after: readonly Change[]): string => {
  if (before === undefined) return 'nothing was made of it before';
  const counterpart = after.find((change) => correspond(before, change));
  const others = after.filter((change) => change !== counterpart).map(({ call }) => `${call.kind} besides`);
  const differences = counterpart === undefined ? [`no ${before.call.kind} any more`] : differenceOf(before, counterpart);
  return [...differences, ...others].join(', ') || 'nothing';
};

/** A call with each value replaced by its type; the names of the properties and of the call stay. */
export const maskedCall = (call: Call): unknown => {
  const mask = (value: unknown): unknown => {
    if (typeof value !== 'object') return typeof value;
    if (value === null) return 'null';
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, mask(inner)]));
  };
  const { kind, ...rest } = call;
  return { kind, ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, mask(value)])) };
};
