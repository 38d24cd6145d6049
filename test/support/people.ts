import type { Invented } from '../../functions/sources/sender.ts';

/** An invented person with this id; the same id gives the same person. */
export const person = (id: string, companyId = 'org_1'): Invented => ({
  id,
  email: `${id}@harbour.example`,
  firstName: 'Noor',
  lastName: `Haddad-${id}`,
  companyId,
  companyName: 'Harbour Lane',
});
