// Proves what explain shows of an event that passes, one that is refused and one in shadow, and how it ends.

import t from 'tap'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'

const key = 'sluice_test-key'
const config = `listeners: [ { protocol: http, port: 8080 } ]
kafka: { brokers: ["127.0.0.1:1"] }
principals:
  - name: factory-7
    groups: [ factories ]
    sources: [ "/factories/7/*" ]
    credentials: [ { apiKey: "sha256:${createHash('sha256').update(key).digest('hex')}" } ]
  - { name: other, groups: [ audited ] }
authentication: [ { auth-api-key: {} } ]
policies: [ { payload-limit: { bytesMax: 100 } } ]
routes:
  - name: orders
    channel: orders/{region}
    topic: orders.{region}
    parameters: { region: { enum: [ eu, us ] } }
    key: { pointer: /customerId }
    headers: [ x-request-id ]
    policies:
      - acl: { allow: [ "group:factories" ] }
      - acl: { allow: [ "group:audited" ], shadow: true }
`

async function explain (t: Parameters<typeof temporaryFolder>[0], words: readonly string[], stdin = '', text = config):
ReturnType<typeof runCli> {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), text)
  writeFileSync(join(cwd, 'order.json'), '{"customerId":"c1"}')
  return runCli(['explain', ...words], { cwd, stdin })
}

/** Between what is shown of one door and of the next one. */
const nextDoor = /(?<=\n)(?=(?!rest)[a-z])/

t.test('an event that passes is shown from its sender to its answer', async (t) => {
  const { code, stdout } = await explain(t, ['orders/eu', 'order.json', '-H', `X-Api-Key: ${key}`, '--partitions', '6'])
  t.equal(code, 0)
  const shown = stdout.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '(id)').replace(/\d{4}-\d\d-\d\dT[0-9:.]+Z/, '(time)')
  t.equal(shown.split(nextDoor)[0], `rest
  principal      factory-7 (factories)
  route          orders
  acl            passes it
  acl            would refuse it (shadow): forbidden: you may not send to this channel; ask its operator for access
  payload-limit  passes it
  topic          orders.eu
  key            c1
  partition      5
  header         ce_id: (id)
  header         ce_specversion: 1.0
  header         ce_source: /orders/eu
  header         ce_type: sluice.event
  header         ce_time: (time)
  header         content-type: application/json
  value          19 bytes: {"customerId":"c1"}
  reply          HTTP/1.1 200 OK
                 content-type: application/json
                 content-length: 135

                 {"outcome":"written","id":"(id)","source":"/orders/eu","ack":"kafka","topic":"orders.eu","partition":5}
`)
  t.notMatch(stdout, key)
})

t.test('a refused event tells who refused it and why, and ends with 1', async (t) => {
  const large = JSON.stringify({ customerId: 'x'.repeat(100) })
  const { code, stdout } = await explain(t, ['orders/eu', '--as', 'factory-7'], large)
  t.equal(code, 1)
  t.match(stdout, /payload-limit {2}refuses it: too-large: the data of this event has \d+ bytes and the limit/)
  t.match(stdout, /refused {8}too-large: /)
  t.match(stdout, /reply {10}HTTP\/1.1 413 /)
  t.notMatch(stdout, /\n {2}topic/)
})

t.test('what never comes to a policy is shown too', async (t) => {
  const stranger = await explain(t, ['orders/eu'], '{"customerId":"c1"}')
  t.match(stranger, { code: 1, stdout: /^rest\n {2}refused {2}unauthenticated: send an API key in x-api-key\n/ })
  const nowhere = await explain(t, ['elsewhere', '--as', 'factory-7'], '{}')
  t.match(nowhere.stdout, /principal {2}factory-7 \(factories\)\n {2}refused {4}no-route: /)
  const context = ['specversion: 1.0', 'id: 1', 'type: t', 'source: /other'].flatMap(one => ['-H', `ce-${one}`])
  const foreign = await explain(t, ['orders/eu', '--as', 'factory-7', ...context], '{"customerId":"c1"}')
  t.match(foreign.stdout, /refused {8}forbidden: you may not send events of this source/)
  t.match(foreign.stdout, /payload-limit {2}not asked/)
})

t.test('where a condition has no value for the event that is said, and the policy is asked', async (t) => {
  const text = config.replace('bytesMax: 100', "bytesMax: 10, when: 'event.extensions.level > 3'")
  const { code, stdout } = await explain(t, ['orders/eu', '--as', 'factory-7'], '{"customerId":"c1"}', text)
  t.equal(code, 1)
  t.match(stdout, /payload-limit {2}is asked, as its condition has no value for it: No such key: level\n/)
  t.match(stdout, /payload-limit {2}refuses it: too-large/)
})

t.test('a program reads the same as JSON', async (t) => {
  const { stdout } = await explain(t, ['orders/eu', '--as', 'factory-7', '--json'], '{"customerId":1}')
  t.match(JSON.parse(stdout.split('\n')[0] ?? ''), {
    door: 'rest', principal: { name: 'factory-7' }, route: 'orders', record: { topic: 'orders.eu', key: { text: '1' } },
    policies: [
      { policy: 'acl', decision: 'pass' },
      { policy: 'acl', decision: 'would-refuse', refusal: { code: 'forbidden' } },
      { policy: 'payload-limit', decision: 'pass' }
    ],
    reply: /^HTTP\/1.1 200 OK/
  })
})

t.test('what cannot be asked is said', async (t) => {
  t.match(await explain(t, ['orders/eu', '--as', 'nobody'], '{}'), {
    code: 2, stderr: 'no principal of the config is named nobody; there are factory-7, other\n'
  })
  t.match(await explain(t, ['orders/eu', 'nowhere.json']), { code: 74, stderr: /cannot read the data .* no such file/ })
  t.match(await explain(t, ['orders/eu', '-H', 'nonsense']), { code: 2, stderr: /name: value/ })
  t.match((await explain(t, ['orders/eu', '-H', 'x y: z'], '{}')).stdout, /reply {2}cannot be sent: /)
})

t.test('the README shows what its own config makes of its own event', async (t) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const [, shown = ''] = /\$ sluice explain [^\n]+\n(.*?)```/s.exec(readme) ?? []
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? '')
  writeFileSync(join(cwd, 'order.json'), '{"customerId":"c1"}')
  const words = /\$ sluice (explain [^\n]+)/.exec(readme)?.[1]?.split(' ') ?? []
  const { code, stdout } = await runCli(words, { cwd })
  const same = (text: string): string =>
    text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '(id)').replace(/\d{4}-\d\d-\d\dT[0-9:.]+Z/, '(time)')
  t.equal(code, 0)
  t.equal(same(stdout).split(nextDoor)[0], same(shown))
  t.match(shown, /would refuse it \(shadow\)/)
})
