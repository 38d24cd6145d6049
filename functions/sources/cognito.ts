import { createHash } from 'node:crypto';
import * as z from 'zod';
import { filled, idAt, nameOf, propertiesOf } from '../core/mapping.ts';
import type { RawRequest, Verdict } from '../core/request.ts';
import { cognitoDirectory } from './cognito.directory.ts';
import { changes, defineSource, ignored, type MapContext, type Mapped, rejected } from './source.ts';
import { part, text } from './subject.ts';

/** Phone number, birth date, address, gender and linked identities are left out on purpose, as is whatever AWS adds one day. */
const ATTRIBUTES = new Set([
  'sub',
  'email',
  'email_verified',
  'name',
  'given_name',
  'family_name',
  'middle_name',
  'nickname',
  'preferred_username',
  'picture',
  'profile',
  'website',
  'locale',
  'zoneinfo',
  'updated_at',
  'cognito:user_status',
]);
const isKept = (name: string): boolean => ATTRIBUTES.has(name) || name.startsWith('custom:');

const Kept = z.object({
  userPoolId: z.string().min(1).max(255),
  triggerSource: z.string().min(1).max(255),
  request: part(
    z.object({
      userAttributes: part(
        z
          .record(z.string(), z.unknown())
          .transform((all) => Object.fromEntries(Object.entries(all).filter(([name]) => isKept(name)))),
      ),
    }),
  ),
  /** Of a listed user. Triggers tell neither. */
  listed: part(z.object({ createdAt: text, modifiedAt: text })),
});
type Event = z.infer<typeof Kept>;

/** Every value is a string, booleans too. */
const Attributes = z.looseObject({
  email: text,
  email_verified: text,
  name: text,
  given_name: text,
  family_name: text,
  locale: text,
  'custom:company_name': text,
});

const moment = z.iso.datetime({ offset: true }).transform((value) => new Date(value));
const Listed = z.object({ createdAt: moment.nullish(), modifiedAt: moment.nullish() });

/**
 * Proven by IAM, not here: only `cognito-idp.amazonaws.com`, on behalf of our pool, may invoke the function. What has headers
 * came over HTTP, where nothing of this holds, and is refused: docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
 */
const provenByIam = ({ headers }: RawRequest): Verdict =>
  Object.keys(headers).length === 0 ? { ok: true } : { ok: false, code: 'SIGNATURE_MISSING' };

const attributesOf = ({ request }: Event) => (request ? request.userAttributes : request);

/**
 * The event has no id. Cognito repeats a call that got no answer in time, with the same attributes. The minute keeps apart
 * a user who changes an attribute and changes it back. A digest, because logs show it and the attributes are personal.
 */
const eventIdOf = (event: Event, { receivedAt }: RawRequest): string => {
  const attributes = Object.entries(attributesOf(event) || {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const minute = receivedAt.toISOString().slice(0, 16);
  const parts = [event.userPoolId, event.triggerSource, attributes, minute];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
};

const BOOLEANS: ReadonlyMap<string | null | undefined, boolean> = new Map([
  ['true', true],
  ['false', false],
]);

interface Times {
  readonly createdAt?: Date | null | undefined;
  readonly occurredAt: Date;
  readonly creates?: true;
}

/** Sign-ups and sign-ins: users whom an administrator or a directory created show up at their first sign-in only. */
const mapUser = (event: Event, { settings }: MapContext, { createdAt, occurredAt, creates }: Times): Mapped => {
  const attributes = Attributes.parse(attributesOf(event));
  const user_id = idAt(attributes, settings.userId ?? ['sub']);
  if (user_id === undefined) return rejected('NO_USER_ID');
  const properties = propertiesOf(attributes, settings, {
    email: filled(attributes.email),
    name: filled(attributes.name) ?? nameOf(attributes.given_name, attributes.family_name),
    created_at: createdAt?.toISOString(),
    email_verified: BOOLEANS.get(attributes.email_verified),
    locale: filled(attributes.locale),
  });
  const when = { facet: 'profile', occurredAt } as const;
  const company_id = idAt(attributes, settings.companyId ?? ['custom:company_id']);
  const company = company_id === undefined ? {} : { company: { id: company_id } };
  const user = {
    call: { kind: 'identifyUser', user_id, ...properties, ...company },
    ...when,
    ...(creates && { creates }),
  } as const;
  // `properties` name attributes of the user, so of the company there is only its name to send.
  const { metadata } = propertiesOf({}, settings, { name: filled(attributes['custom:company_name']) });
  if (company_id === undefined || metadata === undefined) return changes(user);
  return changes({ call: { kind: 'identifyCompany', company_id, metadata }, ...when }, user);
};

/** Whoever did not confirm their sign-up is not a user yet. */
const mapListed = (event: Event, context: MapContext): Mapped => {
  if (Attributes.parse(attributesOf(event))['cognito:user_status'] === 'UNCONFIRMED') return ignored('NOT_A_SIGN_UP');
  const { createdAt, modifiedAt } = Listed.parse(event.listed);
  return mapUser(event, context, { createdAt, occurredAt: modifiedAt ?? context.receivedAt });
};

/** A trigger of a user pool, invoked by AWS. Paths in the settings are relative to `request.userAttributes`. */
export const cognito = defineSource<Event>({
  id: 'cognito',
  docs: 'https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html',
  verify: provenByIam,
  schema: Kept,
  head: (event, request) => ({ eventId: eventIdOf(event, request), type: event.triggerSource }),
  map: (event, context) => {
    if (context.settings.userPools?.includes(event.userPoolId) === false) return ignored('EVENT_NOT_HANDLED');
    const { receivedAt } = context;
    switch (event.triggerSource) {
      case 'PostConfirmation_ConfirmSignUp':
        return mapUser(event, context, { createdAt: receivedAt, occurredAt: receivedAt, creates: true });
      case 'PostAuthentication_Authentication':
        return mapUser(event, context, { occurredAt: receivedAt });
      case 'ListUsers':
        return mapListed(event, context);
      case 'PostConfirmation_ConfirmForgotPassword':
        return ignored('NOT_A_SIGN_UP');
      default:
        return ignored('EVENT_NOT_HANDLED');
    }
  },
  directory: cognitoDirectory,
});
