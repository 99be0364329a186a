// Proves that tail reads a topic of a real Kafka: the last events by time, those that come, and nothing is created.

import t from 'tap'
import kafkajs from 'kafkajs'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { RunningCli, runCli, temporaryFolder } from '../../test/support/run-cli.ts'

t.test('with a real Kafka', { skip: await skipWithoutKafka(), timeout: 110_000 }, async (t) => {
  const kafka = await sharedKafka()
  t.teardown(kafka.stop)
  const topic = `tail-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic, { partitions: 3 })
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), `listeners: [ { protocol: http, port: 0 } ]
kafka: { brokers: ${JSON.stringify(kafka.brokers)} }
routes: [ { name: a, channel: a, topic: ${topic} } ]
`)
  const unnamed = await runCli(['tail', '--no-follow'], { cwd })
  t.match(unnamed, { code: 2, stderr: /say which topic with --topic NAME/ })
  const client = new kafkajs.Kafka({ brokers: [...kafka.brokers], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer({ allowAutoTopicCreation: false, idempotent: true })
  await producer.connect()
  t.teardown(() => producer.disconnect())
  const now = Date.now()
  const write = (numbers: readonly number[]): Promise<unknown> => producer.send({
    topic,
    messages: numbers.map((number) => ({
      partition: number % 3, key: `k${number}`, value: `{"n":${number}}`, timestamp: String(now + number), headers: { h: 'x' }
    }))
  })
  await write([0, 1, 2, 3, 4, 5, 6, 7])
  // It asks again for a while, and no verb here ends as soon as it has shown all.
  const absent = runCli(['tail', '--topic', `${topic}-absent`, '--no-follow'], { cwd })

  const all = new RunningCli(['tail', '--topic', topic, '--from-beginning', '--no-follow', '--json'], { cwd })
  t.teardown(() => { all.child.kill('SIGKILL') })
  const shown = (): string[] => all.stdout.split('\n').slice(0, -1)
  await all.until(() => shown().length >= 8)
  const events = shown().map((line) => JSON.parse(line) as Record<string, unknown>)
  t.match(events.find(({ key }) => key === 'k4'), {
    topic, partition: 1, offset: '1', value: '{"n":4}', headers: [{ name: 'h', value: 'x' }]
  })

  const following = new RunningCli(['tail', '--topic', topic, '-n', '2', '--json'], { cwd })
  t.teardown(() => { following.child.kill('SIGKILL') })
  await following.until(() => following.stdout.split('\n').length > 2)
  await write([8])
  await following.until(() => following.stdout.includes('"k8"'))
  const keys = [...following.stdout.matchAll(/"key":"(k\d)"/g)].map((match) => match[1])
  t.strictSame(keys, ['k6', 'k7', 'k8'])
  following.child.kill('SIGINT')
  t.equal((await following.ended).code, 0)

  const { code, stderr } = await all.ended
  t.equal(code, 0, stderr)
  t.equal(shown().length, 8)
  t.match(await absent, { code: 74, stderr: 'does not host this topic-partition' })
})
