// Tests of the header pass: what it finds, in any case, and what it says of repeats.

import t from 'tap'
import type { IncomingMessage } from 'node:http'
import { readHead } from './head.ts'

function headOf (...rawHeaders: string[]) {
  return readHead({ rawHeaders } as unknown as IncomingMessage)
}

t.test('names are found whatever their case', async t => {
  t.match(headOf(
    'CONTENT-TYPE', 'a/b', 'Content-Length', '12', 'content-encoding', 'gzip', 'Idempotency-Key', 'k', 'X-Request-Id', 'r',
    'HOST', 'h', 'Transfer-Encoding', 'chunked', 'TraceParent', 'p', 'tracestate', 's'
  ), {
    contentType: 'a/b', contentLength: 12, contentEncoding: 'gzip', idempotencyKey: 'k', requestId: 'r',
    host: 'h', transferEncoding: 'chunked', traceparent: 'p', tracestate: 's', contextPairs: undefined, repeated: undefined
  })
})

t.test('ce- headers are collected without their prefix, in lower case', async t => {
  t.same(headOf('Ce-Id', '1', 'cE-Type', 'T', 'cookie', 'x', 'ce', 'y', 'cex-a', 'z').contextPairs, ['id', '1', 'type', 'T'])
})

t.test('a header that may come once and comes twice is named', async t => {
  t.equal(headOf('ce-id', '1', 'CE-ID', '2').repeated, 'ce-id')
  t.equal(headOf('content-type', 'a/b', 'Content-Type', 'c/d').repeated, 'content-type')
  t.equal(headOf('host', 'a', 'Host', 'a').repeated, 'host')
  t.equal(headOf('idempotency-key', 'a', 'idempotency-key', 'a').repeated, 'idempotency-key')
})

t.test('list headers are joined, a repeated traceparent is none', async t => {
  const head = headOf('tracestate', 'a=1', 'tracestate', 'b=2', 'content-encoding', 'gzip', 'content-encoding', 'br',
    'traceparent', 'x', 'traceparent', 'y')
  t.equal(head.tracestate, 'a=1,b=2')
  t.equal(head.contentEncoding, 'gzip, br')
  t.equal(head.traceparent, 'repeated')
})
