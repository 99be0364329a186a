// The client against the gateway of its README, killed and stopped again and again under load: nothing is lost.

import t from 'tap'
import type { Test } from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import type { GatewayProcess } from '../../test/support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../../test/support/history.ts'
import type { SentEvent } from '../../test/support/history.ts'
import { journalContents } from '../../test/support/journal-history.ts'
import { claimPorts } from '../../test/support/kafka-ports.ts'
import { until } from '../../test/support/until.ts'
import { StreamClient } from './client.ts'
import type { Outcome } from './client.ts'

const text = readFileSync(new URL('./sluice.yaml', import.meta.url), 'utf8')
/** Each of the two ways at least twice, unless the full run is asked for. */
const restartCount = process.env.SLUICE_FAULT_ACKS === undefined ? 5 : 11
/** Acks between two restarts, and events that wait at any time. */
const stretchCount = 300
const waitingCount = 200
const timeoutMs = 120_000
const credential = (): object => ({ attributes: { 'x-api-key': 'shop-key-of-the-example' } })

function configFor (port: number): string {
  const changed = text.replace('port: 8080', `port: ${port}`)
  if (changed === text) throw new Error('the example changed: adapt this test')
  return changed
}

/** SIGKILL at once, or what SIGTERM does: told to stop, the gateway settles what is in flight and closes with 1012. */
async function end (gateway: GatewayProcess, byForce: boolean): Promise<boolean> {
  if (!byForce) return gateway.stop()
  await gateway.kill('SIGKILL')
  return true
}

/** Keeps so many events waiting until it is told to stop. */
class Load {
  readonly sent: SentEvent[] = []
  readonly refused: Outcome[] = []
  writtenCount = 0
  readonly #client: StreamClient
  readonly #running: Promise<unknown>
  #stopping = false

  constructor (client: StreamClient) {
    this.#client = client
    this.#running = Promise.all(Array.from({ length: waitingCount }, () => this.#run()))
    // Told again by `stop`.
    this.#running.catch(() => {})
  }

  async #run (): Promise<void> {
    while (!this.#stopping) {
      const order = this.sent.length
      const data = { order, customer: 'Zoë', pad: 'x'.repeat(100) }
      const one = { id: `order-${order}`, stream: 'client', order, digest: digestOf(JSON.stringify(data)), told: 'none' as SentEvent['told'] }
      this.sent.push(one)
      const outcome = await this.#client.publish('orders', data, one.id)
      if (outcome.outcome !== 'written') this.refused.push(outcome)
      one.told = outcome.outcome
      this.writtenCount++
    }
  }

  async stop (): Promise<void> {
    this.#stopping = true
    await this.#running
  }
}

async function onPort (t: Test): Promise<number> {
  // The same port each time, and one that no outgoing connection can take meanwhile.
  const claimed = await claimPorts()
  t.teardown(() => claimed.release())
  return claimed.ports[0] ?? 0
}

t.test(`nothing is lost through ${restartCount} restarts, of which every other one is a kill -9`, { timeout: 600_000 }, async t => {
  const port = await onPort(t)
  const folder = t.testdir()
  let gateway = await startGatewayProcess(folder, configFor(port))
  t.teardown(() => gateway.kill())
  const client = new StreamClient({ url: `ws://127.0.0.1:${port}/v1/stream`, credential })
  const load = new Load(client)
  const acked = (count: number): Promise<number> => {
    const goal = load.writtenCount + count
    return until(() => load.writtenCount >= goal, { timeoutMs, what: () => `${goal} acks; ${load.writtenCount} came\n${gateway.log()}` })
  }
  const waiting: number[] = []
  for (let restart = 0; restart < restartCount; restart++) {
    // Not always at the same place of a batch.
    await acked(stretchCount + Math.floor(Math.random() * 50))
    t.ok(await end(gateway, restart % 2 === 0))
    waiting.push(client.waitingCount)
    gateway = await startGatewayProcess(folder, configFor(port))
  }
  await acked(stretchCount)
  await load.stop()
  await client.close()
  t.ok(await gateway.stop())

  const { stored, damage } = await journalContents(join(folder, 'data/journal'))
  const report = checkHistory(load.sent, stored)
  t.comment(JSON.stringify({ ...countsOf(report), waiting }))
  t.same(damage, [])
  t.same(load.refused, [])
  t.ok(waiting.every(count => count > 0), 'events waited at every restart')
  t.equal(report.writtenCount, load.sent.length, 'every event was acked at last')
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'nobody sent it')
  t.same(report.reordered, [], 'the first copies stand in the order of publishing')
})

/** The program of the README, as it stands there but for the port. */
async function runReadme (t: Test, port: number): Promise<void> {
  const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')
  const [, program = ''] = /```ts\n(.*?)```/s.exec(readme) ?? []
  const source = program.replace('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replace("'./client.ts'", JSON.stringify(new URL('./client.ts', import.meta.url).href))
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString() })
  const [exitCode] = await once(child, 'close') as [number]
  t.equal(exitCode, 0)
  t.match(said, /outcome: 'written'/)
}

t.test('what comes too fast waits as long as it is told, what can never pass is refused, and a wrong key ends it', {
  timeout: 100_000
}, async t => {
  const port = await onPort(t)
  const folder = t.testdir()
  const gateway = await startGatewayProcess(folder, configFor(port))
  t.teardown(() => gateway.kill())
  const url = `ws://127.0.0.1:${port}/v1/stream`
  const client = new StreamClient({ url, credential, waitingEventsMax: 40 })
  const startMs = performance.now()
  const outcomes = Array.from({ length: 20 }, (_, order) => client.publish('slow', { order }))
  t.match(await client.publish('nowhere', {}), { outcome: 'refused', code: 'no-route', retryable: false, detail: String })
  t.match(await client.publish('orders', 'x'.repeat(1_100_000)), { outcome: 'refused', code: 'too-large' })
  t.same(new Set((await Promise.all(outcomes)).map(({ outcome }) => outcome)), new Set(['written']))
  t.ok(performance.now() - startMs > 1_000, 'twenty events at ten a second')
  for (let count = 0; count < 40; count++) void client.publish('orders', { count })
  t.throws(() => client.publish('orders', {}), /too many events wait/)
  await client.close()
  await t.rejects(client.publish('orders', {}), /closed/)

  const stranger = new StreamClient({ url, credential: () => ({ attributes: { 'x-api-key': 'a-wrong-key' } }) })
  await t.rejects(stranger.publish('orders', {}), /4401/)
  await runReadme(t, port)
  t.ok(await gateway.stop())
  t.equal((await journalContents(join(folder, 'data/journal'))).stored.length, 61)
})

