// Every import rule fires: one planted violation per rule, and a clean tree that gives none.

import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const repository = join(import.meta.dirname, '..')
const rules = join(repository, '.dependency-cruiser.mjs')
const { default: config } = await import(rules) as { default: { forbidden: { name: string }[] } }

/** By rule: files that break it, and nothing else. All stand in one tree, as each run of the tool costs seconds. */
const planted: Record<string, Record<string, string>> = {
  'no-cycles': {
    'src/kafka/one.ts': "import './two.ts'\n", 'src/kafka/two.ts': "import './one.ts'\n"
  },
  'contract-imports-nothing': { 'src/contract/clock.ts': "import { hrtime } from 'node:process'\nhrtime()\n" },
  'adapter-sees-contract-only': {
    'protocols/rest/index.ts': "import type { A } from '../../src/ingest/type.ts'\nexport type B = A\n",
    'src/ingest/type.ts': 'export type A = number\n'
  },
  'bridge-sees-messages-too': {
    'protocols/mqtt-bridge/index.ts': "import '../mqtt/codec/packet.ts'\nimport '../mqtt/session.ts'\n",
    'protocols/mqtt/codec/packet.ts': 'export {}\n', 'protocols/mqtt/session.ts': 'export {}\n'
  },
  'policy-sees-contract-only': {
    'plugins/acl/index.ts': "import '../quota/index.ts'\n", 'plugins/quota/index.ts': 'export {}\n'
  },
  'room-sees-contract-only': {
    'src/ingest/room.ts': "import '../kafka/room.ts'\n", 'src/kafka/room.ts': 'export {}\n'
  },
  'registries-only-from-composition': {
    'test/support/x.test.ts': 'export {}\n',
    'examples/registries.ts': "import '../plugins/index.ts'\n",
    'plugins/index.ts': 'export {}\n'
  },
  'composition-from-edges-only': {
    'examples/composition.ts': "import '../src/server.ts'\n", 'src/server.ts': 'export {}\n'
  },
  'kafka-client-in-kafka-only': { 'src/observe/a.ts': "import { Kafka } from 'kafkajs'\nnew Kafka({ brokers: [] })\n" },
  'production-not-to-test': {
    'src/kafka/test.ts': "import '../../test/support/b.ts'\n", 'test/support/b.ts': 'export {}\n'
  },
  'production-not-to-dev-dependency': { 'src/kafka/dev.ts': "import 'tap'\n" },
  'no-unresolvable': { 'src/kafka/nothing.ts': "import './nowhere.ts'\n" }
}

interface Report { summary: { violations: { from: string, rule: { name: string } }[], totalCruised: number } }

async function cruise (cwd: string): Promise<Report> {
  const args = [join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
    '--config', rules, '--output-type', 'json',
    'src', 'protocols', 'plugins', 'test', 'loadtest', 'examples']
  const options = { cwd, maxBuffer: 64 * 1024 * 1024 }
  const { stdout } = await run(process.execPath, args, options).catch((error: { stdout: string }) => error)
  return JSON.parse(stdout) as Report
}

function plant (root: string, files: Record<string, string>): string {
  for (const folder of ['src', 'protocols', 'plugins', 'test', 'loadtest', 'examples']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'package.json'), JSON.stringify({
    type: 'module', dependencies: { kafkajs: '*' }, devDependencies: { tap: '*' }
  }))
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

t.test('every rule has its planted violation', async t => {
  t.same(config.forbidden.map(rule => rule.name).sort(), Object.keys(planted).sort())
})

t.test('what is planted for a rule breaks it, and no other', async t => {
  const all = Object.fromEntries(Object.values(planted).flatMap(files => Object.entries(files)))
  const { summary } = await cruise(plant(t.testdir(), all))
  for (const [rule, files] of Object.entries(planted)) {
    const found = summary.violations.filter(({ from }) => from in files)
    t.same([...new Set(found.map(violation => violation.rule.name))], [rule], `${rule} fires`)
  }
  t.same(summary.violations.filter(({ from }) => !(from in all)), [])
})

t.test('the repository breaks no rule, and the tool has really read it', async t => {
  const { summary } = await cruise(repository)
  t.same(summary.violations.map(violation => violation.rule.name), [])
  t.ok(summary.totalCruised > 100, `${summary.totalCruised} modules were read`)
})
