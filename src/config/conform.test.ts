// Proves what the walk makes of unions: the branch that was meant, its defaults, and one mistake in place of many.

import t from 'tap'
import { conform } from './conform.ts'
import type { JsonSchema } from './json-schema.ts'

const sources = { env: { KIND: 'file' }, baseDir: '/', readFile: () => '' }

const union: JsonSchema = {
  description: 'Where.',
  anyOf: [
    {
      type: 'object', additionalProperties: false, required: ['kind', 'path'],
      properties: { kind: { const: 'file' }, path: { type: 'string', default: '/x' } }
    },
    {
      type: 'object', additionalProperties: false, required: ['kind', 'url', 'retry'],
      properties: {
        kind: { const: 'web' }, url: { type: 'string' },
        retry: { type: 'object', required: ['count'], properties: { count: { type: 'integer', default: 3 } } }
      }
    },
    { type: 'boolean' }
  ]
}

t.test('the branch that its constant marks fills in its own defaults', async (t) => {
  t.strictSame(conform(union, { kind: 'file' }, sources).value, { kind: 'file', path: '/x' })
  t.strictSame(conform(union, { kind: 'web', url: 'u' }, sources).value, { kind: 'web', url: 'u', retry: { count: 3 } })
  t.strictSame(conform(union, { kind: '${env:KIND}' }, sources).value, { kind: 'file', path: '/x' })
  t.equal(conform(union, false, sources).value, false)
})

t.test('a wrong or missing mark is one mistake that lists all marks', async (t) => {
  t.match(conform(union, { kind: 'fiel', path: 'a' }, sources).found, [
    { path: ['kind'], problem: 'unknown value "fiel"', expected: 'one of: file, web', suggestion: 'file' }
  ])
  t.equal(conform(union, { kind: 'fiel', path: 'a' }, sources).found.length, 1)
  t.match(conform(union, { path: 'a' }, sources).found, [{ path: ['kind'], problem: 'missing', expected: 'one of: file, web' }])
  t.match(conform(union, 'text', sources).found, [{ path: [], problem: 'got text', expected: 'a mapping, or true or false' }])
})

t.test('the given document is left as it is', async (t) => {
  const given = Object.freeze({ kind: 'file' })
  conform(union, given, sources)
  t.strictSame(given, { kind: 'file' })
})

t.test('a required mapping that its defaults fill may be left out, and one that lacks something is named as a whole', async (t) => {
  const schema: JsonSchema = {
    type: 'object', required: ['a', 'b'], properties: {
      a: { type: 'object', required: ['x'], properties: { x: { type: 'integer', default: 1 } } },
      b: { type: 'object', required: ['y'], properties: { y: { type: 'integer' } } }
    }
  }
  const { value, found } = conform(schema, {}, sources)
  t.match(value, { a: { x: 1 } })
  t.match(found, [{ path: ['b'], problem: 'missing', expected: 'a mapping' }])
  t.equal(found.length, 1)
})

t.test('what a text must be is told in words where there are some, and a name that stands elsewhere is told where', async (t) => {
  const schema: JsonSchema = {
    type: 'object', 'x-choice': 'policy', 'x-elsewhere': { names: ['gate'], place: 'top-level policies' },
    properties: {
      limit: { type: 'object', properties: { per: { type: 'string', pattern: '^a$', 'x-expected': 'the letter a' } } }
    }
  }
  t.match(conform(schema, { limit: { per: 'b' } }, sources).found, [{ problem: 'got "b"', expected: 'the letter a' }])
  t.match(conform(schema, { gate: {} }, sources).found, [
    { problem: 'the policy "gate" does not stand here', expected: 'it in the top-level policies' }
  ])
  t.match(conform(schema, { none: {} }, sources).found, [{ problem: 'unknown policy "none"' }])
})
