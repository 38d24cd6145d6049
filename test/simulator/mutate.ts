import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MUTANT_VARIABLE, mutants } from './mutants.ts';

/** Preloaded before `cli.ts`: puts the mutant in the place of our code. */
const mutant = mutants.find(({ name }) => name === process.env[MUTANT_VARIABLE]);
if (mutant === undefined) throw new Error(`${MUTANT_VARIABLE} names no mutant`);
const file = resolve(import.meta.dirname, '../..', mutant.file);

const mutated = mutant.edits.reduce(
  (text, [find, replace]) => {
    if (text.split(find).length !== 2) throw new Error(`the mutant "${mutant.name}" no longer applies: ${find}`);
    return text.replace(find, replace);
  },
  readFileSync(file, 'utf8'),
);

const target = pathToFileURL(file).href;
registerHooks({
  load: (url, context, next) =>
    url === target ? { format: 'module-typescript', source: mutated, shortCircuit: true } : next(url, context),
});
