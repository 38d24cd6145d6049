/** TypeScript as ESM through swc; the flag that jest needs for ESM stands in the `test` script. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
  },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testTimeout: 30_000,
  // Many tests wait for a server or a clock: a core kept free would stay idle.
  maxWorkers: '100%',
};
