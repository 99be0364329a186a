// Proves that the reference lists every setting once, with what it takes and its default.

import t from 'tap'
import { testParts } from '../../test/support/config-parts.ts'
import { editorSchema, renderReference } from './documentation.ts'
import { assembleSchema } from './schema.ts'

const schema = assembleSchema(testParts)

t.test('every setting has one row', async (t) => {
  const text = renderReference(schema)
  const keys = [...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1])
  t.equal(new Set(keys).size, keys.length)
  for (const key of ['listeners[].tls.cert', 'kafka.sasl.password', 'policies[].acl.allow', 'routes[].http.methods',
    'principals[].credentials[].apiKey', 'routes[].parameters.NAME.enum', 'routes[].key.template', 'rest.decompressedBytesMax']) {
    t.ok(keys.includes(key), key)
  }
  t.match(text, '| `listeners[].protocol` | "http", or "health" | required | What is spoken there. |\n')
  t.match(text, '| `kafka.producer.batchBytesMax` | a byte size, at most 16MiB | `1MiB` | Largest batch. |\n')
  t.match(text, '| `kafka.sasl.password` | text, secret | required | Password. |\n')
})

t.test('the editor schema has no keyword of our own', async (t) => {
  t.notMatch(JSON.stringify(editorSchema(schema)), /"x-[a-z]+":/)
})

t.test('a setting that only one branch of a union needs is not said to be required', async t => {
  const limits = {
    type: 'object',
    properties: { eventsMax: { type: 'integer' }, bytesMax: { type: 'integer' }, name: { type: 'string' } },
    anyOf: [{ required: ['name', 'eventsMax'] }, { required: ['name', 'bytesMax'] }]
  }
  const text = renderReference({ type: 'object', properties: { limits } })
  t.match(text, /`limits\.eventsMax` \| a whole number \|  \|/)
  t.match(text, /`limits\.bytesMax` \| a whole number \|  \|/)
  t.match(text, /`limits\.name` \| text \| required \|/)
})
