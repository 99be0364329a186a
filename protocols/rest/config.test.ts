// Tests of the settings against what a door is built from and what its README says.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { refusals, retryable } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { bytesKeyword } from '../../src/contract/setting.ts'
import { restDefaults } from '../../test/support/rest-rig.ts'
import { aliasConfig, restConfig } from './config.ts'
import { doorReplies, replies } from './reply.ts'
import type { DoorCode } from './reply.ts'

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
const settings = Object.entries(restConfig.properties as Record<string, { default?: unknown, description?: string }>)

/** The rows of the table whose header begins with that word, as arrays of cells. */
function table (firstHeader: string): string[][] {
  const lines = readme.split('\n')
  const from = lines.findIndex(line => line.startsWith(`| ${firstHeader} `))
  const rest = lines.slice(from + 2)
  return rest.slice(0, rest.findIndex(line => !line.startsWith('|')))
    .map(line => line.split('|').slice(1, -1).map(cell => cell.trim().replaceAll('`', '')))
}

t.test('every setting has a default and a description', async t => {
  for (const [name, { default: value, description }] of settings) {
    t.ok(value !== undefined && (description?.length ?? 0) > 10, name)
  }
  t.same(Object.keys(restDefaults).sort(), settings.map(([name]) => name).sort())
})

t.test('byte sizes are marked as such, and no other setting is', async t => {
  for (const [name, schema] of settings) t.equal(bytesKeyword in schema, name.endsWith('BytesMax'), name)
})

t.test('the README lists every setting with its default and meaning, and no other', async t => {
  const shown = (value: unknown): string => typeof value === 'string' ? value : JSON.stringify(value)
  const plain = (text: string): string => text.replaceAll('`', '')
  t.same(table('setting'), settings.map(([name, { default: value, description = '' }]) =>
    [name, shown(value), description].map(plain)))
})

t.test('the README lists every refusal with its status, fate, retry and meaning, and no other', async t => {
  const ours = (Object.keys(replies) as RefusalCode[]).map(code => [
    code, String(replies[code].status), refusals[code].fate, retryable(code) ? 'yes' : 'no', refusals[code].meaning
  ])
  const doors = (Object.keys(doorReplies) as DoorCode[]).map(code => [
    code, String(doorReplies[code].status), 'refused', doorReplies[code].retryable ? 'yes' : 'no', doorReplies[code].meaning
  ])
  t.same(table('code'), [...ours, ...doors].map(row => row.map(cell => cell.replaceAll('`', ''))))
})

t.test('an alias path is made of plain levels and parameters', async t => {
  const pattern = new RegExp((aliasConfig.properties.path as { pattern?: string }).pattern ?? '')
  for (const path of ['/kafka', '/a/{b}/c', '/a/{b*}', '/a.b-c_d~e']) t.match(path, pattern)
  for (const path of ['kafka', '/', '/a/', '/a//b', '/a?b', '/a*', '/:a', '/a{b}', '/%41', '/a b']) t.notMatch(path, pattern)
})
