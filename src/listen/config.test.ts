// Listeners and connections: what is filled in, and what is refused.

import { Ajv } from 'ajv'
import t from 'tap'
import { connectionsConfig, isDataListener, listenersConfig } from './config.ts'

const ajv = new Ajv({ useDefaults: true, allErrors: true, strict: false })

t.test('a listener listens on the loopback address and over TCP unless told otherwise', async t => {
  const { items } = listenersConfig
  const [data, grpc, mqtt, health, admin] = items.anyOf
  const http = { protocol: 'http', port: 8080 }
  t.ok(ajv.validate(data, http))
  t.same(http, {
    protocol: 'http', port: 8080, host: '127.0.0.1', insecure: false, proxyProtocol: false, trustedProxies: []
  })
  const streams = { protocol: 'grpc', port: 9090 }
  t.ok(ajv.validate(grpc, streams))
  t.same(streams, { ...http, protocol: 'grpc', port: 9090 })
  const devices = { protocol: 'mqtt', port: 1883 }
  t.ok(ajv.validate(mqtt, devices))
  t.same(devices, { ...http, protocol: 'mqtt', port: 1883, transport: 'tcp', origins: [] })
  const probes = { protocol: 'health', port: 0 }
  t.ok(ajv.validate(health, probes))
  t.same(probes, { protocol: 'health', port: 0, host: '127.0.0.1' })
  const control = { protocol: 'admin', port: 9901 }
  t.ok(ajv.validate(admin, control))
  t.same(control, { protocol: 'admin', port: 9901, host: '127.0.0.1', insecure: false })
  const secure = { protocol: 'http', port: 8443, tls: { cert: 'a', key: 'b' } }
  t.ok(ajv.validate(data, secure))
  t.match(secure, { tls: { minVersion: 'TLSv1.2' } })
})

t.test('workers open the listeners that take events, and no others', async t => {
  const at = { host: '127.0.0.1', port: 0 }
  t.ok(isDataListener({ ...at, protocol: 'http', insecure: false, proxyProtocol: false, trustedProxies: [] }))
  t.notOk(isDataListener({ ...at, protocol: 'health' }))
  t.notOk(isDataListener({ ...at, protocol: 'admin', insecure: false }))
})

const wrong: unknown[] = [
  [],
  [{ protocol: 'gopher', port: 70 }],
  [{ protocol: 'http' }],
  [{ protocol: 'http', port: 65_536 }],
  [{ protocol: 'http', port: 1, tls: { cert: 'a' } }],
  [{ protocol: 'http', port: 1, tls: { cert: 'a', key: 'b', minVersion: 'TLSv1.1' } }],
  [{ protocol: 'health', port: 1, tls: { cert: 'a', key: 'b' } }],
  [{ protocol: 'http', port: 1, tls: { cert: 'a', key: 'b', clientCertificate: 'maybe' } }],
  [{ protocol: 'http', port: 1, trustedProxies: ['proxy.example'] }],
  [{ protocol: 'http', port: 1, prot: 2 }]
]
for (const listeners of wrong) {
  t.test(`listeners ${JSON.stringify(listeners)} are refused`, async t => { t.notOk(ajv.validate(listenersConfig, listeners)) })
}

t.test('connections have bounds without being told', async t => {
  const section = {}
  t.ok(ajv.validate(connectionsConfig, section))
  t.same(section, {
    headerBytesMax: 16_384,
    headersTimeoutMs: 10_000,
    keepAliveTimeoutMs: 65_000,
    idleTimeoutMs: 120_000,
    handshakeTimeoutMs: 10_000,
    handshakesPerSecondMax: 1_000,
    frameBytesMax: 1_048_576
  })
  const bad = [
    { headerBytesMax: 100 }, { headersTimeoutMs: 0 }, { keepAliveTimeoutMs: -1 }, { handshakeTimeoutMs: 1 },
    { handshakesPerSecondMax: 0 }
  ]
  for (const value of bad) {
    t.notOk(ajv.validate(connectionsConfig, { ...value }), JSON.stringify(value))
  }
})
