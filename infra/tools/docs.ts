import { readFileSync, writeFileSync } from 'node:fs';
import { readPages } from './docs/page.ts';
import { withSources } from './docs/readme.ts';

const README = new URL('../../README.md', import.meta.url);
writeFileSync(README, withSources(readFileSync(README, 'utf8'), readPages()));
