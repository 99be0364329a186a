// The import rules of ARCHITECTURE.md. Each is proven to fire by a planted violation in test/import-rules.test.ts.

const test = '(\\.test\\.ts$|^test/)'
const roots = '^(src/(main|server|doors|sinks|worker|gateway|administration|preflight|supervisor|settings|policies|explain)\\.ts$|src/cli/)'

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles', severity: 'error', comment: 'a circle of imports: move what both need into one of them',
      from: {}, to: { circular: true }
    },
    {
      name: 'contract-imports-nothing', severity: 'error',
      comment: 'src/contract is types, tables and pure functions: it imports only itself, not even node:',
      from: { path: '^src/contract/', pathNot: test }, to: { pathNot: '^src/contract/' }
    },
    {
      name: 'adapter-sees-contract-only', severity: 'error',
      comment: 'an adapter gets an Ingress and nothing else: import src/contract and its own folder',
      from: { path: '^protocols/([^/]+)/', pathNot: `${test}|^protocols/mqtt-bridge/` },
      to: { path: '^(src/|plugins/|protocols/)', pathNot: '^(src/contract/|protocols/$1/)' }
    },
    {
      name: 'bridge-sees-messages-too', severity: 'error',
      comment: 'the MQTT bridge reads messages as the MQTT door does: import that, its codec, src/contract and its own folder',
      from: { path: '^protocols/mqtt-bridge/', pathNot: test },
      to: {
        path: '^(src/|plugins/|protocols/)',
        pathNot: '^(src/contract/|protocols/mqtt-bridge/|protocols/mqtt/(codec/|decode|attributes))'
      }
    },
    {
      name: 'policy-sees-contract-only', severity: 'error',
      comment: 'a policy judges an envelope and knows nothing else: import src/contract and its own folder',
      from: { path: '^plugins/([^/]+)/', pathNot: test },
      to: { path: '^(src/|plugins/|protocols/)', pathNot: '^(src/contract/|plugins/$1/)' }
    },
    {
      name: 'room-sees-contract-only', severity: 'error',
      comment: 'rooms of src meet only in the composition files: pass a function instead of importing a neighbour',
      from: { path: '^src/(admin|config|ingest|journal|kafka|listen|observe|redis|sessions|shared)/', pathNot: test },
      to: { path: '^(src/|plugins/|protocols/)', pathNot: '^src/(contract|$1)/' }
    },
    {
      name: 'registries-only-from-composition', severity: 'error',
      comment: 'who lists adapters and policies is the composition, the CLI and the benches; a room gets what it needs passed in',
      from: { pathNot: `${roots}|${test}|^loadtest/` }, to: { path: '^(protocols|plugins)/index\\.ts$' }
    },
    {
      name: 'composition-from-edges-only', severity: 'error',
      comment: 'server, gateway and settings compose the rooms: no room may reach back to them',
      from: { pathNot: `${roots}|${test}|^loadtest/` },
      to: { path: '^src/(main|server|doors|sinks|worker|gateway|administration|preflight|supervisor|settings|policies|explain)\\.ts$' }
    },
    {
      name: 'kafka-client-in-kafka-only', severity: 'error',
      comment: 'src/kafka is the only room that knows Kafka; the CLI may read topics',
      from: { pathNot: `^src/(kafka|cli)/|${test}|^loadtest/` }, to: { path: 'node_modules/kafkajs/' }
    },
    {
      name: 'production-not-to-test', severity: 'error',
      comment: 'what is shipped must not need what is not',
      from: { path: '^(src|protocols|plugins)/', pathNot: test },
      to: { path: '^(test|loadtest|examples)/' }
    },
    {
      name: 'production-not-to-dev-dependency', severity: 'error',
      comment: 'a dev dependency is not there when the package is installed: move it to dependencies',
      from: { path: '^(src|protocols|plugins)/', pathNot: test },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' }
    },
    {
      name: 'no-unresolvable', severity: 'error', comment: 'this import leads nowhere',
      from: {}, to: { couldNotResolve: true }
    }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default', 'require'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json']
    }
  }
}
