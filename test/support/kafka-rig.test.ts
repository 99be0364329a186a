// Checks the one-broker rig against a real broker: listeners, ACLs, reading back, and faults that keep the data.
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import kafkajs from 'kafkajs'
import type { KafkaConfig, SASLOptions } from 'kafkajs'
import t from 'tap'
import { startKafka } from './kafka-rig.ts'
import type { KafkaRig } from './kafka-rig.ts'
import { skipWithoutKafka } from './kafka-shared.ts'
import { until } from './kafka-wire.ts'

const { Kafka, logLevel } = kafkajs
const ALICE = { name: 'alice', password: 'alice-secret' } as const

async function produce(config: KafkaConfig, topic: string, value: string): Promise<void> {
  const kafka = new Kafka({ logLevel: logLevel.NOTHING, retry: { retries: 3, initialRetryTime: 50 }, ...config })
  const producer = kafka.producer()
  await producer.connect()
  try {
    await producer.send({ topic, acks: -1, messages: [{ key: 'k', value, headers: { a: '1', b: ['2', '3'] } }] })
  } finally {
    await producer.disconnect()
  }
}

const trusting = (rig: KafkaRig): { ca: string[] } => ({ ca: [readFileSync(rig.caPath, 'utf8')] })

const skip = await skipWithoutKafka('faults')

t.test('a rig of one broker', { skip }, async (t) => {
  const rig = await startKafka({ users: [ALICE] })
  t.teardown(() => rig.stop())

  await t.test('gives back what was produced over plaintext, with key, headers and offsets', async (t) => {
    await rig.createTopic('plain', { partitions: 1 })
    t.same(await rig.readAll('plain'), [], 'a new topic is empty')
    for (const value of ['one', 'two', 'three']) await produce({ brokers: [...rig.brokers] }, 'plain', value)
    const records = await rig.readAll('plain', { count: 3 })
    t.same(records.map((record) => [record.offset, String(record.value)]), [[0, 'one'], [1, 'two'], [2, 'three']])
    t.same(records[0]?.key, Buffer.from('k'))
    t.same(records[0]?.headers, { a: '1', b: '3' })
    t.same(records[0]?.headerList.map(([name, value]) => `${name}=${value}`), ['a=1', 'b=2', 'b=3'])
    t.ok(Math.abs(Date.now() - (records[0]?.timestampMs ?? 0)) < 60_000)
  })

  await t.test("Kafka's own console consumer prints the same records", async (t) => {
    const text = await rig.consoleConsume('plain', { count: 3, properties: { 'print.offset': 'true' } })
    t.match(text, /Offset:0\ta:1,b:2,b:3\tk\tone\n/)
    t.match(text, /three/)
  })

  await t.test('waiting for records that never come ends with the number that came', async (t) => {
    await t.rejects(rig.readAll('plain', { count: 4, timeoutMs: 300 }), /4 records in topic plain.*3 records read/)
  })

  await t.test('a topic that nobody made is not made by asking for it', async (t) => {
    await t.rejects(produce({ brokers: [...rig.brokers] }, 'nobody-made-me', 'x'), /topic-partition/)
  })

  await t.test('the TLS listener passes verification against the CA and fails it without', async (t) => {
    await rig.createTopic('over-tls')
    await produce({ brokers: [...rig.sslBrokers], ssl: trusting(rig) }, 'over-tls', 'secret')
    t.equal((await rig.readAll('over-tls')).length, 1)
    await t.rejects(produce({ brokers: [...rig.sslBrokers], ssl: true }, 'over-tls', 'x'), /certificate/)
  })

  await t.test('a SASL user may write only the topic that an ACL names, by every mechanism', async (t) => {
    await Promise.all(['allowed', 'denied'].map((topic) => rig.createTopic(topic)))
    await rig.allowWrite(ALICE.name, 'allowed')
    const as = (sasl: SASLOptions): KafkaConfig => ({ brokers: [...rig.saslBrokers], ssl: trusting(rig), sasl })
    const login = { username: ALICE.name, password: ALICE.password }
    await produce(as({ mechanism: 'scram-sha-512', ...login }), 'allowed', '512')
    await produce(as({ mechanism: 'scram-sha-256', ...login }), 'allowed', '256')
    await produce(as({ mechanism: 'plain', ...login }), 'allowed', 'plain')
    t.equal((await rig.readAll('allowed')).length, 3)
    await t.rejects(produce(as({ mechanism: 'scram-sha-512', ...login }), 'denied', 'x'), /[Nn]ot authorized/)
    t.same(await rig.readAll('denied'), [])
    const wrong = as({ mechanism: 'scram-sha-512', username: ALICE.name, password: 'wrong' })
    await t.rejects(produce(wrong, 'allowed', 'x'), /authentication/i)
    const { admin } = rig
    await produce(as({ mechanism: 'scram-sha-512', username: admin.name, password: admin.password }), 'denied', 'x')
    t.equal((await rig.readAll('denied')).length, 1, 'the admin needs no ACL')
  })

  await t.test('a frozen broker answers nobody until it is thawed', async (t) => {
    await rig.freeze(0)
    await t.rejects(rig.readAll('plain', { timeoutMs: 500 }), /gave up/)
    await rig.thaw(0)
    t.equal((await rig.readAll('plain')).length, 3)
  })

  await t.test('a killed broker refuses connections, and a restart has its data, users and ACLs', async (t) => {
    await rig.kill(0)
    await t.rejects(rig.freeze(0), /not running/)
    await t.rejects(rig.readAll('plain', { timeoutMs: 300 }), /gave up/)
    await rig.restart(0)
    t.equal((await rig.readAll('plain')).length, 3)
    const sasl: SASLOptions = { mechanism: 'scram-sha-512', username: ALICE.name, password: ALICE.password }
    await produce({ brokers: [...rig.saslBrokers], ssl: trusting(rig), sasl }, 'allowed', 'again')
    t.equal((await rig.readAll('allowed')).length, 4)
  })

  await t.test('stopping ends the broker and removes its data', async (t) => {
    const pid = Number(readFileSync(`${rig.directory}/broker-1.pid`, 'utf8'))
    await rig.stop()
    t.throws(() => process.kill(pid, 0), /ESRCH/)
    t.equal(existsSync(rig.directory), process.env.SLUICE_TEST_KEEP !== undefined)
  })
})

t.test('a rig that cannot start says so with the end of the log', { skip }, async (t) => {
  const failing = startKafka({ config: { 'ssl.keystore.location': '/nowhere.pem' } })
  await t.rejects(failing, /broker 1 to serve.*ended with code 1[^]*nowhere\.pem/)
})

t.test('no broker outlives a test process that is killed', { skip }, async (t) => {
  const program = `
    const { javaLauncher } = await import(${JSON.stringify(import.meta.resolve('./kafka-process.ts'))})
    const directory = ${JSON.stringify(t.testdir())}
    const at = (name) => directory + '/' + name
    await javaLauncher('/nowhere', []).start({ main: 'x', args: [], logPath: at('log'), pidPath: at('pid'),
      log4jPath: at('log4j'), ports: [] })
    console.log('started')
    setInterval(() => undefined, 1000)`
  // A stand-in for Java that never ends by itself: what is tested is the watcher around it.
  const path = t.testdir({ bin: { java: '#!/bin/sh\nexec sleep 100\n' } })
  chmodSync(`${path}/bin/java`, 0o755)
  const child = spawn(process.execPath, ['--input-type=module', '-e', program],
    { env: { ...process.env, PATH: `${path}/bin:${process.env.PATH}` }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  for await (const _line of createInterface({ input: child.stdout })) break
  const pid = await until({ what: 'the process id of the program', timeoutMs: 30_000 }, async () =>
    Number(readFileSync(`${path}/pid`, 'utf8')) || undefined)
  process.kill(pid, 'SIGSTOP')
  process.kill(pid, 0)
  child.kill('SIGKILL')
  await until({ what: 'the program to be gone', timeoutMs: 30_000 }, async () => {
    try {
      process.kill(pid, 0)
      return undefined
    } catch {
      return true
    }
  })
  t.pass('the program is gone')
})
