// The walk-through as its README tells it: this very config, a real broker, Kafka's own console consumer.

import t from 'tap'
import { readFileSync } from 'node:fs'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import { startKafka } from '../../test/support/kafka-rig.ts'
import { skipWithoutKafka } from '../../test/support/kafka-shared.ts'

const text = readFileSync(new URL('./sluice.yaml', import.meta.url), 'utf8')

/** The example with the ports of this test; nothing else of it changes. */
function configFor (broker: string): string {
  const changed = text.replace('127.0.0.1:9092', broker).replace('port: 8000', 'port: 0')
  if (!changed.includes(broker) || !changed.includes('port: 0 ')) throw new Error('the example changed: adapt this test')
  return changed
}

t.test('GET and POST on /kafka become records of topic1', {
  skip: await skipWithoutKafka('faults'), timeout: 150_000
}, async t => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  await kafka.createTopic('topic1', { partitions: 1 })
  const gateway = await startGatewayProcess(t.testdir(), configFor(kafka.brokers[0] ?? ''))
  t.teardown(() => gateway.kill())
  const url = `http://127.0.0.1:${gateway.port}/kafka`

  const got = await fetch(url, { headers: { aaa: '888' } })
  const receipt = await got.text()
  if (got.status !== 200) t.bailout(`${got.status} ${receipt}\n${gateway.log()}`)
  t.match(receipt, /^\{"message":"message sent",/, 'begins as Kong\'s answer does')
  t.match(JSON.parse(receipt), {
    message: 'message sent', outcome: 'written', source: '/kafka', ack: 'kafka', topic: 'topic1', partition: 0, offset: 0
  })

  const posted = await fetch(`${url}?a=1&b&a=2&c=x%20y`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'authorization': 'Bearer s3cr3t-9c1', 'cookie': 'session=s3cr3t-9c1' },
    body: '{"item": "cup", "count": 2}'
  })
  t.match(await posted.json(), { message: 'message sent', offset: 1 })
  t.equal((await fetch(url, { method: 'DELETE' })).status, 405, 'a method that the route does not name publishes nothing')

  const shown = await kafka.consoleConsume('topic1', {
    count: 2, properties: { 'print.key': 'false', 'print.headers': 'false' }
  })
  const values = shown.split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as object)
  t.equal(values.length, 2, shown)
  t.match(values[0], {
    method: 'GET', uri: '/kafka', uri_args: {}, headers: { aaa: '888', host: `127.0.0.1:${gateway.port}` }, body: '',
    body_args: {}
  })
  t.match(values[1], {
    method: 'POST', uri: '/kafka?a=1&b&a=2&c=x%20y', uri_args: { a: ['1', '2'], b: true, c: 'x y' },
    headers: { 'content-type': 'application/json' },
    body: '{"item": "cup", "count": 2}', body_args: { item: 'cup', count: 2 }
  })
  t.notMatch(shown, 's3cr3t-9c1')
  t.notMatch(shown.toLowerCase(), /"(authorization|cookie)"/)
  t.equal((await kafka.readAll('topic1')).length, 2)
  t.ok(await gateway.stop())
})
