// Proves what the config room understands of a schema: the branch that was meant, and what is expected in words.

import t from 'tap'
import { branchFor, describe, isSecret } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

t.test('expectations are said in words', async (t) => {
  const rows: [JsonSchema, string][] = [
    [{ type: 'integer', minimum: 1 }, 'a whole number, at least 1'],
    [{ type: 'integer', maximum: 9 }, 'a whole number, at most 9'],
    [{ type: 'number', exclusiveMinimum: 0 }, 'a number above 0'],
    [{ type: 'string', minLength: 1 }, 'text that is not empty'],
    [{ type: 'string', maxLength: 3, pattern: '^a' }, 'text of at most 3 characters that matches ^a'],
    [{ type: 'array', minItems: 1, maxItems: 4 }, 'a list of 1 to 4 items'],
    [{ enum: ['a', 'b'] }, 'one of: a, b'],
    [{ anyOf: [{ enum: ['auto'] }, { type: 'integer', minimum: 1 }] }, 'one of: auto, or a whole number, at least 1'],
    [{ 'x-bytes': { minimumBytes: 4_096, maximumBytes: 1_048_576 } },
      'a byte size such as 512, 64KiB or 1GiB, at least 4KiB, at most 1MiB']
  ]
  for (const [schema, text] of rows) t.equal(describe(schema), text)
})

t.test('of a union of mappings that branch is meant whose constant or keys stand there', async (t) => {
  const disk: JsonSchema = { type: 'object', properties: { kind: { const: 'disk' }, dir: { type: 'string' } } }
  const net: JsonSchema = { type: 'object', properties: { kind: { const: 'net' }, dir: {}, host: { type: 'string' } } }
  const union: JsonSchema = { anyOf: [disk, net, { type: 'boolean' }] }
  const fits = (): boolean => false
  t.match(branchFor(union, { kind: 'net', dir: 1 }, fits), net)
  t.match(branchFor(union, { kind: 'disk', host: 1, dir: 1 }, fits), disk)
  t.match(branchFor(union, { host: 'a' }, fits), net)
  t.match(branchFor(union, true, fits), { type: 'boolean' })
  t.equal(branchFor(union, 'text', fits), undefined)
})

t.test('a union with a secret branch is a secret', async (t) => {
  t.ok(isSecret({ anyOf: [{ type: 'boolean' }, { type: 'string', 'x-secret': true }] }))
  t.notOk(isSecret({ anyOf: [{ type: 'boolean' }, { type: 'string' }] }))
})
