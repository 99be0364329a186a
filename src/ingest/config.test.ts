// Routes and limits: what is filled in, and what is refused before anything is compiled.

import { Ajv } from 'ajv'
import t from 'tap'
import { bytesKeyword } from '../contract/setting.ts'
import { limitsConfig, routeConfig } from './config.ts'

const ajv = new Ajv({ useDefaults: true, allErrors: true, strict: false, keywords: [bytesKeyword] })
const least = { name: 'orders', channel: 'orders/{region}', topic: 'orders' }

t.test('a route needs a name, a channel and a topic, the rest has defaults', async t => {
  const route = { ...least }
  t.ok(ajv.validate(routeConfig, route))
  t.same(route, {
    ...least, type: 'sluice.event', headers: [], format: 'binary', json: 'check', allowTombstone: false, topicsMax: 100
  })
  for (const name of Object.keys(least)) t.notOk(ajv.validate(routeConfig, { ...least, [name]: undefined }), name)
})

t.test('empty limits mean their defaults', async t => {
  const limits: Record<string, unknown> = {}
  t.ok(ajv.validate(limitsConfig, limits))
  t.match(limits, { bufferBytesMax: '64MiB', inFlightEventsMax: 100_000, replyTimeoutMs: 8_000, drainMs: 20_000 })
})

const wrongRoutes: object[] = [
  { name: 'a b' }, { name: '' }, { channel: '' }, { topic: 'x'.repeat(250) }, { ack: 'all' }, { format: 'avro' },
  { compression: 'brotli' }, { compression: true },
  { json: 'maybe' }, { headers: ['X-Upper'] }, { headers: ['a b'] }, { key: {} }, { key: { pointer: 'a' } },
  { key: { template: 'a', principal: true } }, { key: { principal: false } }, { key: { extension: 'A' } },
  { topicsMax: 0 }, { parameters: { region: { enum: [] } } }, { parameters: { region: { enum: [''] } } },
  { parameters: { region: { values: ['a'] } } }
]
for (const wrong of wrongRoutes) {
  t.test(`a route with ${JSON.stringify(wrong).slice(0, 60)} is refused`, async t => {
    t.ok(ajv.validate(routeConfig, structuredClone(least)))
    t.notOk(ajv.validate(routeConfig, { ...least, ...structuredClone(wrong) }))
  })
}

const wrongLimits = [
  { inFlightEventsMax: 0 }, { inFlightEventsMax: 1_000_001 }, { replyTimeoutMs: 0 }, { drainMs: -1 }, { drainms: 1 }
]
for (const wrong of wrongLimits) {
  t.test(`limits with ${JSON.stringify(wrong)} are refused`, async t => { t.notOk(ajv.validate(limitsConfig, { ...wrong })) })
}
