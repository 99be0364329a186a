// Two gateways with one Redis: a quota that both of them use up together, and what is told when it is.

import t from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { skipWithoutRedis, startRedis } from '../support/redis-process.ts'

const config = (url: string): string => `
listeners: [ { protocol: http, port: 0 }, { protocol: health, port: 0 } ]
workers: 2
sink: journal
sharedLimits: { redis: { url: "${url}", commandTimeoutMs: 5000, connectTimeoutMs: 10000 }, onStoreFailure: deny }
routes:
  - { name: a, channel: a, topic: a, policies: [ quota: { eventsMax: 10, window: day, per: route, across: cluster } ] }
`

async function send ({ port }: GatewayProcess): Promise<{ status: number, code: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/events/a`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}'
  })
  const { code } = await response.json() as { code?: unknown }
  return { status: response.status, code }
}

t.test('two gateways let pass together what one quota holds', { skip: skipWithoutRedis() }, async t => {
  const redis = await startRedis()
  t.teardown(() => redis.kill())
  const folder = t.testdir({ one: {}, other: {} })
  const gateways = await Promise.all(['one', 'other'].map(name =>
    startGatewayProcess(`${folder}/${name}`, config(redis.url))))
  t.teardown(() => Promise.all(gateways.map(gateway => gateway.stop())))
  const told: { status: number, code: unknown }[] = []
  for (let round = 0; round < 20; round++) for (const gateway of gateways) told.push(await send(gateway))
  t.equal(told.filter(({ status }) => status < 300).length, 10, JSON.stringify(told))
  t.same(new Set(told.filter(({ status }) => status >= 300).map(({ code }) => code)), new Set(['rate-limited']))
  for (const { healthPort } of gateways) {
    t.equal(await metricOf(healthPort, 'sluice_store_up'), 2, 'both workers have the store')
  }
})
