// A gateway delivers to a real broker over plaintext, TLS and SASL_SSL, and Kafka's own console consumer shows it.

import t from 'tap'
import type { Test } from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { startKafka } from '../support/kafka-rig.ts'
import type { KafkaRig } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'

const password = 'alice-secret-7d1f'
const scram = 'sasl: { mechanism: scram-sha-512, username: alice, password: "${env:KAFKA_PASSWORD}" } }'

const config = (kafka: string): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
kafka: ${kafka}
routes:
  - name: orders
    channel: orders/{region}
    parameters: { region: { enum: [plaintext, tls, sasl, denied, missing] } }
    topic: orders.{region}
    key: { pointer: /customer }
    headers: [ x-trace ]
`

interface Answer { readonly status: number, readonly body: Record<string, unknown> }

async function send (gateway: GatewayProcess, region: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/events/orders/${region}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-trace': 'abc', 'x-other': 'stays' },
    body: `{"customer":"c-1","amount":1e999,"region":"${region}"}`
  })
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}

async function delivers (t: Test, kafka: KafkaRig, gateway: GatewayProcess, region: string): Promise<void> {
  const { status, body } = await send(gateway, region)
  t.equal(status, 200, JSON.stringify(body))
  t.match(body, { outcome: 'written', ack: 'kafka', topic: `orders.${region}`, source: `/orders/${region}`, offset: 0 })
  const shown = await kafka.consoleConsume(`orders.${region}`, { count: 1 })
  t.match(shown, 'c-1', 'the key')
  t.match(shown, `{"customer":"c-1","amount":1e999,"region":"${region}"}`, 'the value, byte for byte')
  for (const header of ['ce_specversion:1.0', `ce_id:${String(body.id)}`, `ce_source:/orders/${region}`,
    'ce_type:sluice.event', 'content-type:application/json', 'x-trace:abc']) t.match(shown, header, header)
  t.notMatch(shown, 'x-other')
}

t.test('a gateway in front of a real Kafka', { skip: await skipWithoutKafka('sasl'), timeout: 300_000 }, async t => {
  const kafka = await startKafka({ users: [{ name: 'alice', password }] })
  t.teardown(() => kafka.stop())
  for (const region of ['plaintext', 'tls', 'sasl', 'denied']) {
    await kafka.createTopic(`orders.${region}`, { partitions: 3 })
  }
  await kafka.allowWrite('alice', 'orders.sasl')
  const start = async (name: string, section: string, env?: Record<string, string>): Promise<GatewayProcess> => {
    const gateway = await startGatewayProcess(`${t.testdirName}-${name}`, config(section), env)
    t.teardown(() => gateway.kill())
    return gateway
  }
  // Two of them wait for the deadline of their event.
  t.jobs = 3
  const [plaintext = '', ssl = '', sasl = ''] = [kafka.brokers[0], kafka.sslBrokers[0], kafka.saslBrokers[0]]

  t.test('plaintext', { buffered: true }, async t => {
    const gateway = await start('plaintext', `{ brokers: ["${plaintext}"] }`)
    await delivers(t, kafka, gateway, 'plaintext')
    const missing = await send(gateway, 'missing')
    t.equal(missing.status, 502)
    t.match(missing.body, { code: 'undeliverable', outcome: 'refused' })
    t.ok(await gateway.stop())
  })

  t.test('TLS, verified against the cluster\'s own CA', { buffered: true }, async t => {
    const gateway = await start('tls', `{ brokers: ["${ssl}"], tls: { ca: "${kafka.caPath}" } }`)
    await delivers(t, kafka, gateway, 'tls')
    t.ok(await gateway.stop())
  })

  t.test('TLS without the CA is refused, and health says why', { buffered: true }, async t => {
    const gateway = await start('no-ca', `{ brokers: ["${ssl}"], tls: true }`)
    const { status, body } = await send(gateway, 'tls')
    t.equal(status, 503)
    t.match(body, { code: 'sink-unavailable', outcome: 'refused', retryable: true })
    const ready = await (await fetch(`http://127.0.0.1:${gateway.healthPort}/readyz`)).text()
    t.match(ready, /degraded.*certificate/i)
    await gateway.stop()
  })

  t.test('SASL_SSL SCRAM-SHA-512 with an ACL for one topic', { buffered: true }, async t => {
    const gateway = await start('sasl', `{ brokers: ["${sasl}"], tls: { ca: "${kafka.caPath}" }, ` +
      scram, { KAFKA_PASSWORD: password })
    await delivers(t, kafka, gateway, 'sasl')
    const denied = await send(gateway, 'denied')
    t.equal(denied.status, 502)
    t.match(denied.body, { code: 'undeliverable', outcome: 'refused' })
    const answer = JSON.stringify(denied.body)
    t.notMatch(answer, /orders\.denied|authoriz|127\.0\.0\.1|alice/i, 'the cause is not in the answer')
    t.match(gateway.log(), /orders\.denied/, 'but in the operator\'s log')
    t.match(gateway.log(), /AUTHORIZATION/i)
    t.notMatch(gateway.log() + answer, password)
    t.same(await kafka.readAll('orders.denied'), [])
    t.ok(await gateway.stop())
  })

  t.test('a wrong password is told by health and log, without showing it', { buffered: true }, async t => {
    const gateway = await start('wrong', `{ brokers: ["${sasl}"], tls: { ca: "${kafka.caPath}" }, ` +
      scram, { KAFKA_PASSWORD: 'wrong-9c2e' })
    const { status, body } = await send(gateway, 'sasl')
    t.equal(status, 503)
    t.match(body, { code: 'sink-unavailable' })
    const ready = await (await fetch(`http://127.0.0.1:${gateway.healthPort}/readyz`)).text()
    t.match(ready, /degraded.*(authentication|credentials|SASL)/i)
    t.notMatch(gateway.log() + ready, 'wrong-9c2e')
    await gateway.stop()
  })
})
