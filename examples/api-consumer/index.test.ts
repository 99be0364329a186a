// The classic story as its README tells it: this very config, a real broker over SASL_SSL, two workers.

import t from 'tap'
import { readFileSync } from 'node:fs'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import { startKafka } from '../../test/support/kafka-rig.ts'
import { skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { metricOf } from '../../test/support/metrics.ts'

const text = readFileSync(new URL('./sluice.yaml', import.meta.url), 'utf8')
const password = 'sluice-secret-3f8a'

/** The example with the addresses of this test; nothing else of it changes. */
function configFor (broker: string, caPath: string): string {
  const changed = text.replace('127.0.0.1:9094', broker).replace('./ca.pem', `"${caPath}"`)
    .replace('- { protocol: http, port: 8000 }', '- { protocol: http, port: 0 }\n  - { protocol: health, port: 0 }')
  if (!changed.includes(broker) || !changed.includes(caPath) || !changed.includes('health')) {
    throw new Error('the example changed: adapt this test')
  }
  return changed
}

t.test('partners send orders up to their rate, and nobody else does', {
  skip: await skipWithoutKafka('sasl'), timeout: 240_000
}, async t => {
  const kafka = await startKafka({ users: [{ name: 'sluice', password }] })
  t.teardown(() => kafka.stop())
  await kafka.createTopic('orders', { partitions: 3 })
  await kafka.allowWrite('sluice', 'orders')
  const config = configFor(kafka.saslBrokers[0] ?? '', kafka.caPath)
  const gateway = await startGatewayProcess(t.testdir(), config, { KAFKA_PASSWORD: password })
  t.teardown(() => gateway.kill())
  const send = async (key: string | undefined, data: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${gateway.port}/orders`, {
      // A connection for each, so that both workers are asked.
      method: 'POST', body: data, headers: {
        'content-type': 'application/json', 'connection': 'close', ...(key === undefined ? {} : { apikey: key })
      }
    })

  const stranger = await send(undefined, '{"customerId":"c1"}')
  t.match({ status: stranger.status, challenge: stranger.headers.get('www-authenticate') }, { status: 401, challenge: /ApiKey/ })
  t.equal((await send('shop-key-of-the-exampl', '{"customerId":"c1"}')).status, 401)
  const guest = await send('guest-key-of-the-example', '{"customerId":"c1"}')
  t.match({ status: guest.status, body: await guest.json() }, { status: 403, body: { code: 'forbidden', outcome: 'refused' } })

  const large = `{"customerId":"c1","note":"${'x'.repeat(200)}"}`
  const answers = await Promise.all(Array.from({ length: 20 }, () => send('shop-key-of-the-example', large)))
  const written = answers.filter(({ status }) => status === 200)
  t.equal(written.length, 5, `five of twenty at once, over both workers: ${answers.map(({ status }) => status).join(' ')}`)
  const refused = answers.find(({ status }) => status === 429)
  t.match(await refused?.json(), { code: 'rate-limited', outcome: 'refused', retryable: true })
  const waitSeconds = Number(refused?.headers.get('retry-after'))
  t.ok(waitSeconds >= 1 && waitSeconds <= 10, `${waitSeconds} s`)
  for (const one of written) t.match(await one.json(), { outcome: 'written', ack: 'kafka', topic: 'orders' })

  const decisions = (policy: string, decision: string): Promise<number> =>
    metricOf(gateway.healthPort, 'sluice_policy_decisions_total', `{policy="${policy}",decision="${decision}"`)
  t.equal(await decisions('payload-limit', 'would-refuse'), 5, 'in shadow mode it counts')
  t.equal(await decisions('rate-limit', 'refuse'), 15)
  t.equal((await kafka.readAll('orders')).length, 5)
  t.ok(await gateway.stop())
  t.notMatch(gateway.log(), password)
})
