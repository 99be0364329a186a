// A gateway that is told to stop under load: every request it took is answered, none is broken off, nothing is lost.

import t from 'tap'
import type { Test } from 'tap'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import type { SentEvent, StoredEvent, Told } from '../support/history.ts'
import { journalContents } from '../support/journal-history.ts'
import { sharedKafka, skipWithoutKafka } from '../support/kafka-shared.ts'
import { until } from '../support/until.ts'

const connectionCount = 48
const acksBefore = 1_500
const drainMs = 10_000

const config = (sink: string): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
${sink}
limits: { drainMs: ${drainMs} }
routes:
  - { name: drain, channel: drain, topic: TOPIC, key: { pointer: /key } }
`

type Body = { outcome?: string, code?: string } & Record<string, unknown>
interface Answer { readonly status: number, readonly closes: boolean, readonly body: Body }

/** What became of one request: an answer, `unheard` where no connection came about, or `broken` where one broke off. */
type Fate = Answer | 'unheard' | 'broken'

interface Question { readonly port: number, readonly id: string, readonly data: string, readonly last: boolean }

function ask (agent: Agent, { port, id, data, last }: Question): Promise<Fate> {
  return new Promise(resolve => {
    const outgoing = request({
      agent, host: '127.0.0.1', port, method: 'POST', path: '/v1/events/drain', timeout: 30_000,
      headers: { 'content-type': 'application/json', 'idempotency-key': id, 'content-length': Buffer.byteLength(data) }
    }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => resolve('broken'))
      response.on('end', () => resolve({
        status: response.statusCode ?? 0, closes: response.headers.connection === 'close',
        body: JSON.parse(Buffer.concat(chunks).toString()) as Body
      }))
    })
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // Whoever was told to close and dials again may reach a listener that is just closing: nothing was taken of that.
      const dialled = last && !outgoing.reusedSocket
      resolve(error.code === 'ECONNREFUSED' || dialled ? 'unheard' : 'broken')
    })
    outgoing.end(data)
  })
}

class Clients {
  readonly sent: SentEvent[] = []
  readonly refusals: Answer[] = []
  brokenCount = 0
  writtenCount = 0
  readonly ended: Promise<unknown>

  constructor (port: number) {
    this.ended = Promise.all(Array.from({ length: connectionCount }, (_, at) => this.#run(port, `${process.pid}-${at}`)))
  }

  /** One connection: one request after the other until the gateway takes no more. */
  async #run (port: number, stream: string): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let order = 0, last = false; ; order++) {
      const id = `${stream}-${order}`
      const data = `{"key":"${stream}","order":${order}}`
      const fate = await ask(agent, { port, id, data, last })
      if (fate === 'unheard') break
      const told: Told = fate === 'broken' ? 'none' : fate.body.outcome as Told
      const { partition, offset, journal } = fate === 'broken' ? {} as Body : fate.body
      this.sent.push({
        id, stream, order, digest: digestOf(data), told,
        partition: partition as number | undefined,
        offset: offset as number | undefined,
        position: journal as string | undefined
      })
      if (fate === 'broken') this.brokenCount++
      else if (fate.status === 200) this.writtenCount++
      else this.refusals.push(fate)
      if (fate === 'broken' || fate.status !== 200) break
      last = fate.closes
    }
    agent.destroy()
  }
}

async function drains (t: Test, yaml: string, stored: () => Promise<readonly StoredEvent[]>): Promise<void> {
  const gateway = await startGatewayProcess(t.testdir(), yaml)
  t.teardown(() => gateway.kill())
  const clients = new Clients(gateway.port)
  await until(() => clients.writtenCount >= acksBefore, { timeoutMs: 60_000, what: () => `acks\n${gateway.log()}` })
  const startMs = performance.now()
  t.ok(await gateway.stop(), 'nothing had to be ended by force')
  const stopMs = performance.now() - startMs
  await clients.ended
  t.ok(stopMs < drainMs, `it took ${Math.round(stopMs)} ms`)
  t.equal(clients.brokenCount, 0, `${clients.brokenCount} requests were broken off`)
  for (const { status, closes, body } of clients.refusals) {
    if (status !== 503 || body.code !== 'shutting-down' || body.outcome !== 'refused' || !closes) t.fail(JSON.stringify(body))
  }
  const report = checkHistory(clients.sent, await stored())
  t.comment(JSON.stringify({ ...countsOf(report), stopMs: Math.round(stopMs) }))
  t.equal(report.unknownCount, 0)
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'refused but present')
  t.same(report.misplaced, [], 'not where the receipt says')
  t.same(report.duplicated, [], 'duplicated')
  t.same(report.reordered, [], 'reordered within a stream')
  t.notMatch(gateway.log(), /UnhandledPromise|settled twice|"level":"error"/)
}

t.test('with the journal', { timeout: 120_000 }, async t => {
  const yaml = config('sink: journal').replace('TOPIC', 'drain')
  await drains(t, yaml, async () => (await journalContents(join(t.testdirName, 'data/journal'))).stored)
})

t.test('with Kafka', { skip: await skipWithoutKafka(), timeout: 180_000 }, async t => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const topic = `drain-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic, { partitions: 4 })
  const brokers = JSON.stringify(kafka.brokers)
  await drains(t, config(`kafka: { brokers: ${brokers} }`).replace('TOPIC', topic), async () =>
    (await kafka.readAll(topic)).map(record => ({
      id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
    })))
})
