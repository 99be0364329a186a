// Tests of the connection for questions: it answers by promises, and none of them waits for ever.

import t from 'tap'
import { startBrokerDouble } from '../../../test/support/broker-double/index.ts'
import { systemClock } from '../clock.ts'
import { addressOf } from '../config.ts'
import { openAsking } from './asking.ts'
import type { Asking } from './asking.ts'

function open (broker: string): Promise<Asking> {
  return openAsking(addressOf(broker), {
    tls: undefined, sasl: undefined, clientId: 'c', connectionTimeoutMs: 2_000, requestTimeoutMs: 2_000, clock: systemClock
  })
}

t.test('questions are answered one after the other', async t => {
  const double = await startBrokerDouble({ topics: { here: { partitions: 2 } } })
  t.teardown(() => double.stop())
  const asking = await open(double.brokers[0] ?? '')
  t.match(await asking.metadata(['here', 'gone']), {
    topics: [{ name: 'here', code: 0, partitions: [{ replicaCount: 1 }, {}] }, { name: 'gone', code: 3 }]
  })
  t.match(await asking.initProducerId(), { epoch: 0 })
  const late = asking.metadata(['here'])
  asking.close()
  await t.rejects(late, { message: /no more questions/ })
  await t.rejects(asking.initProducerId(), { message: /no more questions/ })
  t.same(double.violations, [])
})

t.test('a broker that is not there rejects the opening', async t => {
  await t.rejects(open('127.0.0.1:1'), { code: 'ECONNREFUSED' })
})
