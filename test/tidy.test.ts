// Style and structure that only a test can hold: sizes, names, units, tests beside files, documents equal to the code.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { adapters } from '../protocols/index.ts'
import { policies } from '../plugins/index.ts'
import { retryable, refusals } from '../src/contract/outcome.ts'
import type { RefusalCode } from '../src/contract/outcome.ts'
import { schema } from '../src/settings.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  .toString().split('\n').filter(path => path !== '' && existsSync(join(root, path)))
const sources = tracked.filter(path =>
  /^(src|protocols|plugins|test|loadtest|examples)\/.*\.(ts|js|mjs)$/.test(path) &&
  !/^protocols\/[^/]+\/generated\//.test(path))
const production = sources.filter(path => /^(src|protocols|plugins)\//.test(path) && !path.endsWith('.test.ts'))

/** Paths for which `broken` holds; a test expects none. */
function breaking (paths: readonly string[], broken: (path: string) => boolean): string[] {
  return paths.filter(broken)
}

t.test('there is something to look at', async t => {
  t.ok(production.length > 60, `${production.length} production files`)
})

t.test('a file is short enough to be read at once', async t => {
  const linesOf = (path: string): number => read(path).split('\n').length - 1
  const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.startsWith('test/')
  t.same(breaking(sources, path => linesOf(path) > (isTest(path) ? 500 : 300)), [])
})

t.test('the first line of a file says what it does', async t => {
  t.same(breaking(sources, path => !/^(#!.*\n)?\/\/ \S.{20,}/.test(read(path))), [])
})

t.test('a file has a name that says what it is', async t => {
  const banned = /^(utils?|helpers?|common|types|manager|service|misc)\b/
  t.same(breaking(sources, path => banned.test(basename(path))), [])
  const noun = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|bench|config))?\.(ts|js|mjs)$/
  t.same(breaking(sources, path => !noun.test(basename(path))), [])
})

t.test('no reminder is without its issue', async t => {
  t.same(breaking(sources, path => /\/\/.*\b(TODO|FIXME|XXX)\b(?!.*#\d)/.test(read(path))), [])
})

t.test('every production file is reached by a test of its own room', async t => {
  const tests = sources.filter(path => path.endsWith('.test.ts') || path.startsWith('test/support/'))
  const named = new Set(tests.flatMap(path =>
    [...read(path).matchAll(/(?:from|import) ?\(?'(\.[^']+)'/g)].map(found => join(dirname(path), found[1] ?? ''))))
  const roomsTested = new Set(tests.map(path => dirname(path)))
  const typesOnly = (path: string): boolean => !/^(export )?(async )?(const|let|function|class) /m.test(read(path))
  t.same(breaking(production, path => {
    if (named.has(path) || existsSync(join(root, path.replace(/\.ts$/, '.test.ts'))) || typesOnly(path)) return false
    // What stands behind a tested face of the same folder counts as reached through it.
    const imported = production.some(other => dirname(other) === dirname(path) && other !== path &&
      read(other).includes(`'./${basename(path)}'`))
    return !(imported && roomsTested.has(dirname(path)))
  }), [])
})

t.test('a policy has its four files, an adapter its five', async t => {
  const missing = (folder: string, names: readonly string[]): string[] =>
    names.filter(name => !existsSync(join(root, folder, name))).map(name => `${folder}/${name}`)
  const folders = (place: string): string[] =>
    readdirSync(join(root, place), { withFileTypes: true }).filter(one => one.isDirectory()).map(one => one.name)
  for (const policy of policies) {
    t.same(missing(`plugins/${policy.name}`, ['index.ts', 'config.ts', 'index.test.ts', 'README.md']), [])
  }
  for (const adapter of adapters) {
    t.same(missing(`protocols/${adapter.name}`, ['index.ts', 'config.ts', 'decode.ts', 'reply.ts', 'README.md']), [])
  }
  t.same(folders('plugins').sort(), policies.map(policy => policy.name).sort(), 'every folder is registered')
  t.same(folders('protocols').sort(), adapters.map(adapter => adapter.name).sort(), 'every folder is registered')
})

interface Schema {
  description?: string
  type?: string | string[]
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  'x-bytes'?: unknown
}

/** Every setting with its path; branches of a union count as one place. */
function settingsIn (one: Schema, path: string): [string, Schema][] {
  const below = Object.entries(one.properties ?? {}).flatMap(([key, child]): [string, Schema][] =>
    [[`${path}.${key}`, child], ...settingsIn(child, `${path}.${key}`)])
  const branches = (one.anyOf ?? []).flatMap(branch => settingsIn(branch, path))
  return [...below, ...branches, ...(one.items === undefined ? [] : settingsIn(one.items, `${path}[]`))]
}

t.test('every setting is described, and every number among them names its unit', async t => {
  const unit = /(Ms|Bytes|BytesMax|Max|Ratio|Count|PerSecondMax)$/
  const settings = settingsIn(schema as Schema, '')
  const isNumber = ({ type }: Schema): boolean => [type].flat().some(one => one === 'integer' || one === 'number')
  t.ok(settings.length > 60, `${settings.length} settings`)
  t.same(settings.filter(([, one]) => one.description === undefined).map(([path]) => path), [])
  t.same(settings.filter(([path, one]) => isNumber(one) && !path.endsWith('.port') && !unit.test(path)).map(([path]) => path), [])
  t.same(settings.filter(([path, one]) => one['x-bytes'] !== undefined && !/[bB]ytes(PerSecond)?(Max|Min)?$/.test(path)).map(([path]) => path), [])
})

/** The rows of the table whose header line is given, cells trimmed. */
function tableUnder (header: string): string[][] {
  const lines = read('README.md').split('\n')
  const at = lines.indexOf(header)
  if (at === -1) throw new Error(`README.md has no table ${header}`)
  const end = lines.findIndex((line, index) => index > at && !line.startsWith('|'))
  return lines.slice(at + 2, end).map(line => line.split('|').slice(1, -1).map(cell => cell.trim().replaceAll('`', '')))
}

t.test('the refusal table of the README is the refusal table of the code', async t => {
  const { replies } = await import('../protocols/rest/reply.ts')
  const documented = tableUnder('| code | outcome | status | try again | meaning |')
  const coded = (Object.keys(refusals) as RefusalCode[]).map(code => {
    const { fate, retry, meaning } = refusals[code]
    return [code, fate, String(replies[code].status), retry, meaning]
  })
  t.same(documented, coded)
  t.ok(coded.every(([code, , , retry]) => retryable(code as RefusalCode) === (retry !== 'never')))
})

t.test('the section table of the README is the schema', async t => {
  const documented = tableUnder('| section | sets |')
  const coded = Object.entries((schema as Schema).properties ?? {}).map(([key, one]) =>
    [key, (one.description ?? '').replaceAll('`', '')])
  t.same(documented, coded)
})

t.test('the dependency table of the architecture names every dependency', async t => {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  const text = read('ARCHITECTURE.md')
  const table = text.slice(text.indexOf('## Dependencies'))
  const short = (name: string): string => name.replace(/^@opentelemetry\/sdk-node$/, 'sdk-node')
  const unexplained = Object.keys({ ...dependencies, ...devDependencies })
    .filter(name => !name.startsWith('@types/') && !table.includes(short(name)))
  t.same(unexplained, [])
})
