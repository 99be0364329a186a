// Quotas that survive a restart: their file has one gateway at a time, and the next one goes on with its counts.

import t from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'

const config = (journal: string): string => `
sink: journal
journal: { dir: ${journal} }
workers: 2
listeners: [ { protocol: http, port: 0 } ]
limits: { quotaFile: kept/quotas }
routes:
  - { name: a, channel: a, topic: a, policies: [ quota: { eventsMax: 3, window: day, per: route } ] }
`

t.test('a second gateway with the same file of quotas does not start, the one after a kill -9 does', { timeout: 120_000 }, async t => {
  const folder = t.testdir()
  const first = await startGatewayProcess(folder, config('one'))
  const statuses: number[] = []
  const post = async (port: number): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/events/a`, { method: 'POST', body: 'x' })
    statuses.push(response.status)
  }
  await post(first.port)
  await t.rejects(startGatewayProcess(folder, config('two')), /kept\/quotas is in use by another gateway/)
  await post(first.port)
  t.ok(await first.stop())

  const second = await startGatewayProcess(folder, config('two'))
  await post(second.port)
  await post(second.port)
  t.same(statuses, [200, 200, 200, 429], 'the counts of the first go on')
  await second.kill('SIGKILL')
  const third = await startGatewayProcess(folder, config('two'))
  t.ok(await third.stop())
})
