// Proves that a config can be shown: its secrets, hashes and passwords are not in it, everything else is.

import t from 'tap'
import { schema, settingChecks } from '../settings.ts'
import { hideSecrets } from './hidden.ts'
import type { JsonSchema } from './json-schema.ts'
import { loadConfig } from './load.ts'

const digest = 'c'.repeat(64)

function shownOf (text: string): Record<string, unknown> {
  const loaded = loadConfig({
    text, path: 'sluice.yaml', env: { HIDDEN: 'canary-environment' }, readFile: () => 'canary-file', schema, checks: settingChecks
  })
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
  return hideSecrets(schema, loaded.document) as Record<string, unknown>
}

t.test('secrets and hashes are hidden, whatever they are written as; the rest is whole', async t => {
  const shown = shownOf(`listeners: [ { protocol: http, port: 8080 } ]
kafka:
  brokers: [ "a:1" ]
  sasl: { mechanism: plain, username: shop, password: "canary-\${env:HIDDEN}" }
principals: [ { name: anna, groups: [ shops ], attributes: { site: eu }, credentials: [ { apiKey: "sha256:${digest}" } ] } ]
authentication: [ auth-api-key ]
admin: { tokens: [ "sha256:${digest}" ], hosts: [ gateway.example ] }
tracing: { otlpUrl: "http://user:canary@url@127.0.0.1:4318/v1/traces" }
routes: [ { name: a, channel: a, topic: a, policies: [ { payload-limit: { bytesMax: 1KiB } } ] } ]
`)
  t.match(shown, {
    kafka: { brokers: ['a:1'], sasl: { mechanism: 'plain', username: 'shop', password: '***' } },
    principals: [{ name: 'anna', groups: ['shops'], attributes: { site: 'eu' }, credentials: [{ apiKey: '***' }] }],
    admin: { tokens: ['***'], hosts: ['gateway.example'] },
    tracing: { otlpUrl: 'http://***@127.0.0.1:4318/v1/traces' },
    limits: { bufferBytesMax: 67_108_864 },
    routes: [{ name: 'a', policies: [{ 'payload-limit': { bytesMax: 1_024 } }] }]
  })
  t.notMatch(JSON.stringify(shown), 'canary')
  t.notMatch(JSON.stringify(shown), digest)
})

t.test('what no schema describes is hidden, and so is all below a hidden point but the names of its keys', async t => {
  const text: JsonSchema = { type: 'string' }
  const odd: JsonSchema = {
    type: 'object',
    properties: {
      open: text,
      hidden: {
        'x-hide': true, type: 'array', items: { type: 'object', properties: { kind: text, free: { type: 'object' } } }
      }
    }
  }
  t.same(hideSecrets(odd, { open: 'a', unknown: 'b', hidden: [{ kind: 'c', free: { d: 'e' } }] }), {
    open: 'a', unknown: '***', hidden: [{ kind: '***', free: '***' }]
  })
})
