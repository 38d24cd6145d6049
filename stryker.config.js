/**
 * Mutation testing, `npm run mutation`: the rules on which a promise rests, each line of them against the unit tests alone.
 * What a source, a handler or a whole run would notice besides does not count here.
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  mutate: [
    'functions/sources/{jwt,signatures}.ts',
    'functions/core/{backoff,breaker,envelope,json,ledger,limiter,log,pacing,refresh}.ts',
  ],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: {
    configFile: 'jest.config.js',
    config: { testMatch: ['<rootDir>/test/core/**/*.test.ts', '<rootDir>/test/sources/{jwt,signatures}.test.ts'] },
  },
  coverageAnalysis: 'perTest',
  // Without tsconfig.json: Stryker would read it through TypeScript's JavaScript API, which TypeScript 7 does not have.
  // Without package.json: jest would see two packages of one name, were it run in the meantime.
  ignorePatterns: ['*', '!functions', '!functions/**', '!test', '!test/**', '!jest.config.js'],
  disableTypeChecks: false,
  concurrency: 2,
  // jest keeps every module that it loaded in ESM mode, so a worker grows by megabytes per mutant.
  maxTestRunnerReuse: 100,
  // A mutant that loops for ever counts as found; a busy machine must not.
  timeoutMS: 10_000,
  warnings: { slow: false },
  reporters: ['clear-text', 'html', 'progress'],
  clearTextReporter: { logTests: false, reportTests: false, allowColor: false },
  htmlReporter: { fileName: 'coverage/mutation.html' },
  tempDirName: 'coverage/mutation',
  cleanTempDir: 'always',
  thresholds: { high: 95, low: 90, break: 90 },
};
