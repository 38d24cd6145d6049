import type { Invented } from '../../../functions/sources/sender.ts';

const FIRST = ['Ada', 'Bela', 'Chidi', 'Dilnoza', 'Emeka', 'Freya', 'Goran', 'Hana', 'Iker', 'Juno', 'Kwame', 'Lina', 'Mateo'];
const LAST = ['Amsel', 'Birke', 'Cormorant', 'Drossel', 'Erle', 'Finch', 'Ginster', 'Heron', 'Ibis', 'Jasmin', 'Kranich'];
const COMPANY_SIZE = 10;

const pick = (list: readonly string[], number: number): string => list[number % list.length] ?? '';

/** The same number is the same person, on every machine. Ten to a company; example.com takes no mail (RFC 2606). */
export const personOf = (number: number): Invented => {
  const digits = String(number).padStart(6, '0');
  const firstName = pick(FIRST, number);
  const lastName = pick(LAST, number);
  const company = String(Math.floor(number / COMPANY_SIZE)).padStart(5, '0');
  return {
    id: `invented-user-${digits}`,
    email: `${firstName}.${lastName}.${digits}@example.com`.toLowerCase(),
    firstName,
    lastName,
    companyId: `invented-company-${company}`,
    companyName: `Invented Company ${Number(company)}`,
  };
};
