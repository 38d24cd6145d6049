import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { type Mutant, mutants } from './mutants.ts';

const run = promisify(execFile);
const here = (file: string): string => join(import.meta.dirname, file);

/** `npm run simulate` on a mutant, in a process of its own: its exit code, and all that it wrote. */
const simulateMutant = async ({ name, faults }: Pick<Mutant, 'name' | 'faults'>) => {
  const chosen = faults.flatMap((fault) => ['--fault', fault]);
  const args = ['--import', here('mutate.ts'), here('cli.ts'), '--seeds', '50', '--until-first', ...chosen];
  try {
    const { stdout } = await run(process.execPath, args, { env: { ...process.env, SIMULATOR_MUTANT: name, NODE_OPTIONS: '' } });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string }; // of execFile
    return { code, output: stdout + stderr };
  }
};

describe('the simulator sees', () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_, mutant) => {
      const { code, output } = await simulateMutant(mutant);
      expect(output).toContain('repeat: npm run simulate -- --fault');
      expect(code).toBe(1);
    },
    120_000,
  );

  it('whether a mutant still applies', async () => {
    const { output } = await simulateMutant({ name: 'nobody', faults: ['500'] });
    expect(output).toContain('names no mutant');
  });
});
