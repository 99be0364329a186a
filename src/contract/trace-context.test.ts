// Tests of the trace context: what is passed on and what is dropped.

import t from 'tap'
import { readTraceparent, readTracestate } from './trace-context.ts'

const good = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

t.test('a valid traceparent passes as it came', async t => {
  t.equal(readTraceparent(good), good)
  t.equal(readTraceparent(`01${good.slice(2)}-more`), `01${good.slice(2)}-more`, 'a later version may have more parts')
})

t.test('a malformed traceparent is none', async t => {
  const bad = [
    undefined, '', 'repeated', good.slice(1), good.toUpperCase(), `${good}-more`, `ff${good.slice(2)}`,
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
    `01${good.slice(2)}-${'x'.repeat(600)}`
  ]
  for (const value of bad) t.equal(readTraceparent(value), undefined, String(value))
})

t.test('a tracestate needs a traceparent and at most 512 characters', async t => {
  t.equal(readTracestate('a=1', good), 'a=1')
  t.equal(readTracestate('a=1', undefined), undefined)
  t.equal(readTracestate('a'.repeat(513), good), undefined)
  t.equal(readTracestate('', good), undefined)
})
