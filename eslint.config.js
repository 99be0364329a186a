// eslint: correctness rules that types alone cannot hold, plus the size limits of CONTRIBUTING.md.
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.tap/**', 'data/**', 'test/support/planted/**', 'loadtest/k6/**', 'protocols/*/generated/**'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommended],
    // One program for all files: the service of editors, which opens one after another, costs a fifth more.
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'eqeqeq': ['error', 'always'],
      'no-console': 'error',
      'prefer-const': 'error',
      'max-len': ['error', { code: 120, ignoreUrls: true, ignoreTemplateLiterals: true, ignoreStrings: true }],
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 70, skipComments: true }],
      'max-params': ['error', { max: 4 }]
    }
  },
  {
    files: ['**/*.test.ts', 'test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 500 }],
      // tap awaits its own subtests: `t.test` need not be awaited, everything else must be.
      '@typescript-eslint/no-floating-promises': ['error', {
        allowForKnownSafeCalls: [{ from: 'package', name: ['test'], package: '@tapjs/test' }, { from: 'package', name: ['test'], package: '@tapjs/core' }, 'test']
      }]
    }
  },
  { files: ['src/cli/**/*.ts', 'src/main.ts', 'test/run.ts', 'loadtest/**/*.ts'], rules: { 'no-console': 'off' } }
)
