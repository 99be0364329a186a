// The settings and replies against what the README says of them, and its transcript against the door.

import { readFileSync } from 'node:fs'
import t from 'tap'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { bytesKeyword } from '../../src/contract/setting.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { startWebsocket, websocketDefaults } from '../../test/support/websocket-rig.ts'
import type { WebsocketClient } from '../../test/support/websocket-rig.ts'
import { websocketConfig } from './config.ts'
import { closeCodeOf, closings, replies } from './reply.ts'

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8')
interface Described { default?: unknown, description?: string }
const settings = Object.entries(websocketConfig.properties as Record<string, Described>)

/** The rows of the table whose header begins with that word, as arrays of cells. */
function table (firstHeader: string): string[][] {
  const lines = readme.split('\n')
  const from = lines.findIndex(line => line.startsWith(`| ${firstHeader} |`))
  const rest = lines.slice(from + 2)
  return rest.slice(0, rest.findIndex(line => !line.startsWith('|')))
    .map(line => line.split('|').slice(1, -1).map(cell => cell.trim().replaceAll('`', '')))
}

t.test('every setting has a default and a description, and byte sizes are marked as such', async t => {
  for (const [name, schema] of settings) {
    t.ok(schema.default !== undefined && (schema.description?.length ?? 0) > 10, name)
    t.equal(bytesKeyword in schema, name.endsWith('BytesMax'), name)
  }
  t.same(Object.keys(websocketDefaults).sort(), settings.map(([name]) => name).sort())
})

t.test('the README lists every setting with its default and meaning, and no other', async t => {
  const shown = (value: unknown): string => typeof value === 'string' ? value : JSON.stringify(value)
  t.same(table('setting'), settings.map(([name, { default: value, description = '' }]) =>
    [name, shown(value), description.replaceAll('`', '')]))
})

t.test('the README lists every refusal with its status and what it closes, and every close code', async t => {
  const documented = table('code')
  t.same(documented.map(([code, status]) => [code, status]),
    Object.entries(replies).map(([code, { status }]) => [code, String(status)]))
  for (const [code = '', , open = ''] of documented) {
    const closeCode = closeCodeOf(code as RefusalCode)
    if (closeCode !== undefined) t.match(open, `close ${closeCode}`, code)
  }
  const closes = table('close code').map(([codes = '']) => codes).join(', ')
  for (const code of Object.values(closings)) t.match(closes, String(code))
})

async function say (client: WebsocketClient, line: string): Promise<void> {
  const hex = /^binary (.*)/.exec(line)?.[1]
  if (hex === undefined) client.socket.send(line)
  else client.send(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

t.test('the transcript of the README is what is said', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = (envelope, index) =>
    index === 2 ? refuse('rate-limited', 'the rate is used up', { retryAfterMs: 1_200 }) : receiptOf(envelope, index)
  const [, transcript = ''] = /```transcript\n(.*?)```/s.exec(readme) ?? []
  const lines = transcript.trim().split('\n')
  t.ok(lines.length > 15)
  const client = await rig.connect()
  let toldCount = 0
  for (const line of lines) {
    const text = line.slice(2)
    const [, closeCode, reason] = /^close (\d+) (.*)/.exec(text) ?? []
    if (line.startsWith('>')) await say(client, text)
    else if (closeCode === undefined) {
      await client.until(({ texts }) => texts.length > toldCount)
      t.equal(client.texts[toldCount++], text)
    } else {
      await client.closed()
      t.same([String(client.closeCode), client.reason], [closeCode, reason])
    }
  }
  t.equal(client.texts.length, toldCount)
  const taken = rig.ingress.envelopes.map(({ id, wrapped, datacontenttype, data }) =>
    `${id} ${wrapped} ${datacontenttype} ${data?.toString()}`)
  t.same(taken, [
    ' true application/json {"customerId":"c1","total":12.50}', ' true application/json {"customerId":"c2"}',
    ' true text/plain; charset=utf-8 too fast', 'a1 false application/json {"total":1e999}', ' true application/json {}',
    ' true application/json 1', ' true application/json 2', ' true application/json 3'
  ])
})
