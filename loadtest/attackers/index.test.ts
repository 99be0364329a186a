// Some attackers of each kind against a gateway with short limits: each is dropped, in the way it is to be.

import t from 'tap'
import type { Test } from 'tap'
import { metricOf } from '../../test/support/metrics.ts'
import { until } from '../../test/support/until.ts'
import { endChild, messageOf, startChild } from '../bench/child.ts'
import { attacks } from './attacks.ts'
import { attackChannel, attackKey, goodKey, memoryBytesMax } from './besides.ts'
import { Crowd } from './crowd.ts'
import { summaryOf } from './endings.ts'
import type { GatewayListening, GatewaySetup } from './gateway.ts'

const timeoutMs = 1_000
/** Each of these makes the gateway tell some megabytes. */
const fewCount = 5
const manyCount = 50
const startMs = 60_000
const dropMs = 60_000
/** The same as smaller ones of their kind, and long in the making. */
const left: readonly string[] = ['ws-bombs', 'grpc-bombs']

const setup: GatewaySetup = {
  // Nothing of what is sent here gets as far as Kafka.
  brokers: ['127.0.0.1:1'], topic: 'good', attackTopic: 'attack', folder: t.testdir(), goodKey, attackKey,
  attackChannel, timeoutMs, memoryBytesMax, profile: false
}
const file = new URL('./gateway.ts', import.meta.url)
const gateway = startChild({ file, args: [JSON.stringify(setup)], core: undefined })
t.teardown(() => endChild(gateway))
const { ports } = await messageOf<GatewayListening>(gateway, startMs)

async function attack (t: Test, name: keyof typeof attacks): Promise<void> {
  const made = await attacks[name]({ timeoutMs }, { apiKey: attackKey, channel: attackChannel })
  const count = made.deaf === true ? fewCount : manyCount
  const crowd = new Crowd({ attack: made, port: ports[made.listener], count, cpuShare: 1, againMs: dropMs })
  t.teardown(() => { crowd.stop() })
  void crowd.run()
  await until(() => crowd.endings.length === count, {
    timeoutMs: dropMs, what: () => `${name}: ${count} to be dropped; ${JSON.stringify(summaryOf(crowd.endings))}`
  })
  crowd.stop()
  t.same(Object.keys(summaryOf(crowd.endings).ways).filter(way => !made.ends.test(way)), [])
  t.equal(crowd.refusedCount, 0)
}

const names = (Object.keys(attacks) as (keyof typeof attacks)[]).filter(name => !left.includes(name))
// At the same time: most attackers only wait.
t.test('attackers', { jobs: names.length, timeout: 120_000 }, async t => {
  for (const name of names) void t.test(`${name} are dropped`, t => attack(t, name))
})

t.test('when they are gone nothing is held, and the worker lives', async t => {
  const levels = ['sluice_connections_active', 'sluice_budget_used_bytes', 'sluice_pre_auth_bytes', 'sluice_grpc_calls_in_flight']
  const held = async (): Promise<number[]> => Promise.all(levels.map(name => metricOf(ports.health, name)))
  await until(async () => (await held()).every(level => level === 0), { timeoutMs: 20_000, what: () => `nothing of ${levels.join(', ')}` })
  t.equal(await metricOf(ports.health, 'sluice_worker_restarts_total'), 0)
})
