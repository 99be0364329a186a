// Proves that the assembled schema is closed everywhere and that no two rooms can claim one key.

import t from 'tap'
import { testParts } from '../../test/support/config-parts.ts'
import { isRecord } from './json-schema.ts'
import { assembleSchema } from './schema.ts'

t.test('every mapping with named keys refuses other keys', async (t) => {
  let mappings = 0
  const walk = (schema: unknown): void => {
    if (Array.isArray(schema)) schema.forEach(walk)
    if (!isRecord(schema)) return
    if (isRecord(schema.properties) && schema.type === 'object') {
      mappings++
      t.equal(schema.additionalProperties, false)
    }
    Object.values(schema).forEach(walk)
  }
  walk(assembleSchema(testParts))
  t.ok(mappings > 15)
})

t.test('two rooms that claim one key are a bug of the program', async (t) => {
  const rest = { ...testParts.adapters[0], name: 'kafka', config: {}, routeConfig: {} }
  t.throws(() => assembleSchema({ ...testParts, adapters: [rest] }), /claim the config key kafka/)
  const twice = { name: 'x', config: {}, routeConfig: { topic: {} } }
  t.throws(() => assembleSchema({ ...testParts, adapters: [twice] }), /claim the config key topic/)
})

t.test('the schema is plain JSON', async (t) => {
  const schema = assembleSchema(testParts)
  t.strictSame(JSON.parse(JSON.stringify(schema)), schema)
})
